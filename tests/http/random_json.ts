/**
 * JSON texts as a hostile or careless writer may send them: every kind of value, white space anywhere, escapes,
 * characters of one to four bytes, fields that are there twice.
 */
import type { Random } from "../../src/random.ts";

const WORDS = [
  "true",
  "false",
  "null",
  "0",
  "-1",
  "1.50",
  "1e3",
  "12345678901234567890",
  "-0.0E-7",
];
const STRINGS = [
  "",
  "a",
  "data",
  'quote\\"',
  "back\\\\",
  '\\\\\\"',
  "\\u0041",
  "\\ud834\\udd1e",
  "\\ud800",
  "ä€𝄞",
  "]}{[,:",
  " ",
];
const SPACES = ["", "", "", " ", "\n", "\t \r\n"];

/** @returns any value with white space around it */
export function randomValue(random: Random, depthMax: number): string {
  const space = () => random.pick(SPACES);
  const kind = random.integer(0, depthMax > 0 ? 3 : 1);
  const values = () =>
    Array.from({ length: random.integer(0, 3) }, () => randomValue(random, depthMax - 1));
  switch (kind) {
    case 0:
      return space() + random.pick(WORDS) + space();
    case 1:
      return `${space()}"${random.pick(STRINGS)}"${space()}`;
    case 2:
      return `${space()}[${values().join(",") || space()}]${space()}`;
    default:
      return randomObject(random, values().map((value) => [random.pick(STRINGS), value]));
  }
}

/** @param fields keys as they stand between quotes, and their values */
export function randomObject(
  random: Random,
  fields: readonly (readonly [string, string])[],
): string {
  const space = () => random.pick(SPACES);
  const texts = fields.map(([key, value]) => `${space()}"${key}"${space()}:${value}`);
  return `${space()}{${texts.join(",") || space()}}${space()}`;
}
