import assert from "node:assert/strict";
import { DeadlineHeap, type Timed } from "../../src/locks/deadline_heap.ts";
import { Random } from "../../src/random.ts";

Deno.test("whatever is added, moved and removed, the first is the one that ends first", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = new Random(seed);
    const heap = new DeadlineHeap<Timed>();
    const elements: Timed[] = [];
    for (let sequence = 1; sequence <= 400; sequence++) {
      const deadlineMs = random.integer(0, 50);
      const what = elements.length === 0 ? 0 : random.integer(0, 3);
      if (what < 2) {
        const element = { deadlineMs, sequence, place: -1 };
        elements.push(element);
        heap.add(element);
      } else if (what === 2) {
        heap.move(random.pick(elements), deadlineMs);
      } else {
        const [element] = elements.splice(random.integer(0, elements.length - 1), 1);
        heap.remove(element!);
        assert.equal(element!.place, -1);
      }
      heap.checkInvariants();
      assert.equal(heap.size, elements.length);
      const sorted = elements.toSorted((a, b) =>
        a.deadlineMs - b.deadlineMs || a.sequence - b.sequence
      );
      assert.equal(heap.first(), sorted[0] ?? null, `seed ${seed}, step ${sequence}`);
    }
  }
});
