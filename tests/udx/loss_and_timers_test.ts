/** When what was sent is sent again, and when it is given up: timeouts, probes of the tail, reordering, round trips. */
import assert from "node:assert/strict";
import { BOUNDS } from "../../src/udx/protocol/bounds.ts";
import { FLAGS } from "../../src/udx/protocol/packet.ts";
import { Pacer } from "../../src/udx/protocol/pacer.ts";
import { RoundTrip } from "../../src/udx/protocol/round_trip.ts";
import { connectEnds, Simulation } from "./simulation.ts";
import { payloadAt, StreamByHand } from "./stream_by_hand.ts";

const MINUTE_MS = 60_000;

/** A stream that knows its path to take so long. */
function withRoundTrip(ms: number): StreamByHand {
  const stream = new StreamByHand();
  stream.end.write(1, false);
  stream.pass(ms);
  stream.receive({ ack: 1 });
  assert.deepEqual(stream.pass(0), []);
  assert.equal(stream.end.core.sender.flight.roundTrip.smoothedMs, ms);
  return stream;
}

Deno.test("udx loss: into silence a packet leaves seven times, at twice the first timeout, then the stream is over", () => {
  const stream = new StreamByHand();
  stream.end.write(1, false);
  const sent = stream.pass(MINUTE_MS);
  const { rtoFirstMs } = BOUNDS;
  const times = Array.from({ length: BOUNDS.rtosMax }, (_, at) => rtoFirstMs * (1 + 2 * at));
  assert.deepEqual(sent.map(({ atMs }) => atMs), [0, ...times]);
  assert.equal(stream.end.closedWith, "ETIMEDOUT");
});

Deno.test("udx loss: a tail that is lost is probed for after two round trips, and twice more", () => {
  const stream = withRoundTrip(20);
  const beganMs = stream.simulation.nowMs;
  stream.end.write(1, false);
  const times = stream.pass(900).map(({ atMs }) => atMs - beganMs);
  const firstMs = 2 * 20 + BOUNDS.ackDelayMs;
  assert.deepEqual(times, [0, firstMs, 3 * firstMs, 7 * firstMs]);
  assert.equal(stream.end.core.sender.flight.counters.tailProbes, BOUNDS.tailProbesMax);
});

Deno.test("udx loss: in recovery silence is probed for as well", () => {
  const stream = withRoundTrip(20);
  const { flight } = stream.end.core.sender;
  stream.end.write(8_000, false);
  stream.pass(20);
  // All but one have come; then the path is silent.
  stream.receiveSack({ ack: 2 }, [[3, stream.end.core.sender.nextSequence]]);
  assert.equal(flight.counters.fastRecoveries, 1);
  const again = stream.pass(BOUNDS.rtoMinMs / 2);
  assert.deepEqual(new Set(again.map(({ sequence }) => sequence)), new Set([2]));
  assert.equal(again.length, 1 + BOUNDS.tailProbesMax);
  assert.equal(flight.counters.timeouts, 0);
});

Deno.test("udx loss: the answer to a packet that was sent twice says nothing of the round trip", () => {
  const stream = new StreamByHand();
  stream.end.write(1, false);
  stream.pass(BOUNDS.rtoFirstMs + 10);
  assert.equal(stream.sent.length, 2);
  stream.receive({ ack: 1 });
  assert.equal(stream.end.core.sender.flight.roundTrip.smoothedMs, 0);
});

Deno.test("udx loss: packets that overtake others on a path are not taken for lost", () => {
  const simulation = new Simulation(1);
  const { left, right } = connectEnds(simulation, { delayMs: 40, jitterMs: 8, bytesPerMs: 2_000 });
  left.write(5_000_000);
  assert.ok(simulation.runUntil(() => right.remoteEnded, 10 * MINUTE_MS));
  const { retransmissions } = left.core.sender.flight.counters;
  // The first ones are: only they show that the path reorders.
  assert.ok(retransmissions < 50, `${retransmissions} of ${left.packetsSent} sent again`);
});

Deno.test("udx loss: a hole is filled at once when three packets past it have come", () => {
  const stream = withRoundTrip(20);
  stream.end.write(5 * 1_152, false);
  assert.equal(stream.pass(1).length, 5);
  stream.pass(19);
  stream.receiveSack({ ack: 1 }, [[2, 4]]);
  assert.deepEqual(stream.pass(1), []);
  stream.receiveSack({ ack: 1 }, [[2, 5]]);
  const again = stream.pass(1).filter(({ flags }) => (flags & FLAGS.data) !== 0);
  assert.deepEqual(again.map(({ sequence }) => sequence), [1]);
});

Deno.test("udx loss: the timeout follows the round trip within its bounds, and a machine's sleep is no round trip", () => {
  const quick = new RoundTrip();
  quick.sample(0, 10);
  assert.equal(quick.rtoMs, BOUNDS.rtoMinMs);
  const slow = new RoundTrip();
  slow.sample(0, 2_000);
  assert.equal(slow.rtoMs, 2_000 + 4 * 1_000);
  slow.sample(0, 1_000);
  assert.equal(slow.smoothedMs, 2_000 - 1_000 / 8);
  assert.equal(slow.rtoMs, slow.smoothedMs + 4 * 1_000);
  assert.equal(quick.clamp(4_000), 4_000);
  assert.equal(quick.clamp(60_000), 10 + 5 * 5);
  const slowest = new RoundTrip();
  slowest.sample(0, 29_000);
  assert.equal(slowest.rtoMs, BOUNDS.rtoMaxMs);
});

Deno.test("udx loss: pacing lets through what the rate allows, and a pause saves up little", () => {
  const bytesPerMs = 100;
  const pacer = new Pacer(0);
  const sentBy = (untilMs: number) => {
    let bytes = 0;
    for (; nowMs < untilMs; nowMs++) {
      while (pacer.maySend(nowMs, bytesPerMs)) {
        pacer.spend(1_000);
        bytes += 1_000;
      }
    }
    return bytes;
  };
  let nowMs = 0;
  sentBy(1_000);
  const second = sentBy(2_000);
  assert.ok(Math.abs(second - 1_000 * bytesPerMs) <= 1_000, `${second} bytes`);
  nowMs += 60_000;
  const burst = sentBy(nowMs + 1);
  assert.ok(burst <= 10 * bytesPerMs + 1_000, `${burst} bytes at once`);
});

Deno.test("udx loss: of one stream no more packets leave in a turn than the system takes", () => {
  const stream = new StreamByHand();
  const { sender } = stream.end.core;
  const { packetsPerTurnMax } = BOUNDS;
  for (let round = 0; round < 100 && sender.flight.windowPackets < 4 * packetsPerTurnMax; round++) {
    stream.end.write(200_000, false);
    stream.pass(5);
    stream.receive({ ack: sender.nextSequence });
  }
  while (!sender.flight.outstanding.empty) {
    stream.pass(5);
    stream.receive({ ack: sender.nextSequence });
  }
  // Until the pacing has saved up what it may.
  stream.pass(100);
  const before = stream.sent.length;
  stream.end.write(200_000, false);
  const atOnce = stream.sent.length - before;
  assert.ok(atOnce > 0 && atOnce <= packetsPerTurnMax, `${atOnce} packets at once`);
  const { nowMs } = stream.simulation;
  const inTurns = stream.pass(1).filter(({ atMs }) => atMs === nowMs).length;
  assert.ok(inTurns > packetsPerTurnMax, `${inTurns} packets in turn after turn`);
});

Deno.test("udx loss: a relay passes a reset on, and is over with it", () => {
  const relay = new StreamByHand();
  const target = new StreamByHand();
  relay.end.core.relayTo(target.end.core);
  relay.receive({ flags: FLAGS.data, sequence: 0, payload: payloadAt(0, 3) });
  relay.receive({ flags: FLAGS.destroy, sequence: 1 });
  assert.deepEqual(target.sent.map(({ flags }) => flags), [FLAGS.data, FLAGS.destroy]);
  assert.equal(relay.end.closedWith, "ECONNRESET");
  assert.equal(target.end.closedWith, undefined);
});
