import assert from "node:assert/strict";
import { isoTime } from "../src/iso_time.ts";
import { Random } from "../src/random.ts";

Deno.test("ISO time is what Date says, at any millisecond", () => {
  const random = new Random(1);
  const edges = [
    0,
    59_999,
    60_000,
    951_782_399_999,
    951_782_400_000,
    1_700_000_000_000,
    -1,
    -60_001,
  ];
  const near = Array.from({ length: 500 }, () => 1_700_000_000_000 + random.integer(0, 500_000));
  const any = Array.from({ length: 500 }, () => random.uint32() * 1_000 + random.integer(0, 999));
  for (const ms of [...edges, ...near, ...any]) {
    assert.equal(isoTime(ms), new Date(ms).toISOString());
  }
  assert.equal(isoTime(1_700_000_000_000.9), new Date(1_700_000_000_000).toISOString());
});
