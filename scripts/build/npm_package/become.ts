/**
 * Turning this process into another program. Where Node can (22.15 and later, not on Windows) the process is replaced
 * and keeps its id, so that a supervisor's signals reach the program itself. Elsewhere the program is a
 * child with our standard streams: signals are handed on to it, and it ends us as it ended.
 */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import process from "node:process";
import { isatty } from "node:tty";

export type Environment = Readonly<Record<string, string>>;

const STANDARD_INPUT = 0;
/** What shells answer for a program that may not be run. */
const NOT_EXECUTABLE = 126;
/** A process that ended by signal n counts as 128 + n. */
const SIGNAL_OFFSET = 128;
const IGNORED_AFTER_MS = 200;
const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Node's process where it can be replaced; the types do not know it yet. */
type ReplaceableProcess = {
  readonly execve?: (file: string, args: readonly string[], environment: Environment) => never;
};

/** Does not come back: the process ends as the program does. */
export function become(program: string, args: readonly string[], environment: Environment): void {
  const { execve } = process as unknown as ReplaceableProcess;
  if (process.platform !== "win32" && execve !== undefined) {
    execve.call(process, program, [program, ...args], environment);
  }
  runAsChild(program, args, environment);
}

function runAsChild(program: string, args: readonly string[], environment: Environment): void {
  // Heard from before the child is there, so that no signal ends us and leaves it behind.
  const listeners = FORWARDED.map((signal) => {
    const listener = () => {
      // Windows and terminals tell every process of the console or the foreground group, the child as well.
      const told = process.platform === "win32" || (signal === "SIGINT" && isatty(STANDARD_INPUT));
      if (!told) child.kill(signal);
    };
    process.on(signal, listener);
    return { signal, listener };
  });
  const child = spawn(program, args, { stdio: "inherit", env: { ...environment } });
  child.on("error", ({ message }) => {
    console.error(`skein: cannot run Deno: ${message}`);
    process.exit(NOT_EXECUTABLE);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? NOT_EXECUTABLE);
    for (const { signal, listener } of listeners) process.off(signal, listener);
    process.kill(process.pid, signal);
    // A signal that Node ignores, as it does SIGPIPE, has not ended it.
    setTimeout(() => process.exit(SIGNAL_OFFSET + constants.signals[signal]), IGNORED_AFTER_MS);
  });
}
