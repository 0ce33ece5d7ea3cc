import assert from "node:assert/strict";
import { DuplicateLog } from "../../src/events/duplicate_log.ts";
import { ManualClock } from "../manual_clock.ts";

Deno.test("each duplicate has a line with its topic and id; of a flood those behind it are counted", () => {
  const clock = new ManualClock();
  const lines: { message: string; fields: unknown }[] = [];
  const log = new DuplicateLog(clock, {
    log: (level, message, fields) => {
      assert.equal(level, "info");
      lines.push({ message, fields });
    },
  });
  log.tell("orders", "a", 7);
  assert.deepEqual(lines, [{
    message: "duplicate dropped: topic orders, event_id a",
    fields: { topic: "orders", event_id: "a", offset: 7 },
  }]);
  for (let place = 0; place < 25_000; place++) log.tell("orders", `b${place}`, place);
  assert.equal(lines.length, 20_000);
  clock.advance(10);
  log.tell("orders", "c", 8);
  assert.match(lines.at(-2)!.message, /^5001 further duplicates were dropped/);
  assert.match(lines.at(-1)!.message, /event_id c$/);
  // The flood has ended in the middle of a second.
  for (let place = 0; place < 12; place++) log.tell("orders", `d${place}`, place);
  clock.advance(1_000);
  assert.match(lines.at(-1)!.message, /^3 further duplicates were dropped/);
  assert.equal(clock.timers, 0);
  log.close();
  assert.match(lines.at(-1)!.message, /^3 further/, "nothing is told twice");
});
