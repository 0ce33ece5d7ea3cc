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
const LOOK_MS = 20;

export class WorkerCommand {
  /** Resolves with its exit code, 128 + n where a signal ended it; once all is gone, where it was told to stop. */
  readonly ended: Promise<number>;
  readonly #child: Deno.ChildProcess;
  #stopping: Promise<void> | null = null;
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
    this.ended = this.#end();
  }

  /** Whether it was told to end before it did of its own accord. */
  get wasStopped(): boolean {
    return this.#wasStopped;
  }

  /** SIGTERM to it and what it started, and SIGKILL to those who are left after the grace. Resolves with `ended`. */
  async stop(graceMs: number): Promise<void> {
    this.#wasStopped = true;
    this.#stopping ??= this.#stopAll(graceMs);
    await this.ended;
  }

  kill(): void {
    this.#wasStopped = true;
    this.#signal("SIGKILL");
  }

  async #end(): Promise<number> {
    const { code, signal } = await this.#child.status;
    await this.#stopping;
    return signal === null ? code : SIGNAL_OFFSET + (SIGNAL_NUMBERS[signal] ?? 0);
  }

  async #stopAll(graceMs: number): Promise<void> {
    const untilMs = performance.now() + graceMs;
    let isThere = this.#signal("SIGTERM");
    while (isThere && performance.now() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      // Whoever runs is none the wiser for it.
      isThere = this.#signal("SIGCONT");
    }
    if (isThere) this.#signal("SIGKILL");
  }

  /**
   * The number of a group is nobody else's while one of it is there, and numbers come back only after thousands.
   * @returns whether anybody was there to have it
   */
  #signal(signal: Deno.Signal): boolean {
    try {
      if (HAS_GROUPS) Deno.kill(-this.#child.pid, signal);
      else this.#child.kill(signal);
      return true;
    } catch (error) {
      if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
      return false;
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
