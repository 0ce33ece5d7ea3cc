/** Lines of standard input: however they are cut into pieces, numbered, bounded, and no others. */
import assert from "node:assert/strict";
import { type InputLine, readLines } from "../../src/cli/input_lines.ts";
import { Random } from "../../src/random.ts";

interface Cut {
  readonly bytesMax?: number;
  /** Of the next piece. */
  readonly sizeOf?: () => number;
}

async function* pieces(bytes: Uint8Array, sizeOf: () => number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < bytes.length;) {
    const size = sizeOf();
    yield bytes.slice(start, start + size);
    start += size;
  }
}

async function linesOf(
  input: string | Uint8Array,
  { bytesMax = 100, sizeOf = () => 7 }: Cut = {},
): Promise<InputLine[]> {
  const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
  const lines: InputLine[] = [];
  for await (const some of readLines(pieces(bytes, sizeOf), bytesMax)) lines.push(...some);
  return lines;
}

async function textsOf(input: string | Uint8Array, options: Cut = {}): Promise<(string | null)[]> {
  return (await linesOf(input, options)).map(({ text }) => text);
}

Deno.test("lines with their numbers and ends; the last one need not end", async () => {
  assert.deepEqual(await linesOf("ab\n\nçd\r\nend"), [
    { number: 1, text: "ab", endBytes: 3 },
    { number: 2, text: "", endBytes: 4 },
    { number: 3, text: "çd", endBytes: 9 },
    { number: 4, text: "end", endBytes: 12 },
  ]);
  assert.deepEqual(await linesOf(""), []);
  assert.deepEqual(await textsOf("one\n"), ["one"]);
});

Deno.test("a line that is too long, or no UTF-8, has no text, and the others have theirs", async () => {
  const long = "x".repeat(21);
  const texts = await textsOf(`${"y".repeat(20)}\n${long}\nshort\n${long}`, { bytesMax: 20 });
  assert.deepEqual(texts, ["y".repeat(20), null, "short", null]);
  const broken = Uint8Array.of(97, 10, 0xff, 10, 98, 10);
  assert.deepEqual(await textsOf(broken), ["a", null, "b"]);
});

Deno.test("how the input is cut makes no difference", async () => {
  const random = new Random(1, 2);
  const text = 'zeile ä\nℵ0 𝒳\n\n{"a":1}\n'.repeat(20);
  const expected = await linesOf(text, { sizeOf: () => 10_000 });
  assert.deepEqual(expected.map(({ text }) => text), text.split("\n").slice(0, -1));
  for (let round = 0; round < 50; round++) {
    const sizeOf = () => 1 + Math.floor(random.fraction() * 30);
    assert.deepEqual(await linesOf(text, { sizeOf }), expected);
  }
});
