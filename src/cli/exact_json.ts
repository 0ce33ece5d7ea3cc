/**
 * JSON as it was written: a number that JavaScript has no value for, as another language's 64-bit identifiers, stays
 * the digits that it is, and is written again as these. What is parsed plainly would be another number, and two
 * messages of different ids might get one.
 */

/** How the language has it; TypeScript's library does not know it yet. */
interface ExactJson {
  parse(
    text: string,
    revive: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): object;
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
}

const EXACT = JSON as unknown as ExactJson;

/** A number that is written shorter is exact, or written by somebody who does not mind. */
const LONG_NUMBER = /[\d.]{16}|\d[eE]/;

/**
 * @returns as `JSON.parse`, but that a number that cannot be told exactly is what `numberText` and `JSON.stringify` know
 * @throws {SyntaxError} where the text is no JSON
 */
export function parseExactly(text: string): unknown {
  if (!LONG_NUMBER.test(text)) return JSON.parse(text);
  return EXACT.parse(text, (_key, value, { source }) => {
    const isExact = typeof value !== "number" || source === undefined || String(value) === source;
    return isExact ? value : EXACT.rawJSON(source);
  });
}

/** @returns the digits of a number that `parseExactly` gave; null for anything else */
export function numberText(value: unknown): string | null {
  if (typeof value === "number") return String(value);
  return EXACT.isRawJSON(value) ? value.rawJSON : null;
}
