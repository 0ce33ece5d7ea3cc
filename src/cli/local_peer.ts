/**
 * One peer of `skein cluster`: a process of its own, in a process group of its own, so that Ctrl-C reaches it only
 * as the closing of its standard input. Its log goes out line by line, with the peer's name before each.
 */
import type { ProgramCall } from "./itself.ts";
import { SIGNAL_NUMBERS } from "./stop_signals.ts";
import { SIGNAL_OFFSET } from "./exit_codes.ts";

export interface LocalPeerOptions {
  readonly name: string;
  /** `skein run --parent-pipe` with its flags. */
  readonly call: ProgramCall;
  /** What its environment has besides this process's own. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where it answers GET /health. */
  readonly url: string;
  readonly writeLine: (line: string) => void;
}

export class LocalPeer {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  /** Resolves with its exit code, 128 + n for a signal, once it has ended. */
  readonly ended: Promise<number>;
  readonly #child: Deno.ChildProcess;
  #exitCode: number | null = null;

  constructor({ name, call, environment, url, writeLine }: LocalPeerOptions) {
    this.name = name;
    this.url = url;
    this.#child = new Deno.Command(call.program, {
      args: [...call.args],
      env: { ...environment },
      detached: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.pid = this.#child.pid;
    const drained = [this.#child.stdout, this.#child.stderr].map((stream) =>
      eachLine(stream, writeLine)
    );
    this.ended = this.#child.status.then(async ({ code, signal }) => {
      this.#exitCode = signal === null ? code : SIGNAL_OFFSET + (SIGNAL_NUMBERS[signal] ?? 0);
      await Promise.all(drained);
      return this.#exitCode;
    });
  }

  get hasEnded(): boolean {
    return this.#exitCode !== null;
  }

  /** Asks for a clean stop. Idempotent. */
  async stop(): Promise<void> {
    await this.#child.stdin.close().catch(() => {});
  }

  kill(): void {
    if (!this.hasEnded) this.#child.kill("SIGKILL");
  }

  /** Whether it answers that it is healthy. */
  async isHealthy(token: string | null): Promise<boolean> {
    const headers: Record<string, string> = token === null
      ? {}
      : { authorization: `Bearer ${token}` };
    try {
      const response = await fetch(`${this.url}/health`, { headers });
      await response.body?.cancel();
      return response.ok;
    } catch {
      // Not listening yet.
      return false;
    }
  }
}

/** Hands on each line of a stream, the last one too where it does not end. */
async function eachLine(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  writeLine: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) writeLine(line);
  }
  if (rest !== "") writeLine(rest);
}
