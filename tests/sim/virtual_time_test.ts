import assert from "node:assert/strict";
import { Actor, Scheduler, VirtualClock } from "./virtual_time.ts";

const TRUE_TIME = { rate: 1, monotonicOffsetMs: 0, wallOffsetMs: 0 };

Deno.test("events run in order of time, and of scheduling at one time", async () => {
  const scheduler = new Scheduler();
  const order: string[] = [];
  for (const [delayMs, name] of [[5, "c"], [1, "a"], [5, "d"], [3, "b"]] as const) {
    scheduler.after(delayMs, null, name, () => order.push(`${name}@${scheduler.nowMs}`));
  }
  await scheduler.runUntil(10);
  assert.deepEqual(order, ["a@1", "b@3", "c@5", "d@5"]);
  assert.equal(scheduler.nowMs, 10);
  assert.equal(scheduler.executed, 4);
});

Deno.test("what an event settles runs to its end before the next event", async () => {
  const scheduler = new Scheduler();
  const order: string[] = [];
  scheduler.after(1, null, "first", async () => {
    for (let depth = 0; depth < 100; depth++) await null;
    order.push("chain");
  });
  scheduler.after(1, null, "second", () => order.push("second"));
  await scheduler.runUntil(2);
  assert.deepEqual(order, ["chain", "second"]);
});

Deno.test("a paused actor's events are late and keep their order; a killed one's never run", async () => {
  const scheduler = new Scheduler();
  const actor = new Actor("peer");
  const order: string[] = [];
  const clock = new VirtualClock(scheduler, actor, TRUE_TIME);
  clock.timer(2, () => order.push(`first@${clock.monotonicMs()}`));
  clock.timer(3, () => order.push(`second@${clock.monotonicMs()}`));
  clock.timer(50, () => order.push("never"));
  actor.pausedUntilMs = 20;
  await scheduler.runUntil(30);
  assert.deepEqual(order, ["first@20", "second@20"]);
  actor.alive = false;
  await scheduler.runUntil(100);
  assert.equal(order.length, 2);
});

Deno.test("a cancelled timer never fires", async () => {
  const scheduler = new Scheduler();
  const timer = scheduler.after(1, null, "cancelled", () => assert.fail("it fired"));
  timer.cancel();
  timer.cancel();
  await scheduler.runUntil(5);
  assert.equal(scheduler.executed, 0);
});

Deno.test("a fast clock's timers fire early in true time, and its readings agree with them", async () => {
  const scheduler = new Scheduler();
  const skew = { rate: 1.25, monotonicOffsetMs: 1000, wallOffsetMs: -5000 };
  const clock = new VirtualClock(scheduler, new Actor("fast"), skew);
  let firedMs = 0;
  clock.timer(100, () => firedMs = scheduler.nowMs);
  await scheduler.runUntil(200);
  assert.equal(firedMs, 80);
  assert.equal(clock.monotonicMs(), 1000 + 250);
});

Deno.test("while a machine sleeps its monotonic clock stands still, and its timers are as much later", async () => {
  const scheduler = new Scheduler();
  const skew = { rate: 2, monotonicOffsetMs: 0, wallOffsetMs: 0 };
  const clock = new VirtualClock(scheduler, new Actor("sleeper"), skew);
  const firedMs: number[] = [];
  clock.timer(100, () => firedMs.push(scheduler.nowMs));
  const wallMs = clock.wallMs();
  await scheduler.runUntil(20);
  clock.sleep(500);
  await scheduler.runUntil(300);
  assert.equal(clock.monotonicMs(), 40);
  clock.sleep(400);
  clock.timer(10, () => firedMs.push(scheduler.nowMs));
  await scheduler.runUntil(1_000);
  assert.deepEqual(firedMs, [705, 730]);
  assert.equal(clock.monotonicMs(), 2 * (1_000 - 680));
  assert.equal(clock.wallMs() - wallMs, 2_000);
});

Deno.test("equal schedules give equal traces, others do not", async () => {
  const traceOf = async (delays: readonly number[]) => {
    const scheduler = new Scheduler();
    for (const delayMs of delays) scheduler.after(delayMs, null, "event", () => {});
    await scheduler.runUntil(100);
    return scheduler.trace.digest();
  };
  assert.equal(await traceOf([1, 2, 3]), await traceOf([3, 2, 1]));
  assert.notEqual(await traceOf([1, 2, 3]), await traceOf([1, 2, 4]));
});
