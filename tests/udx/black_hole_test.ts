/** Paths that begin to drop what they carried: large packets, and everything. */
import assert from "node:assert/strict";
import { BOUNDS } from "../../src/udx/protocol/bounds.ts";
import { FLAGS } from "../../src/udx/protocol/packet.ts";
import { SimulatedEnd, Simulation } from "./simulation.ts";
import { StreamByHand, type Written } from "./stream_by_hand.ts";

const MINUTE_MS = 60_000;
/** The payload of the largest packet over IPv4. */
const LARGE_BYTES = 1_452;

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

/** A stream that has proven large packets, and has some in flight from `first` on; a black hole is next asked about. */
class Doubting extends StreamByHand {
  readonly first: number;
  writtenBytes = 0;

  constructor() {
    super();
    const { sender } = this.end.core;
    const write = (bytes: number) => {
      this.end.write(bytes, false);
      this.writtenBytes += bytes;
    };
    for (let round = 0; round < 100 && sender.mtuBytes < BOUNDS.mtuMaxBytes; round++) {
      write(20_000);
      this.pass(5);
      this.receive({ ack: sender.nextSequence });
    }
    this.acknowledgeAll();
    this.first = sender.nextSequence;
    write(10 * LARGE_BYTES);
  }

  acknowledgeAll(): void {
    const { sender } = this.end.core;
    while (!sender.flight.outstanding.empty) {
      this.receive({ ack: sender.nextSequence });
      this.pass(5);
    }
  }

  /** The time passes in which the heartbeat is sent. */
  untilAsked(): void {
    for (let ms = 0; ms < 10 * BOUNDS.rtoMinMs; ms++) {
      if (this.pass(1).some(({ flags }) => flags === FLAGS.heartbeat)) return;
    }
    assert.fail("never asked");
  }

  /** What comes first when the question is over. */
  afterwards(leftMs: number): Written {
    assert.deepEqual(this.pass(leftMs - 10), []);
    return this.pass(20).find(({ flags }) => flags === FLAGS.data)!;
  }
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
  const stream = new Doubting();
  const { first } = stream;
  const { sender } = stream.end.core;
  stream.untilAsked();
  // Quicker than any round trip was: it says nothing of now.
  stream.receive({ ack: first });
  const again = stream.afterwards(BOUNDS.rtoMinMs);
  assert.deepEqual([again.sequence, again.bytes.length], [first, 20 + LARGE_BYTES]);
  assert.equal(sender.flight.counters.blackHoles, 0);
  stream.untilAsked();
  stream.pass(300);
  // The answer: the path is alive, and the large packets have not come.
  stream.receive({ ack: first });
  const anew = stream.afterwards(BOUNDS.rtoMinMs - 300);
  assert.deepEqual([anew.sequence, anew.bytes.length + 28], [first, BOUNDS.mtuBaseBytes]);
  assert.equal(sender.flight.counters.blackHoles, 1);
  stream.acknowledgeAll();
  assert.equal(sender.acknowledgedBytes, stream.writtenBytes);
});

Deno.test("udx black hole: an answer that names a later packet forbids to cut anew", () => {
  const stream = new Doubting();
  const { first } = stream;
  stream.untilAsked();
  stream.pass(300);
  stream.receiveSack({ ack: first }, [[first + 2, first + 3]]);
  const again = stream.afterwards(BOUNDS.rtoMinMs - 300);
  assert.deepEqual([again.sequence, again.bytes.length], [first, 20 + LARGE_BYTES]);
  assert.equal(stream.end.core.sender.flight.counters.blackHoles, 0);
});
