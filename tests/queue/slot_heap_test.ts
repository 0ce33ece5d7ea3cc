import assert from "node:assert/strict";
import { NONE } from "../../src/groups/record_pages.ts";
import { SlotHeap } from "../../src/queue/slot_heap.ts";
import { sortBy } from "../../src/groups/slot_sort.ts";
import { Random } from "../../src/random.ts";

function makeHeap() {
  const places = new Map<number, number>();
  const heap = new SlotHeap({
    get: (slot) => places.get(slot) ?? NONE,
    set: (slot, place) => places.set(slot, place),
  });
  return heap;
}

Deno.test("a heap gives what a sorted list gives", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed);
    const heap = makeHeap();
    const keys = new Map<number, number>();
    for (let slot = 0; slot < 1_500; slot++) {
      const key = random.integer(0, 300);
      const choice = random.integer(0, 9);
      const any = keys.size > 0 ? random.pick([...keys.keys()]) : NONE;
      if (choice < 5) {
        heap.add(slot, key);
        keys.set(slot, key);
      } else if (choice < 7 && any !== NONE) {
        heap.move(any, key);
        keys.set(any, key);
      } else if (choice < 9 && any !== NONE) {
        heap.remove(any);
        keys.delete(any);
      } else {
        const due = [...keys].filter(([, other]) => other <= key).map(([slot]) => slot);
        assert.deepEqual(heap.takeUpTo(key).sort((a, b) => a - b), due.sort((a, b) => a - b));
        for (const slot of due) keys.delete(slot);
      }
      assert.equal(heap.size, keys.size);
      assert.equal(heap.firstKey, Math.min(Infinity, ...keys.values()));
      if (slot % 50 === 0) heap.checkInvariants((slot) => keys.get(slot)!);
    }
  }
});

Deno.test("many that are due are taken at once, and the rest is a heap", () => {
  for (const due of [0, 1, 1_500, 19_999, 20_000]) {
    const random = new Random(due);
    const heap = makeHeap();
    const keys = Array.from({ length: 20_000 }, (_, slot) => slot < due ? 5 : 6 + slot);
    const order = Array.from({ length: 20_000 }, (_, slot) => slot);
    order.sort(() => random.fraction() - 0.5);
    for (const slot of order) heap.add(slot, keys[slot]!);
    const taken = heap.takeUpTo(5);
    assert.deepEqual(taken.sort((a, b) => a - b), Array.from({ length: due }, (_, at) => at));
    heap.checkInvariants((slot) => keys[slot]!);
    assert.equal(heap.firstKey, due === 20_000 ? Infinity : 6 + due);
    heap.add(20_000, 1);
    assert.equal(heap.first, 20_000);
  }
});

Deno.test("slots are sorted by any whole number", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const base = random.pick([0, 1_000_000, 2 ** 50]);
    const spread = random.pick([10, 5_000, 2 ** 31, 2 ** 45]);
    const count = random.integer(0, 300);
    const keys = Array.from({ length: count }, () => base + random.integer(0, spread));
    const slots = Array.from({ length: count }, (_, slot) => slot);
    slots.sort(() => random.fraction() - 0.5);
    const sorted = [...slots];
    sortBy(sorted, (slot) => keys[slot]!);
    assert.deepEqual(
      sorted.map((slot) => keys[slot]),
      slots.map((slot) => keys[slot]!).sort(
        (a, b) => a - b,
      ),
    );
    assert.deepEqual([...sorted].sort(), [...slots].sort(), "each slot once");
  }
});
