/**
 * A process that plays one end of streams, ours or the original's, as a test sees it: commands that are answered,
 * and events that are waited for. It ends with the test.
 */
import { limitMs } from "../speed_limit.ts";
import { TextLineStream } from "./text_lines.ts";

export type Side = "ours" | "native";

export interface ActorEvent {
  readonly event: string;
  readonly id?: number;
  readonly bytes?: number;
  readonly ms?: number;
  readonly sha256?: string;
  readonly text?: string;
  readonly code?: string;
  readonly medianMs?: number;
  readonly p99Ms?: number;
}

export interface ActorStatus {
  readonly mtu: number;
  readonly rtt: number;
  readonly cwnd: number;
  readonly retransmits: number;
  readonly rtoCount: number;
  readonly packetsTransmitted: number;
  readonly userMs: number;
  readonly systemMs: number;
  readonly port: number;
  readonly flushed: boolean;
  readonly id: number;
  readonly key: string;
  readonly text: string;
}

interface Answer {
  readonly call?: number;
  readonly result?: ActorStatus;
  readonly failure?: string;
}

const PROGRAMS = {
  streams: { native: "native/original.mjs", ours: "our_actor.ts" },
  swarm: { native: "native/original_swarm.mjs", ours: "our_swarm.ts" },
} as const;
const FOLDER = new URL(".", import.meta.url);
const ANSWER_MS = 20_000;

export class Actor {
  readonly side: Side;
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #answers = new Map<number, (answer: Answer) => void>();
  readonly #events: ActorEvent[] = [];
  readonly #watchers = new Set<() => void>();
  readonly #reading: Promise<void>;
  #calls = 0;

  /** @param kind of actor: streams alone, or nodes of a DHT and swarms */
  constructor(side: Side, kind: "streams" | "swarm" = "streams") {
    this.side = side;
    const { native, ours } = PROGRAMS[kind];
    const [program, args] = side === "native"
      ? ["node", [path(native)]]
      : [Deno.execPath(), ["run", "--allow-all", "--no-check", path(ours)]];
    this.#process = new Deno.Command(program, {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#writer = this.#process.stdin.getWriter();
    this.#reading = this.#read();
  }

  /** @throws {Error} when the command fails, or is not answered in time */
  async call(command: string, fields: Record<string, unknown> = {}): Promise<ActorStatus> {
    const call = ++this.#calls;
    const line = `${JSON.stringify({ command, call, ...fields })}\n`;
    const answer = await new Promise<Answer>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${this.side}: no answer to ${command}`)),
        ANSWER_MS,
      );
      this.#answers.set(call, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      this.#writer.write(new TextEncoder().encode(line)).catch(reject);
    });
    if (answer.failure !== undefined) throw new Error(`${this.side} ${command}: ${answer.failure}`);
    return answer.result!;
  }

  /** Whether such an event came so far. */
  has(event: string, id: number): boolean {
    return this.#events.some((other) => other.event === event && other.id === id);
  }

  /** The texts of all events of that kind so far. */
  texts(event: string, id: number): string[] {
    return this.#events.filter((other) => other.event === event && other.id === id)
      .map(({ text }) => text ?? "");
  }

  /** @returns the event, which may have come already */
  async wait(event: string, id: number, timeoutMs = 60_000): Promise<ActorEvent> {
    const untilMs = performance.now() + limitMs(timeoutMs);
    for (;;) {
      const found = this.#events.find((other) => other.event === event && other.id === id);
      if (found !== undefined) return found;
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0) {
        const seen = this.#events.map((other) => JSON.stringify(other)).slice(-10).join("\n");
        throw new Error(`${this.side}: no ${event} of stream ${id}; so far:\n${seen}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, Math.min(leftMs, 1_000));
        const watchers = this.#watchers;
        watchers.add(done);
        function done() {
          clearTimeout(timer);
          watchers.delete(done);
          resolve();
        }
      });
    }
  }

  async close(): Promise<void> {
    await this.#writer.close().catch(() => {});
    const timer = setTimeout(() => this.#process.kill("SIGKILL"), 5_000);
    await this.#process.status;
    clearTimeout(timer);
    await this.#reading;
  }

  async #read(): Promise<void> {
    const lines = this.#process.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream());
    for await (const line of lines) {
      const message = JSON.parse(line) as Answer & ActorEvent;
      if (message.call === undefined) {
        this.#events.push(message);
        for (const watcher of [...this.#watchers]) watcher();
      } else {
        this.#answers.get(message.call)?.(message);
        this.#answers.delete(message.call);
      }
    }
  }
}

function path(name: string): string {
  return new URL(name, FOLDER).pathname;
}
