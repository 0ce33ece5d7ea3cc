/**
 * Picks from the output of a `deno test` what failed and why. A long run says it once more at its end, where somebody
 * who has only the last lines still finds it.
 */
import { stripVTControlCharacters } from "node:util";

/** So much of one process's output at most. */
const KEPT_CHARACTERS = 3_000;
/** Headings of `deno test`: first come the errors, then the names of the tests. */
const ERRORS = "\n ERRORS \n";
const FAILURES = "\n FAILURES \n";

/**
 * @param stdout what a `deno test` that failed wrote
 * @param stderr the same; the only place that tells of a module which could not be loaded
 * @returns the names of the tests that failed, and the beginning of their errors; the end of everything where it
 * ended without naming any
 */
export function failureText(stdout: string, stderr: string): string {
  const plain = stripVTControlCharacters(stdout);
  const errors = plain.lastIndexOf(ERRORS);
  if (errors < 0) return (plain + stripVTControlCharacters(stderr)).slice(-KEPT_CHARACTERS);
  const names = plain.indexOf(FAILURES, errors);
  return plain.slice(names).slice(0, KEPT_CHARACTERS) +
    plain.slice(errors, names).slice(0, KEPT_CHARACTERS);
}
