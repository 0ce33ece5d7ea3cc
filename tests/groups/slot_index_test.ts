import assert from "node:assert/strict";
import { NONE } from "../../src/groups/record_pages.ts";
import { mixNearby, mixNumber, mixText, SlotIndex } from "../../src/groups/slot_index.ts";
import { Random } from "../../src/random.ts";

Deno.test("an index finds what a map finds, also where hashes are the same", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed);
    const index = new SlotIndex();
    const keys = new Map<number, number>();
    // Few hashes in few shards: long runs, gaps in the middle of them, shards that grow and shrink.
    const hashOf = (key: number) => mixNumber(key % (8 * seed)) & 0x030000ff;
    const find = (key: number) => index.find(hashOf(key), (slot) => keys.get(slot) === key);
    for (let round = 0; round < 3_000; round++) {
      const key = random.integer(0, 400);
      const slot = find(key);
      const known = [...keys].find(([, other]) => other === key)?.[0] ?? NONE;
      assert.equal(slot, known);
      if (slot !== NONE) {
        index.remove(hashOf(key), slot);
        keys.delete(slot);
      } else if (random.chance(round % 600 < 300 ? 0.9 : 0.2)) {
        keys.set(round, key);
        index.add(hashOf(key), round);
      }
      if (round % 100 === 0) index.checkInvariants(keys.size, (slot) => hashOf(keys.get(slot)!));
    }
    index.clear();
    index.checkInvariants(0, () => 0);
  }
});

Deno.test("hashes of neighbours spread over shards and places", () => {
  const count = 65_536;
  const hashes = [
    Array.from({ length: count }, (_, number) => mixNumber(number)),
    Array.from({ length: count }, (_, number) => mixNumber(2 ** 40 + number)),
    Array.from({ length: count }, (_, number) => mixText(`order-${number}`, 3)),
    Array.from({ length: count }, (_, lane) => mixText("order", lane)),
  ];
  for (const list of hashes) {
    assert.ok(new Set(list.map((hash) => hash | 0)).size > count - 8);
    for (const shift of [24, 0]) {
      const counts = new Array<number>(256).fill(0);
      for (const hash of list) counts[(hash >>> shift) & 255]!++;
      // 256 expected; the standard deviation is 16.
      for (const found of counts) assert.ok(Math.abs(found - 256) < 96, `${found}`);
    }
  }
});

Deno.test("eight neighbours lie side by side, and groups of them spread", () => {
  for (const first of [0, 2 ** 31 - 8, 2 ** 32 - 8, 2 ** 52]) {
    const hashes = Array.from({ length: 65_536 }, (_, place) => mixNearby(first + place));
    for (const [place, hash] of hashes.entries()) {
      assert.equal(hash & 7, place & 7);
      assert.equal(hash >>> 3, hashes[place & ~7]! >>> 3);
    }
    const groups = hashes.filter((_, place) => place % 8 === 0);
    assert.ok(new Set(groups).size > groups.length - 8);
    for (const shift of [24, 3]) {
      const counts = new Array<number>(256).fill(0);
      for (const hash of groups) counts[(hash >>> shift) & 255]!++;
      // 32 expected; the standard deviation is 6.
      for (const found of counts) assert.ok(Math.abs(found - 32) < 36, `${found}`);
    }
  }
});

Deno.test("numbers that are all one apart, or all a whole group, are found among each other", () => {
  for (const step of [1, 3, 8, 64]) {
    const index = new SlotIndex();
    const numbers = Array.from({ length: 20_000 }, (_, place) => 1 + place * step);
    for (const [slot, number] of numbers.entries()) index.add(mixNearby(number), slot);
    for (let slot = 0; slot < numbers.length; slot += 3) {
      index.remove(mixNearby(numbers[slot]!), slot);
    }
    for (const [slot, number] of numbers.entries()) {
      const found = index.find(mixNearby(number), (other) => numbers[other] === number);
      assert.equal(found, slot % 3 === 0 ? NONE : slot);
    }
    index.checkInvariants(13_333, (slot) => mixNearby(numbers[slot]!));
  }
});
