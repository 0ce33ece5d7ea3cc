import assert from "node:assert/strict";
import { LIMITS } from "../../src/limits.ts";
import { bitsOf, setOf } from "../../src/placement/partition_bits.ts";
import { Random } from "../../src/random.ts";

Deno.test("a set of partitions comes back out of its bits", () => {
  const random = new Random(1);
  const highest = LIMITS.groupsMax - 1;
  const sets = [
    [],
    [0],
    [7, 8],
    [highest],
    ...Array.from({ length: 50 }, () => {
      return Array.from({ length: random.integer(0, 300) }, () => random.integer(0, highest));
    }),
  ];
  for (const partitions of sets) {
    const expected = new Set(partitions);
    assert.deepEqual(new Set(setOf(bitsOf(expected))), expected);
  }
});

Deno.test("thousands of partitions take half a kilobyte, and no more is taken for one", () => {
  const all = new Set(Array.from({ length: LIMITS.groupsMax }, (_, group) => group));
  assert.equal(bitsOf(all).length, 512);
  assert.equal(setOf(new Uint8Array(513)), null);
  for (const none of [null, [1, 2], "bits", {}]) assert.equal(setOf(none), null);
});
