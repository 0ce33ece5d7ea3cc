import { deepStrictEqual, strictEqual } from "node:assert/strict";
import {
  attestedBehind,
  BATCH_HEADER_BYTES,
  batchSeal,
  decodeBatchHeader,
  encodeBatchHeader,
} from "../../src/storage/log/batch_header.ts";

const STORE = new Uint8Array(16).fill(1);
const SEAL = batchSeal(STORE, new Uint8Array(8).fill(2));
const HEADER = { offset: 200, attestedOffset: 180, bodyBytes: 77, recordCount: 3 };

function written(at = 200, header = HEADER, seal = SEAL): Uint8Array {
  const bytes = new Uint8Array(400);
  encodeBatchHeader(header, seal, bytes, at);
  return bytes;
}

Deno.test("batch header: what is written is read", () => {
  deepStrictEqual(decodeBatchHeader(written(), 200, SEAL), HEADER);
  strictEqual(attestedBehind(written(), 64, SEAL), 180);
  strictEqual(attestedBehind(written(), 201, SEAL), 0);
});

Deno.test("batch header: a copy at another offset, of another segment or store, is none", () => {
  strictEqual(decodeBatchHeader(written(210), 210, SEAL), null, "offset");
  const otherSegment = batchSeal(STORE, new Uint8Array(8).fill(3));
  strictEqual(decodeBatchHeader(written(200, HEADER, otherSegment), 200, SEAL), null, "salt");
  const otherStore = batchSeal(new Uint8Array(16).fill(9), SEAL.salt);
  strictEqual(decodeBatchHeader(written(200, HEADER, otherStore), 200, SEAL), null, "store");
  for (const bytes of [written(210), written(200, HEADER, otherSegment)]) {
    strictEqual(attestedBehind(bytes, 64, SEAL), 0);
  }
});

Deno.test("batch header: no flipped bit goes unseen", () => {
  for (let bit = 0; bit < BATCH_HEADER_BYTES * 8; bit++) {
    const bytes = written();
    bytes[200 + (bit >> 3)]! ^= 1 << (bit & 7);
    strictEqual(decodeBatchHeader(bytes, 200, SEAL), null, `bit ${bit}`);
  }
});
