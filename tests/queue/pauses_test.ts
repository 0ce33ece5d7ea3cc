import assert from "node:assert/strict";
import { Pauses } from "../../src/queue/pauses.ts";
import { ManualClock } from "../manual_clock.ts";

Deno.test("a pause ends with its time, its caller, or for all at once; none leaves a timer", async () => {
  const clock = new ManualClock();
  const pauses = new Pauses(clock);
  const over = pauses.wait(100, null);
  clock.advance(100);
  await over;

  const gone = new AbortController();
  const abandoned = pauses.wait(100, gone.signal);
  gone.abort(new Error("gone"));
  await assert.rejects(abandoned, { message: "gone" });
  await assert.rejects(pauses.wait(100, gone.signal), { message: "gone" });

  const ended = [pauses.wait(100, null), pauses.wait(200, new AbortController().signal)];
  pauses.end(new Error("the end"));
  pauses.end(new Error("another end"));
  for (const pause of ended) await assert.rejects(pause, { message: "the end" });
  await assert.rejects(pauses.wait(100, null), { message: "the end" });
  assert.equal(clock.timers, 0);
});
