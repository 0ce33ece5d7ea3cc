/**
 * A `skein` process that runs until it is told to stop: its first line of standard output, its log so far, and what
 * is waited for in it, with a deadline.
 */
import { skeinCommand } from "../skein_command.ts";
import { limitMs } from "../speed_limit.ts";

const DEADLINE_MS = 20_000;

export class RunningSkein implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #stdout: Promise<void>;
  readonly #stderr: Promise<void>;
  #hasEnded = false;
  /** What it wrote so far, both streams. */
  output = "";

  /** @param stdin whether `write` can be called; else there is no standard input */
  constructor(
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    stdin: "null" | "piped" = "null",
  ) {
    this.#child = skeinCommand(args, { environment, stdin }).spawn();
    this.#stdout = this.#collect(this.#child.stdout);
    this.#stderr = this.#collect(this.#child.stderr);
    void this.ended().then(() => this.#hasEnded = true);
  }

  /** @returns what the pattern matched in its output, once it does */
  async wrote(pattern: RegExp): Promise<RegExpMatchArray> {
    const deadlineMs = performance.now() + limitMs(DEADLINE_MS);
    for (;;) {
      const match = this.output.match(pattern);
      if (match !== null) return match;
      if (this.#hasEnded || performance.now() > deadlineMs) {
        throw new Error(`it did not write ${pattern}, but:\n${this.output}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** To its standard input, which stays open. */
  async write(text: string): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(text));
    writer.releaseLock();
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** @returns its exit code, once it and all that hold its output have ended */
  async ended(): Promise<number> {
    const { code } = await this.#child.status;
    await Promise.all([this.#stdout, this.#stderr]);
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.ended();
  }

  async #collect(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) this.output += text;
  }
}
