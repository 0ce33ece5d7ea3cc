/** Paths that begin to drop what they carried: large packets, and everything. */
import assert from "node:assert/strict";
import { BOUNDS } from "../../src/udx/protocol/bounds.ts";
import { FLAGS } from "../../src/udx/protocol/packet.ts";
import { SimulatedEnd, Simulation } from "./simulation.ts";
import { StreamByHand } from "./stream_by_hand.ts";

const MINUTE_MS = 60_000;

/** Two ends, and a path to the right one that carries packets of so many bytes, with all headers. */
function pathOf(simulation: Simulation, lossRateBack = 0) {
  const path = { mtuBytes: Infinity };
  const left = new SimulatedEnd(simulation, 1);
  const right = new SimulatedEnd(simulation, 2);
  const link = { delayMs: 10, bytesPerMs: 2_000, queueBytes: 100_000 };
  const there = simulation.link(link, (packet) => {
    if (packet.length + BOUNDS.outerBytesV4 <= path.mtuBytes) right.receive(packet);
  });
  left.connect(2, there);
  const back = { ...link, lossRate: lossRateBack };
  right.connect(1, simulation.link(back, (packet) => left.receive(packet)));
  return { left, right, path };
}

for (const lossRate of [0, 0.1]) {
  Deno.test(`udx black hole: a stream goes on in smaller packets, of answers ${100 * lossRate} % lost`, () => {
    for (let seed = 1; seed <= 5; seed++) {
      const simulation = new Simulation(seed);
      const { left, right, path } = pathOf(simulation, lossRate);
      left.write(20_000_000);
      right.write(1_000, false);
      const half = () => right.receivedBytes > 8_000_000;
      assert.ok(simulation.runUntil(half, MINUTE_MS), `seed ${seed}`);
      assert.equal(left.core.sender.mtuBytes, BOUNDS.mtuMaxBytes);
      const atMs = simulation.nowMs;
      path.mtuBytes = BOUNDS.mtuBaseBytes;
      // What still was in the queue may pass.
      simulation.runUntil(() => false, atMs + 100);
      const received = right.receivedBytes;
      const goesOn = () => right.receivedBytes > received + 100_000;
      assert.ok(simulation.runUntil(goesOn, atMs + 12_000), `seed ${seed}: still at ${received}`);
      assert.equal(left.core.sender.mtuBytes, BOUNDS.mtuBaseBytes);
      assert.equal(left.core.sender.flight.counters.blackHoles, 1);
      assert.ok(simulation.runUntil(() => right.remoteEnded, 10 * MINUTE_MS), `seed ${seed}`);
      assert.equal(right.receivedBytes, 20_000_000);
      assert.equal(right.wrongAt, null);
    }
  });
}

Deno.test("udx black hole: a path that is dead for a while is none, and the stream waits for it", () => {
  const simulation = new Simulation(1);
  const { left, right, path } = pathOf(simulation);
  left.write(20_000_000);
  simulation.runUntil(() => right.receivedBytes > 8_000_000, MINUTE_MS);
  path.mtuBytes = 0;
  simulation.runUntil(() => false, simulation.nowMs + 8_000);
  path.mtuBytes = Infinity;
  assert.ok(simulation.runUntil(() => right.remoteEnded, MINUTE_MS));
  assert.equal(left.core.sender.flight.counters.blackHoles, 0);
  assert.equal(left.core.sender.mtuBytes, BOUNDS.mtuMaxBytes);
  assert.equal(right.wrongAt, null);
});

Deno.test("udx black hole: where a later packet has come, numbers are fixed, and the stream times out", () => {
  const simulation = new Simulation(1);
  const { left, right, path } = pathOf(simulation);
  left.write(8_000_000, false);
  simulation.runUntil(() => right.receivedBytes === 8_000_000, MINUTE_MS);
  path.mtuBytes = BOUNDS.mtuBaseBytes;
  // A large packet and a small one, which is all that can pass.
  left.write(BOUNDS.mtuMaxBytes, false);
  assert.ok(simulation.runUntil(() => left.closedWith !== undefined, 5 * MINUTE_MS));
  assert.equal(left.closedWith, "ETIMEDOUT");
  assert.equal(right.receivedBytes, 8_000_000);
  // The next stream finds out at once what the path carries.
  const [again, reader] = [new SimulatedEnd(simulation, 3), new SimulatedEnd(simulation, 4)];
  again.connect(
    4,
    simulation.link({ mtuBytes: BOUNDS.mtuBaseBytes }, (packet) => reader.receive(packet)),
  );
  reader.connect(3, simulation.link({}, (packet) => again.receive(packet)));
  again.write(1_000_000);
  assert.ok(simulation.runUntil(() => reader.remoteEnded, simulation.nowMs + 5_000));
});

Deno.test("udx black hole: while the question is out nothing leaves, and an answer that was under way is none", () => {
  const stream = new StreamByHand();
  const { sender } = stream.end.core;
  let written = 0;
  for (let round = 0; round < 100 && sender.mtuBytes < BOUNDS.mtuMaxBytes; round++) {
    stream.end.write(20_000, false);
    written += 20_000;
    stream.pass(5);
    stream.receive({ ack: sender.nextSequence });
  }
  while (!sender.flight.outstanding.empty) {
    stream.receive({ ack: sender.nextSequence });
    stream.pass(5);
  }
  const first = sender.nextSequence;
  stream.end.write(10 * 1_452, false);
  written += 10 * 1_452;
  const timeoutMs = BOUNDS.rtoMinMs;
  const data = (sent: { flags: number }[]) => sent.filter(({ flags }) => flags === FLAGS.data);
  assert.ok(data(stream.pass(3 * timeoutMs - 100)).length > 10);
  const asked = stream.pass(600);
  assert.deepEqual(asked.map(({ flags }) => flags), [FLAGS.heartbeat]);
  // The answer: the path is alive, and the large packets have not come.
  stream.receive({ ack: first });
  assert.deepEqual(stream.pass(300), []);
  const anew = data(stream.pass(300)) as typeof stream.sent;
  assert.equal(anew[0]!.sequence, first);
  assert.ok(anew.every(({ bytes }) => bytes.length + 28 <= BOUNDS.mtuBaseBytes));
  assert.equal(sender.flight.counters.blackHoles, 1);
  for (let round = 0; round < 20 && !sender.flight.outstanding.empty; round++) {
    stream.receive({ ack: sender.nextSequence });
    stream.pass(20);
  }
  assert.equal(sender.acknowledgedBytes, written);
});
