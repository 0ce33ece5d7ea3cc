import assert from "node:assert/strict";
import { SlotQueue } from "../../src/events/slot_queue.ts";
import { Random } from "../../src/random.ts";

Deno.test("slots come out in the order in which they came, whatever went before", () => {
  const random = new Random(1);
  const queue = new SlotQueue();
  const model: number[] = [];
  for (let step = 0; step < 20_000; step++) {
    // It grows for a while, then shrinks.
    const grows = Math.floor(step / 500) % 2 === 0;
    if (model.length === 0 || random.chance(grows ? 0.7 : 0.3)) {
      queue.push(step);
      model.push(step);
    } else assert.equal(queue.shift(), model.shift());
    assert.equal(queue.length, model.length);
    if (model.length === 0) continue;
    const place = random.integer(0, model.length - 1);
    assert.equal(queue.at(place), model[place]);
  }
  assert.throws(() => queue.at(queue.length));
});
