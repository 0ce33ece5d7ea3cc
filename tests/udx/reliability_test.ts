/** Bytes arrive whole, once and in order over networks of every badness, in virtual time. */
import assert from "node:assert/strict";
import { connectEnds, type LinkOptions, Simulation } from "./simulation.ts";

const MINUTES_MS = 60_000;

const NETWORKS: Readonly<Record<string, LinkOptions>> = {
  "a good network": { delayMs: 5 },
  "no delay at all": { delayMs: 0 },
  "1 % loss": { delayMs: 10, lossRate: 0.01 },
  "5 % loss": { delayMs: 10, lossRate: 0.05 },
  "10 % loss": { delayMs: 10, lossRate: 0.1 },
  "30 % loss": { delayMs: 5, lossRate: 0.3 },
  "reordering": { delayMs: 10, jitterMs: 15 },
  "duplicates": { delayMs: 5, duplicateRate: 0.3 },
  "loss, reordering and duplicates": {
    delayMs: 10,
    jitterMs: 10,
    lossRate: 0.05,
    duplicateRate: 0.05,
  },
  "a slow link with a short queue": { delayMs: 20, bytesPerMs: 500, queueBytes: 15_000 },
};

for (const [name, link] of Object.entries(NETWORKS)) {
  Deno.test(`udx core: a megabyte each way and a clean end over ${name}`, () => {
    for (let seed = 1; seed <= 4; seed++) {
      const simulation = new Simulation(seed);
      const { left, right } = connectEnds(simulation, link);
      left.write(1_000_000);
      right.write(1_000_000);
      const closed = () => left.closedWith !== undefined && right.closedWith !== undefined;
      const over = simulation.runUntil(closed, 10 * MINUTES_MS);
      const where = `seed ${seed}, ${Math.round(simulation.nowMs)} ms`;
      assert.ok(over, `not closed: ${where}`);
      for (const end of [left, right]) {
        assert.equal(end.closedWith, null, where);
        assert.equal(end.wrongAt, null, where);
        assert.equal(end.receivedBytes, 1_000_000, where);
        assert.equal(end.remoteEnded, true, where);
      }
    }
  });
}

Deno.test("udx core: a packet for each byte", () => {
  const simulation = new Simulation(7);
  const { left, right } = connectEnds(simulation, { delayMs: 1, lossRate: 0.02 });
  let written = 0;
  const more = () => {
    if (written++ >= 20_000) return;
    left.write(1, false);
    simulation.after(0.1, more);
  };
  more();
  assert.ok(simulation.runUntil(() => right.receivedBytes === 20_000, MINUTES_MS));
  assert.equal(right.wrongAt, null);
});

Deno.test("udx core: a 50 ms path with 1 % loss is used", () => {
  const bytesPerMs = 5_000;
  const simulation = new Simulation(1);
  const link = { delayMs: 25, lossRate: 0.01, bytesPerMs, queueBytes: 500_000 };
  const { left, right } = connectEnds(simulation, link, { delayMs: 25 });
  const bytes = 40_000_000;
  left.write(bytes);
  assert.ok(simulation.runUntil(() => right.receivedBytes === bytes, 10 * MINUTES_MS));
  const share = bytes / simulation.nowMs / bytesPerMs;
  assert.ok(share > 0.75, `${(100 * share).toFixed(1)} % of the link`);
});

Deno.test("udx core: a queue is not filled for long", () => {
  const bytesPerMs = 1_250;
  const simulation = new Simulation(1);
  const link = { delayMs: 20, bytesPerMs, queueBytes: 10_000_000 };
  const { left, right } = connectEnds(simulation, link, { delayMs: 20 });
  const bytes = 10_000_000;
  left.write(bytes);
  assert.ok(simulation.runUntil(() => right.receivedBytes >= bytes / 2, 10 * MINUTES_MS));
  // What is in flight fills the path about twice, and not the queue of ten seconds.
  assert.ok(left.core.sender.flight.roundTrip.smoothedMs < 120);
});
