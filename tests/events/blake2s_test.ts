import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { blake2s } from "../../src/events/blake2s.ts";
import { Random } from "../../src/random.ts";

/** Around the ends of blocks, and several of them. */
const LENGTHS_BYTES = [0, 1, 3, 4, 36, 63, 64, 65, 127, 128, 129, 512, 1_000];

function hexOf(words: Int32Array): string {
  const bytes = new Uint8Array(words.slice().buffer);
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

Deno.test("a digest is the one that node:crypto gives", () => {
  const random = new Random(1);
  for (const lengthBytes of LENGTHS_BYTES) {
    const bytes = Uint8Array.from({ length: lengthBytes }, () => random.integer(0, 255));
    const expected = createHash("blake2s256").update(bytes).digest("hex");
    assert.equal(hexOf(blake2s(bytes, 0, lengthBytes)), expected, `${lengthBytes} bytes`);
  }
});

Deno.test("the message is only what lies between the two places", () => {
  const bytes = new TextEncoder().encode("before|the message|behind");
  const expected = createHash("blake2s256").update("the message").digest("hex");
  assert.equal(hexOf(blake2s(bytes, 7, 18)), expected);
});
