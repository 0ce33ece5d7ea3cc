/** The phi accrual failure detector with synthetic heartbeats. */
import assert from "node:assert/strict";
import { FailureDetector, type FailureDetectorOptions } from "../../src/net/failure_detector.ts";
import { Random } from "../../src/random.ts";

const PEER = "a";

/** A detector without grace, that has heard so many heartbeats; the last at the returned time. */
function listen(
  intervalsMs: readonly number[],
  options: Partial<FailureDetectorOptions> = {},
): { detector: FailureDetector; lastMs: number } {
  const detector = new FailureDetector({ graceMs: 0, deviationMinMs: 1, ...options });
  let lastMs = 5_000;
  detector.heartbeat(PEER, lastMs);
  for (const intervalMs of intervalsMs) {
    lastMs += intervalMs;
    detector.heartbeat(PEER, lastMs);
  }
  return { detector, lastMs };
}

/** 100 and 200 in turn: mean 150, deviation 50. */
const EVEN = Array.from({ length: 100 }, (_, index) => index % 2 === 0 ? 100 : 200);

Deno.test("phi is -log10 of the normal distribution's tail", () => {
  const { detector, lastMs } = listen(EVEN);
  // Tails of the standard normal distribution, from tables.
  for (
    const [deviations, tail] of [
      [-2, 0.9772498681],
      [0, 0.5],
      [1, 0.1586552539],
      [2, 0.0227501319],
      [3, 1.3498980316e-3],
      [4, 3.1671241833e-5],
      [6, 9.865876450e-10],
      [10, 7.619853024e-24],
    ] as const
  ) {
    const phi = detector.phi(PEER, lastMs + 150 + 50 * deviations);
    const expected = -Math.log10(tail);
    assert(Math.abs(phi - expected) < 1e-3 * (1 + expected), `${deviations}: ${phi} ${expected}`);
  }
});

Deno.test("phi never falls during a silence, and stays finite", () => {
  const { detector, lastMs } = listen(EVEN);
  let before = 0;
  for (let silenceMs = 0; silenceMs < 100_000; silenceMs += 7) {
    const phi = detector.phi(PEER, lastMs + silenceMs);
    assert(phi >= before && Number.isFinite(phi), `${silenceMs}: ${phi} after ${before}`);
    before = phi;
  }
});

Deno.test("with the defaults a peer of 150 ms heartbeats is suspect, then dead, within seconds", () => {
  const detector = new FailureDetector();
  const random = new Random(11);
  let nowMs = 0;
  for (let count = 0; count < 1_000; count++) {
    nowMs += 140 + random.integer(0, 20);
    assert.equal(detector.state(PEER, nowMs), count === 0 ? "suspect" : "alive");
    detector.heartbeat(PEER, nowMs);
  }
  assert.equal(detector.state(PEER, nowMs + 600), "alive");
  assert.equal(detector.state(PEER, nowMs + 1_000), "suspect");
  assert.equal(detector.state(PEER, nowMs + 2_500), "dead");
  detector.heartbeat(PEER, nowMs + 2_500);
  assert.equal(detector.state(PEER, nowMs + 2_600), "alive");
});

Deno.test("an irregular peer is given longer than a regular one", () => {
  const regular = listen(Array.from({ length: 100 }, () => 150));
  const irregular = listen(EVEN);
  assert.equal(regular.detector.state(PEER, regular.lastMs + 250), "dead");
  assert.notEqual(irregular.detector.state(PEER, irregular.lastMs + 250), "dead");
});

Deno.test("only the window counts: a peer that became slower is believed in time", () => {
  const slower = [...EVEN, ...Array.from({ length: 20 }, () => 1_000)];
  const { detector, lastMs } = listen(slower, { windowSize: 20 });
  assert(Math.abs(detector.phi(PEER, lastMs + 1_000) - Math.log10(2)) < 1e-6);
});

Deno.test("after one heartbeat the assumed interval counts", () => {
  const { detector, lastMs } = listen([], { intervalMs: 1_000, deviationMinMs: 100 });
  assert.equal(detector.state(PEER, lastMs + 1_000), "alive");
  assert.equal(detector.state(PEER, lastMs + 2_000), "dead");
});

Deno.test("who was never heard is suspect at first, and dead after as long a silence as any other", () => {
  const detector = new FailureDetector();
  assert.equal(detector.state(PEER, 1_000), "suspect");
  assert.equal(detector.state(PEER, 1_600), "suspect");
  assert.equal(detector.state(PEER, 4_000), "dead");
  detector.heartbeat(PEER, 60_000);
  assert.equal(detector.state(PEER, 60_100), "alive", "the time before counts for nothing");
});

Deno.test("a clock that gives the same time twice is no failure", () => {
  const { detector, lastMs } = listen([0, 0, 0]);
  assert(Number.isFinite(detector.phi(PEER, lastMs)));
});
