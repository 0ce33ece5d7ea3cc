import assert from "node:assert/strict";
import { LeaderWatch } from "../../src/groups/leader_watch.ts";
import { ManualClock } from "../manual_clock.ts";

Deno.test("a wait ends at the next change of its group, or after its delay", async () => {
  const clock = new ManualClock();
  const watch = new LeaderWatch(clock);
  const order: string[] = [];
  const waits = [
    watch.wait(0, 1_000).then(() => order.push("changed")),
    watch.wait(1, 500).then(() => order.push("late")),
  ];
  watch.changed(0);
  await waits[0];
  assert.deepEqual(order, ["changed"]);
  clock.advance(499);
  await Promise.resolve();
  assert.equal(clock.timers, 1);
  clock.advance(1);
  await waits[1];
  assert.equal(clock.timers, 0);
});

Deno.test("a watch hears every change until it is ended, and may end while it hears one", () => {
  const watch = new LeaderWatch(new ManualClock());
  let heard = 0;
  const end = watch.watch(0, () => void heard++);
  const endSelf = watch.watch(0, () => endSelf());
  watch.changed(0);
  watch.changed(0);
  watch.changed(1);
  assert.equal(heard, 2);
  end();
  end();
  watch.changed(0);
  assert.equal(heard, 2);
});

Deno.test("at the end whoever waits goes on, and nobody waits any more", async () => {
  const clock = new ManualClock();
  const watch = new LeaderWatch(clock);
  const waiting = watch.wait(0, 60_000);
  watch.close();
  await waiting;
  await watch.wait(0, 60_000);
  assert.equal(clock.timers, 0);
});
