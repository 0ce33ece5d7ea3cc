import assert from "node:assert/strict";
import { Ticker } from "../../src/groups/ticker.ts";
import { ManualClock } from "../manual_clock.ts";

function manualTicker() {
  const clock = new ManualClock();
  const seen = { ticks: 0, heartbeats: 0, awake: true };
  const ticker = new Ticker(clock, 150, {
    awake: () => seen.awake,
    tick: () => void seen.ticks++,
    heartbeat: () => void seen.heartbeats++,
  });
  ticker.start();
  return { clock, seen, ticker };
}

Deno.test("while a group is awake there are three ticks an interval, and one heartbeat", () => {
  const { clock, seen } = manualTicker();
  clock.advance(1_500);
  assert.deepEqual(seen, { ticks: 30, heartbeats: 10, awake: true });
});

Deno.test("while all sleep the timer fires once an interval", () => {
  const { clock, seen } = manualTicker();
  seen.awake = false;
  clock.advance(50);
  clock.advance(1_500);
  assert.equal(seen.heartbeats, 10);
  assert.equal(seen.ticks, 11);
});

Deno.test("a group that wakes is ticked within a tick, and does not keep heartbeats away", () => {
  const { clock, seen, ticker } = manualTicker();
  seen.awake = false;
  clock.advance(200);
  const before = seen.ticks;
  clock.advance(100);
  seen.awake = true;
  ticker.hurry();
  clock.advance(50);
  assert.equal(seen.ticks, before + 1);
  const { heartbeats } = seen;
  for (let round = 0; round < 100; round++) {
    clock.advance(10);
    ticker.hurry();
  }
  assert.ok(seen.heartbeats >= heartbeats + 6);
});

Deno.test("a peer that was paused does not find its timeouts over: one fire is one tick", () => {
  const fires: (() => void)[] = [];
  let ticks = 0;
  const clock = new ManualClock();
  const late = {
    monotonicMs: () => clock.monotonicMs(),
    wallMs: () => clock.wallMs(),
    timer: (_delayMs: number, fire: () => void) => {
      fires.push(fire);
      return { cancel() {} };
    },
  };
  const ticker = new Ticker(late, 150, { awake: () => true, tick: () => ticks++, heartbeat() {} });
  ticker.start();
  clock.advance(60_000);
  fires.shift()!();
  assert.equal(ticks, 1);
});

Deno.test("a stopped ticker has no timer, and a hurry does not start it", () => {
  const { clock, seen, ticker } = manualTicker();
  ticker.stop();
  seen.awake = false;
  ticker.hurry();
  assert.equal(clock.timers, 0);
  clock.advance(1_000);
  assert.equal(seen.ticks, 0);
});
