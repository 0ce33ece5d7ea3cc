/**
 * What the tasks that build something have in common. What they are doing goes to standard error, what they have built
 * to standard output. A first Ctrl-C or SIGTERM ends the work, which leaves nothing half done behind; another one ends
 * the process. Exit codes: 2 for a wrong command line, 128 + n for signal n, 1 for everything that fails.
 */
import { SIGNAL_OFFSET } from "../../src/cli/exit_codes.ts";
import { onStopSignals, SIGNAL_NUMBERS, type StopSignal } from "../../src/cli/stop_signals.ts";

export interface Work {
  /** Says what is being done. */
  readonly report: (line: string) => void;
  /** Aborted when the work has to end. */
  readonly signal: AbortSignal;
}

export interface BuildTask<Asked extends { readonly json: boolean }> {
  /** Stands before each line on standard error. */
  readonly name: string;
  readonly usage: string;
  /** @throws {TypeError | RangeError} for a command line that cannot be used */
  readArguments(args: readonly string[]): Asked;
  /** @returns the exit code */
  build(asked: Asked, work: Work): Promise<number>;
}

const USAGE_ERROR = 2;
const FAILED = 1;

/** @returns the exit code */
export async function runTask<Asked extends { readonly json: boolean }>(
  { name, usage, readArguments, build }: BuildTask<Asked>,
): Promise<number> {
  const report = (text: string) => {
    for (const line of text.split("\n")) console.error(`${name}: ${line}`);
  };
  let asked: Asked;
  try {
    asked = readArguments(Deno.args);
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
    report(error.message);
    console.error(`usage: ${usage}`);
    return USAGE_ERROR;
  }
  const stopping = new AbortController();
  let stoppedBy: StopSignal | null = null;
  const stopListening = onStopSignals({
    stop: (signal) => {
      stoppedBy = signal;
      stopping.abort(new Error(`stopped by ${signal}`));
    },
    stopNow: (signal) => Deno.exit(codeOf(signal)),
  });
  try {
    return await build(asked, { report, signal: stopping.signal });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (asked.json) console.log(JSON.stringify({ success: false, message }));
    report(message);
    return stoppedBy === null ? FAILED : codeOf(stoppedBy);
  } finally {
    stopListening();
  }
}

function codeOf(signal: StopSignal): number {
  return SIGNAL_OFFSET + SIGNAL_NUMBERS[signal]!;
}
