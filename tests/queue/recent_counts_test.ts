import assert from "node:assert/strict";
import { ratesOf, RecentCounts } from "../../src/queue/recent_counts.ts";

const NOTHING = { published: 0, delivered: 0, acknowledged: 0 };

Deno.test("rates are of the last minute at most, and end with it", () => {
  const recent = new RecentCounts();
  const counted = { ...NOTHING };
  // 10 a second for five minutes.
  let timeMs = 1_000_000;
  for (; timeMs < 1_300_000; timeMs += 100) {
    recent.mark(timeMs, counted);
    counted.published++;
  }
  const { published } = ratesOf(recent.marks, counted, timeMs);
  assert.ok(Math.abs(published - 10) < 0.1, `${published} a second`);
  assert.ok(recent.marks.length <= 6);
  const half = ratesOf(recent.marks, counted, timeMs + 30_000).published;
  assert.ok(half > 3 && half < 7, `${half} a second half a minute later`);
  assert.deepEqual(ratesOf(recent.marks, counted, timeMs + 60_000), NOTHING);
});

Deno.test("rates begin anew after a time in which nothing happened", () => {
  const recent = new RecentCounts();
  const counted = { ...NOTHING };
  recent.mark(0, counted);
  counted.delivered = 1_000;
  recent.mark(500_000, counted);
  counted.delivered = 1_110;
  counted.acknowledged = 55;
  assert.deepEqual(ratesOf(recent.marks, counted, 505_000), {
    published: 0,
    delivered: 2,
    acknowledged: 1,
  });
});

Deno.test("what is handed back makes no rate negative", () => {
  const recent = new RecentCounts();
  recent.mark(10_000, { ...NOTHING, delivered: 5 });
  assert.equal(ratesOf(recent.marks, { ...NOTHING, delivered: 3 }, 12_000).delivered, 0);
});
