/**
 * beanstalkd: one server whose binlog is fsynced at every write. Its protocol is lines of text; a client here
 * sends one command and reads one answer, or many commands and as many answers.
 */
import assert from "node:assert/strict";
import { eventually, freePort, isInstalled, type Processes, startWith } from "./processes.ts";
import type { Consumers, QueueSystem, Told, Topic } from "./queue_system.ts";

const TIME_TO_RUN_SECONDS = 120;
const PRIORITY = 1024;

/** @returns null, with the reason on the console, where beanstalkd is not installed */
export async function startBeanstalkd(): Promise<QueueSystem | null> {
  if (!await isInstalled("beanstalkd", "beanstalkd", ["-v"])) return null;
  return await startWith(startServer);
}

async function startServer(processes: Processes): Promise<QueueSystem> {
  const port = freePort();
  // deno-fmt-ignore
  processes.start("beanstalkd", [
    "-l", "127.0.0.1", "-p", String(port), "-b", processes.directory, "-f", "0",
  ], "beanstalkd");
  const probe = await eventually("beanstalkd", 10_000, () => Tube.connect(port));
  probe.close();
  return {
    name: "beanstalkd",
    processes,
    stop: () => processes.stop(),
    notes: ["beanstalkd: one server, no replica, binlog with an fsync at every write (-f 0)."],
    open: (topic) => Promise.resolve(openTube(port, topic)),
  };
}

function openTube(port: number, topic: string): Topic {
  const tubes: Tube[] = [];
  const connect = async () => {
    const tube = await Tube.connect(port);
    tubes.push(tube);
    return tube;
  };
  const publisher = async () => {
    const tube = await connect();
    await tube.ask(`use ${topic}\r\n`, 1);
    return async (bodies: readonly string[]) => {
      const answers = await tube.ask(bodies.map(putCommand).join(""), bodies.length);
      for (const { line } of answers) assert.match(line, /^INSERTED /);
    };
  };
  return {
    async publisher() {
      const publish = await publisher();
      return (body) => publish([body]);
    },
    batchPublisher: publisher,
    async consume(clients, max, told) {
      const running = await Promise.all(Array.from({ length: clients }, async () => {
        const tube = await connect();
        await tube.ask(`watch ${topic}\r\n`, 1);
        return consumeTube(tube, max, told);
      }));
      return {
        async stop() {
          await Promise.all(running.map((each) => each.stop()));
        },
      };
    },
    close() {
      for (const tube of tubes) tube.close();
      return Promise.resolve();
    },
  };
}

function putCommand(body: string): string {
  return `put ${PRIORITY} 0 ${TIME_TO_RUN_SECONDS} ${body.length}\r\n${body}\r\n`;
}

/** Reserves up to `max` with commands sent ahead, deletes what came, and goes on. */
function consumeTube(tube: Tube, max: number, told: Told): Consumers {
  let stopped = false;
  const running = (async () => {
    while (!stopped) {
      // The first waits a second, so that an empty tube is not asked over and over.
      const ahead = "reserve-with-timeout 0\r\n".repeat(max - 1);
      const answers = await tube.ask(`reserve-with-timeout 1\r\n${ahead}`, max);
      const reserved = answers.filter(({ line }) => line.startsWith("RESERVED "));
      if (reserved.length === 0) continue;
      for (const { body } of reserved) told.arrived(body);
      const deletes = reserved.map(({ line }) => `delete ${line.split(" ")[1]}\r\n`).join("");
      const deleted = await tube.ask(deletes, reserved.length);
      for (const { line } of deleted) assert.equal(line, "DELETED");
      told.acknowledged(reserved.length);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await running;
    },
  };
}

interface TubeAnswer {
  readonly line: string;
  /** Of a reserved job, else empty. */
  readonly body: string;
}

/** One connection; one `ask` at a time. */
class Tube {
  readonly #connection: Deno.TcpConn;
  readonly #chunk = new Uint8Array(256 * 1024);
  readonly #decoder = new TextDecoder("latin1");
  readonly #encoder = new TextEncoder();
  #text = "";

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async connect(port: number): Promise<Tube> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    connection.setNoDelay(true);
    return new Tube(connection);
  }

  /** @param commands in the protocol's form, `count` of them; bodies are ASCII */
  async ask(commands: string, count: number): Promise<readonly TubeAnswer[]> {
    const bytes = this.#encoder.encode(commands);
    const written = this.#writeAll(bytes);
    const answers: TubeAnswer[] = [];
    for (let at = 0; answers.length < count;) {
      const answer = parseAnswer(this.#text, at);
      if (answer !== null) {
        answers.push(answer);
        at = answer.end;
        if (answers.length < count) continue;
      }
      this.#text = this.#text.slice(at);
      at = 0;
      if (answers.length < count) await this.#read();
    }
    await written;
    return answers;
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let written = 0; written < bytes.length;) {
      written += await this.#connection.write(bytes.subarray(written));
    }
  }

  async #read(): Promise<void> {
    const count = await this.#connection.read(this.#chunk);
    assert(count !== null, "beanstalkd closed the connection within an answer");
    this.#text += this.#decoder.decode(this.#chunk.subarray(0, count));
  }

  close(): void {
    this.#connection.close();
  }
}

/** @returns null while the whole answer is not there yet */
function parseAnswer(text: string, from: number): TubeAnswer & { readonly end: number } | null {
  const lineEnd = text.indexOf("\r\n", from);
  if (lineEnd < 0) return null;
  const line = text.slice(from, lineEnd);
  const begin = lineEnd + 2;
  if (!line.startsWith("RESERVED ")) return { line, body: "", end: begin };
  const bodyEnd = begin + Number(line.split(" ")[2]);
  if (text.length < bodyEnd + 2) return null;
  return { line, body: text.slice(begin, bodyEnd), end: bodyEnd + 2 };
}
