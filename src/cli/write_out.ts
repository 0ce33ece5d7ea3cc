/**
 * Standard output of commands that print what others wait for, line by line: whoever reads it may have gone, as `head` does,
 * or its disk be full, and `console.log` would not say so.
 */
import { SkeinError } from "../errors.ts";
import { SIGNAL_OFFSET } from "./exit_codes.ts";
import { Exit } from "./failure.ts";
import { SIGNAL_NUMBERS } from "./stop_signals.ts";

const encoder = new TextEncoder();

/**
 * Writes this and a line feed.
 * @throws {Exit} by rejection, where nobody reads it any more
 * @throws {SkeinError} by rejection, STORAGE_FAILED where it cannot be written
 */
export async function writeOut(text: string): Promise<void> {
  const bytes = encoder.encode(`${text}\n`);
  try {
    for (let written = 0; written < bytes.length;) {
      written += await Deno.stdout.write(bytes.subarray(written));
    }
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) {
      throw new Exit(SIGNAL_OFFSET + SIGNAL_NUMBERS["SIGPIPE"]!);
    }
    const reason = (error as Error).message;
    throw new SkeinError("STORAGE_FAILED", `standard output cannot be written: ${reason}`);
  }
}
