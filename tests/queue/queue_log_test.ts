import assert from "node:assert/strict";
import type { RedeliveryEffect } from "../../src/queue/answers.ts";
import { QueueLog } from "../../src/queue/queue_log.ts";
import { ManualClock } from "../manual_clock.ts";

function redelivery(count: number): RedeliveryEffect {
  const messages = Array.from({ length: Math.min(count, 128) }, (_, number) => {
    return { id: `m${number}`, attempts: number + 1 };
  });
  return { kind: "redelivery", topic: "t", lane: 0, count, messages };
}

Deno.test("a line names the first messages of an entry, and counts the others", () => {
  const lines: unknown[] = [];
  const log = new QueueLog(new ManualClock(), { log: (...line) => void lines.push(line) });
  log.redelivered(redelivery(1));
  log.redelivered(redelivery(1_000));
  const dead = { id: "x", attempts: 3, reason: "max_attempts: no" };
  log.deadLettered({ kind: "deadLetter", topic: "t", lane: 1, count: 1, messages: [dead] });
  assert.deepEqual(lines, [
    ["info", "not acknowledged in time, delivered again: t: m0 (attempt 1)", {
      topic: "t",
      lane: 0,
      count: 1,
      ids: ["m0"],
      attempts: [1],
    }],
    [
      "info",
      "not acknowledged in time, delivered again: t: m0 (attempt 1), m1 (attempt 2), " +
      "m2 (attempt 3), m3 (attempt 4), m4 (attempt 5), m5 (attempt 6), m6 (attempt 7), " +
      "m7 (attempt 8) and 992 more",
      {
        topic: "t",
        lane: 0,
        count: 1_000,
        ids: ["m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7"],
        attempts: [1, 2, 3, 4, 5, 6, 7, 8],
      },
    ],
    ["warn", "dead letters of t: x (max_attempts: no)", {
      topic: "t",
      lane: 1,
      count: 1,
      ids: ["x"],
      reasons: ["max_attempts: no"],
    }],
  ]);
});

Deno.test("a flood is cut to so many lines a second, and what was left out is counted", () => {
  const clock = new ManualClock();
  const lines: string[] = [];
  const log = new QueueLog(clock, { log: (_level, message) => void lines.push(message) });
  for (let entry = 0; entry < 1_000; entry++) log.redelivered(redelivery(3));
  assert.equal(lines.length, 100);
  clock.advance(1_000);
  for (let entry = 0; entry < 50; entry++) log.redelivered(redelivery(1));
  assert.equal(lines.length, 121);
  assert.equal(lines[100], "2700 further messages were delivered again or died");
  clock.advance(60_000);
  log.redelivered(redelivery(1));
  assert.equal(lines[121], "30 further messages were delivered again or died");
});
