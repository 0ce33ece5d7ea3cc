import { equal } from "node:assert/strict";
// deno-lint-ignore no-import-prefix -- needed by this test alone, so no dependency of the program
import { hash32 } from "npm:murmur-hash@2.0.1";
import { Random } from "../../src/random.ts";
import { murmur3 } from "../../src/ring/murmur3.ts";

/** As published with SMHasher's verification and on Wikipedia, those of seed 0. */
const PUBLISHED: readonly (readonly [text: string, hash: number])[] = [
  ["", 0],
  ["\0", 0x514e28b7],
  ["\0\0", 0x30f4c306],
  ["\0\0\0", 0x85f0b427],
  ["\0\0\0\0", 0x2362f9de],
  ["!", 0x72661cf4],
  ["!C", 0xa0f7b07a],
  ["!Ce", 0x7e4a8634],
  ["test", 0xba6bd213],
  ["Hello, world!", 0xc0363e43],
  ["The quick brown fox jumps over the lazy dog", 0x2e4ff723],
];

Deno.test("murmur3: the published values", () => {
  for (const [text, hash] of PUBLISHED) equal(murmur3(text), hash, JSON.stringify(text));
});

Deno.test("murmur3: the same as another implementation, for texts of all lengths", () => {
  const random = new Random(1);
  for (let length = 0; length < 600; length++) {
    const text = textOf(random, length, 0x7f);
    equal(murmur3(text), hash32(text), JSON.stringify(text));
  }
});

Deno.test("murmur3: the same of other scripts, wherever in the text they begin", () => {
  const random = new Random(2);
  const unitMax = [0xff, 0x7ff, 0xffff];
  for (let round = 0; round < 2_000; round++) {
    const ascii = textOf(random, random.integer(0, 9), 0x7f);
    const other = textOf(random, random.integer(1, 9), random.pick(unitMax));
    const emoji = random.chance(0.3) ? "🔒" : "";
    const text = ascii + other + emoji + textOf(random, random.integer(0, 9), 0x7f);
    equal(murmur3(text), hash32(text), JSON.stringify(text));
  }
});

/** So many units of at most this value; some are lone surrogates where the value allows them. */
function textOf(random: Random, length: number, unitMax: number): string {
  return String.fromCharCode(...Array.from({ length }, () => random.integer(0, unitMax)));
}
