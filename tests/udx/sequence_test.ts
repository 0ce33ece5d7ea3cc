/** Sequence numbers across the wrap, and the ring and ranges over them. */
import assert from "node:assert/strict";
import { after, distance } from "../../src/udx/protocol/sequence.ts";
import { SequenceRanges } from "../../src/udx/protocol/sequence_ranges.ts";
import { SequenceRing } from "../../src/udx/protocol/sequence_ring.ts";
import { Random } from "../../src/random.ts";

const LAST = 0xffff_ffff;

Deno.test("udx sequence: the number after the last is the first, and later", () => {
  assert.equal(after(LAST), 0);
  assert.equal(distance(0, LAST), 1);
  assert.equal(distance(LAST, 0), -1);
  assert.equal(distance(after(LAST, 10), LAST), 10);
});

Deno.test("udx sequence: a ring keeps values across the wrap while it grows and moves", () => {
  const ring = new SequenceRing<number>(after(LAST, -20));
  for (let at = 0; at < 100; at += 2) ring.set(after(ring.first, at), at);
  for (let at = 0; at < 100; at++) {
    assert.equal(ring.get(after(LAST, at - 20)), at % 2 === 0 ? at : undefined);
  }
  assert.equal(ring.get(after(ring.first, -1)), undefined);
  assert.equal(ring.get(after(ring.first, 5_000)), undefined);
  for (let at = 0; at < 100; at++) assert.equal(ring.shift(), at % 2 === 0 ? at : undefined);
  assert.equal(ring.first, after(LAST, 80));
});

Deno.test("udx sequence: ranges agree with a set, whatever the order", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = new Random(seed);
    const base = after(LAST, -40);
    const ranges = new SequenceRanges();
    const present = new Set<number>();
    let lowest = 0;
    for (let step = 0; step < 120; step++) {
      if (random.chance(0.1)) {
        lowest = Math.min(lowest + random.integer(0, 5), 79);
        ranges.dropBefore(after(base, lowest));
        for (const at of present) if (at < lowest) present.delete(at);
      }
      const at = random.integer(lowest, 80);
      if (present.has(at)) continue;
      present.add(at);
      ranges.add(after(base, at));
    }
    const found: number[] = [];
    for (let at = 0; at < ranges.size; at++) {
      if (at > 0) assert.ok(distance(ranges.start(at), ranges.end(at - 1)) > 0, `seed ${seed}`);
      for (let number = ranges.start(at); number !== ranges.end(at); number = after(number)) {
        found.push(distance(number, base));
      }
    }
    assert.deepEqual(found, [...present].sort((a, b) => a - b), `seed ${seed}`);
  }
});
