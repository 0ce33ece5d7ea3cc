/**
 * A real redis-server for a test: on a free port of loopback, with a directory of its own, and gone with the test
 * whatever happens. Where none is installed a test says that it is left out, and why.
 */
import assert from "node:assert/strict";
import { eventually } from "./eventually.ts";
import { freePorts } from "./free_ports.ts";

const ATTEMPTS_MAX = 20;

/** For `Deno.test`: what to leave out where no redis-server is. */
export const REDIS_MISSING: string | null = redisMissing();

function redisMissing(): string | null {
  try {
    const { success } = new Deno.Command("redis-server", { args: ["--version"], stdout: "null" })
      .outputSync();
    return success ? null : "redis-server does not run";
  } catch {
    return "redis-server is not installed (apt-get install redis-server)";
  }
}

/** A test that needs a redis-server: where there is none it is shown as left out, with the reason in its name. */
export function redisTest(name: string, run: () => Promise<void>): void {
  const ignore = REDIS_MISSING !== null;
  Deno.test({ name: ignore ? `${name} (skipped: ${REDIS_MISSING})` : name, ignore, fn: run });
}

/** Of a server that fsyncs every write, and takes no snapshots beside that. */
const DURABLE = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];

export class RedisServer {
  readonly directory: string;
  readonly #args: readonly string[];
  port = 0;
  #child: Deno.ChildProcess | null = null;

  private constructor(directory: string, args: readonly string[]) {
    this.directory = directory;
    this.#args = args;
  }

  /** @param flags of redis-server, beside those that make every write durable */
  static start(...flags: readonly string[]): Promise<RedisServer> {
    return RedisServer.#begin(new RedisServer(newDirectory(), [...DURABLE, ...flags]));
  }

  /** @param lines of its configuration; what it learns it writes there too */
  static async startSentinel(lines: readonly string[]): Promise<RedisServer> {
    const directory = newDirectory();
    const path = `${directory}/sentinel.conf`;
    await Deno.writeTextFile(path, `${lines.join("\n")}\n`);
    return await RedisServer.#begin(new RedisServer(directory, [path, "--sentinel"]));
  }

  static async #begin(server: RedisServer): Promise<RedisServer> {
    for (let attempt = 0;; attempt++) {
      // Another server there would answer in its place.
      [server.port] = freePorts(1) as [number];
      try {
        await server.up();
        return server;
      } catch (error) {
        if (attempt === ATTEMPTS_MAX) throw error;
      }
    }
  }

  static async with(
    flags: readonly string[],
    test: (server: RedisServer) => Promise<void>,
  ): Promise<void> {
    const server = await RedisServer.start(...flags);
    try {
      await test(server);
    } finally {
      await server.remove();
    }
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Starts it, where it is down, and waits until it answers. */
  async up(): Promise<void> {
    assert(this.#child === null, "the redis-server is down");
    // deno-fmt-ignore
    const child = new Deno.Command("redis-server", {
      args: [
        ...this.#args, "--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.directory,
      ],
      stdout: "null",
      stderr: "null",
    }).spawn();
    let ended = false;
    const status = child.status.then(() => {
      ended = true;
      if (this.#child === child) this.#child = null;
    });
    this.#child = child;
    try {
      await eventually("the redis-server answers", 20_000, async () => {
        if (!ended) assert.match(await this.send("PING"), /^(?:\+PONG|-NOAUTH|-DENIED)/);
      });
      assert(!ended, "the redis-server is up");
    } catch (error) {
      if (!ended) child.kill("SIGKILL");
      await status;
      this.#child = null;
      throw error;
    }
  }

  /** Sends one command on a connection of its own. @returns the reply as it came */
  async send(...args: readonly string[]): Promise<string> {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: this.port });
    const text = args.map((arg) => `$${new TextEncoder().encode(arg).length}\r\n${arg}\r\n`);
    await connection.write(new TextEncoder().encode(`*${args.length}\r\n${text.join("")}`));
    const buffer = new Uint8Array(64 * 1024);
    const size = await connection.read(buffer) ?? 0;
    return new TextDecoder().decode(buffer.subarray(0, size));
  }

  signal(signal: Deno.Signal): void {
    assert(this.#child !== null, "the redis-server is up");
    this.#child.kill(signal);
  }

  /** Ends it and waits for that; SIGKILL is as a crash of the process. */
  async down(signal: Deno.Signal = "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    child.kill(signal);
    await child.status;
    if (this.#child === child) this.#child = null;
  }

  async remove(): Promise<void> {
    await this.down("SIGKILL");
    await Deno.remove(this.directory, { recursive: true });
  }
}

function newDirectory(): string {
  return Deno.makeTempDirSync({ prefix: "skein-redis-" });
}
