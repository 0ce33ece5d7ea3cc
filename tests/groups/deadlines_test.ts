import assert from "node:assert/strict";
import { Deadlines } from "../../src/groups/deadlines.ts";
import { ManualClock } from "../manual_clock.ts";

Deno.test("a deadline expires once, not before it is due and at most one width late", () => {
  const clock = new ManualClock();
  const deadlines = new Deadlines(clock);
  const expired: number[] = [];
  for (const delayMs of [120, 10, 500, 121]) {
    deadlines.arm(delayMs, () => {
      assert.ok(clock.monotonicMs() >= delayMs && clock.monotonicMs() <= delayMs + 50);
      expired.push(delayMs);
    });
  }
  clock.advance(1_000);
  assert.deepEqual(expired, [10, 120, 121, 500]);
  assert.equal(clock.timers, 0);
});

Deno.test("a disarmed deadline never expires, and disarming is idempotent", () => {
  const clock = new ManualClock();
  const deadlines = new Deadlines(clock);
  const deadline = deadlines.arm(10, () => assert.fail("it was disarmed"));
  deadlines.disarm(deadline);
  deadlines.disarm(deadline);
  clock.advance(1_000);
});

Deno.test("a deadline armed while others expire is kept", () => {
  const clock = new ManualClock();
  const deadlines = new Deadlines(clock);
  let second = false;
  deadlines.arm(10, () => void deadlines.arm(10, () => second = true));
  clock.advance(60);
  assert.equal(second, false);
  clock.advance(60);
  assert.equal(second, true);
});

Deno.test("at the end everything that waits expires at once", () => {
  const clock = new ManualClock();
  const deadlines = new Deadlines(clock);
  let expired = 0;
  for (let delayMs = 0; delayMs < 10_000; delayMs += 100) deadlines.arm(delayMs, () => expired++);
  deadlines.close();
  assert.equal(expired, 100);
  assert.equal(clock.timers, 0);
});

Deno.test("what is armed after the end is over at once, unless it is disarmed", async () => {
  const clock = new ManualClock();
  const deadlines = new Deadlines(clock);
  deadlines.close();
  let expired = 0;
  deadlines.arm(60_000, () => expired++);
  deadlines.disarm(deadlines.arm(60_000, () => assert.fail("it was disarmed")));
  assert.equal(expired, 0, "never before arming has returned");
  await Promise.resolve();
  assert.equal(expired, 1);
  assert.equal(clock.timers, 0);
});

Deno.test("a bounded wait ends as its work does, or late", async () => {
  const clock = new ManualClock();
  const deadlines = new Deadlines(clock);
  const late = () => new Error("late");
  assert.equal(await deadlines.within(Promise.resolve(7), 100, late), 7);
  const failed = deadlines.within(Promise.reject(new Error("failed")), 100, late);
  await assert.rejects(failed, { message: "failed" });
  const slow = Promise.withResolvers<void>();
  const waiting = deadlines.within(slow.promise, 100, late);
  clock.advance(200);
  await assert.rejects(waiting, { message: "late" });
  slow.reject(new Error("this one has an owner"));
  await Promise.resolve();
});
