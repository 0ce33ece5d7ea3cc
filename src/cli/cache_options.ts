/**
 * What the commands of the cache share: the key, how a value comes from the command line, and how a line's state is told.
 */
import type { KeyView, LineLetter } from "../client/mod.ts";
import { LIMITS } from "../limits.ts";
import { parseExactly } from "./exact_json.ts";
import { UsageError } from "./failure.ts";

export const KEY_ARGUMENT = "<KEY>";
export const KEY_HELP = "the key";

/** In words, for whoever does not know the letters. */
export const STATE_WORDS: Readonly<Record<LineLetter, string>> = {
  M: "Modified",
  E: "Exclusive",
  S: "Shared",
  I: "Invalid",
};

/**
 * @param given on the command line; undefined: standard input to its end is the value
 * @returns a JSON value, or with `isText` the text as it is
 * @throws {UsageError} by rejection, for what is no JSON, or is too large
 */
export async function valueOf(given: string | undefined, isText: boolean): Promise<unknown> {
  const text = given ?? await readInput();
  if (isText) return text;
  try {
    return parseExactly(text);
  } catch (error) {
    const reason = (error as Error).message;
    throw new UsageError(`VALUE (for text say --text): no JSON: ${reason}`);
  }
}

/** All of standard input, of which no more is read than a peer would take. */
async function readInput(): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let sizeBytes = 0;
  try {
    for await (const chunk of Deno.stdin.readable) {
      sizeBytes += chunk.length;
      if (sizeBytes > LIMITS.bodyBytesMax) {
        throw new UsageError(`VALUE: more than ${LIMITS.bodyBytesMax} bytes`);
      }
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  } catch (error) {
    if (error instanceof TypeError) throw new UsageError("VALUE: standard input is not UTF-8");
    throw error;
  }
}

/** `peer-1 M, peer-2 S`; `nobody`. */
export function holdersText({ holders }: KeyView): string {
  return holders.map(({ peer, state }) => `${peer} ${state}`).join(", ") || "nobody";
}
