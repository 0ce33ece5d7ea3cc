/**
 * One run of a worker's command: a process in a group of its own, so that Ctrl-C at the terminal does not reach it, and
 * being stopped reaches all that it started. It reads the message from its standard input, whether it wants to or not;
 * what it writes goes where the worker writes.
 */
import { SIGNAL_NUMBERS } from "./stop_signals.ts";
import { SIGNAL_OFFSET } from "./exit_codes.ts";

export interface CommandCall {
  readonly program: string;
  readonly args: readonly string[];
  /** Beside this process's own. */
  readonly environment: Readonly<Record<string, string>>;
  readonly input: string;
}

const HAS_GROUPS = Deno.build.os !== "windows";

export class WorkerCommand {
  /** Resolves with its exit code, 128 + n where a signal ended it. */
  readonly ended: Promise<number>;
  readonly #child: Deno.ChildProcess;
  #hasEnded = false;
  #wasStopped = false;

  /** @throws {Error} where it cannot be started */
  constructor({ program, args, environment, input }: CommandCall) {
    this.#child = new Deno.Command(program, {
      args: [...args],
      env: { ...environment },
      detached: HAS_GROUPS,
      stdin: "piped",
      stdout: "inherit",
      stderr: "inherit",
    }).spawn();
    void this.#write(input);
    this.ended = this.#child.status.then(({ code, signal }) => {
      this.#hasEnded = true;
      return signal === null ? code : SIGNAL_OFFSET + (SIGNAL_NUMBERS[signal] ?? 0);
    });
  }

  /** Whether it was told to end before it did of its own accord. */
  get wasStopped(): boolean {
    return this.#wasStopped;
  }

  /** SIGTERM, and SIGKILL after the grace. Resolves once it has ended. */
  async stop(graceMs: number): Promise<void> {
    this.#signal("SIGTERM");
    const timer = setTimeout(() => this.kill(), graceMs);
    await this.ended;
    clearTimeout(timer);
  }

  kill(): void {
    this.#signal("SIGKILL");
  }

  /** Its group's number stays its own until it is waited for, so nobody else is meant. */
  #signal(signal: Deno.Signal): void {
    if (this.#hasEnded) return;
    this.#wasStopped = true;
    try {
      if (HAS_GROUPS) Deno.kill(-this.#child.pid, signal);
      else this.#child.kill(signal);
    } catch (error) {
      // It has ended in this very moment.
      if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** A command that does not read it, or not all of it, is none the worse for it. */
  async #write(input: string): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    try {
      await writer.write(new TextEncoder().encode(input));
      await writer.close();
    } catch {
      await writer.abort().catch(() => {});
    }
  }
}
