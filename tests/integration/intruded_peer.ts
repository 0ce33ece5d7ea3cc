/** The process of `peer_with_intruder.ts`: what it prints and logs, and an end for it whatever happens. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { limitMs } from "../speed_limit.ts";
import type { Loot } from "./intrusions.ts";
import { TextLineStream } from "./text_lines.ts";

const ENTRY = fileURLToPath(new URL("peer_with_intruder.ts", import.meta.url));
const PRINT_LIMIT_MS = limitMs(30_000);

export interface IntrudedPeerOptions {
  /** What the runtime is started with: the rights, above all. */
  readonly flags: readonly string[];
  readonly loot: Loot;
  /** What stands behind the program's name. */
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

export class IntrudedPeer implements AsyncDisposable {
  readonly #log: string[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #printed: ReadableStreamDefaultReader<string>;
  readonly #logging: Promise<void>;

  constructor({ flags, loot, args, environment }: IntrudedPeerOptions) {
    this.#child = new Deno.Command(Deno.env.get("SKEIN_TEST_DENO") ?? Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--no-check", "--unstable-worker-options", ...flags],
        ...[ENTRY, JSON.stringify(loot), ...args],
      ],
      env: { ...environment },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#printed = lines(this.#child.stdout).getReader();
    const logged = lines(this.#child.stderr);
    this.#logging = (async () => {
      for await (const line of logged) this.#log.push(line);
    })();
  }

  /** @returns what it printed next, as JSON. @throws where it ends, or prints nothing in time */
  // deno-lint-ignore no-explicit-any
  async printed(): Promise<any> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), PRINT_LIMIT_MS);
    const { value, done } = await this.#printed.read();
    clearTimeout(timer);
    assert.ok(!done, `it ended, or was silent for too long:\n${this.#log.slice(-20).join("\n")}`);
    return JSON.parse(value);
  }

  /** @throws where nothing that it logged so far matches */
  logged(pattern: RegExp): void {
    assert.ok(this.#log.some((line) => pattern.test(line)), this.#log.slice(-20).join("\n"));
  }

  failNextFsync(): void {
    this.#child.kill("SIGUSR2");
  }

  /** Asks for a clean stop. @returns its exit code */
  async stop(): Promise<number> {
    this.#child.kill("SIGTERM");
    return (await this.#child.status).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#child.status;
    await this.#printed.cancel();
    await this.#logging;
  }
}

function lines(stream: ReadableStream<Uint8Array<ArrayBuffer>>): ReadableStream<string> {
  return stream.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
}
