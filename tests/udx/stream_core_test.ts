/** What a stream does beside carrying bytes: windows, ends, resets, sizes, moves, relays; in virtual time. */
import assert from "node:assert/strict";
import { BOUNDS } from "../../src/udx/protocol/bounds.ts";
import { FLAGS, readHeader, streamIdOf } from "../../src/udx/protocol/packet.ts";
import { connectEnds, SimulatedEnd, Simulation } from "./simulation.ts";

const MINUTE_MS = 60_000;

function headerOf(packet: Uint8Array) {
  const header = { flags: 0, paddingBytes: 0, windowBytes: 0, sequence: 0, ack: 0 };
  readHeader(packet, header);
  return header;
}

Deno.test("udx core: the first packet is the wire's, byte for byte", () => {
  const simulation = new Simulation(1);
  const packets: Uint8Array[] = [];
  const end = new SimulatedEnd(simulation, 7);
  end.connect(0x01020304, (packet) => packets.push(packet.slice()));
  end.write(3, false);
  simulation.runUntil(() => packets.length > 0, 10);
  assert.deepEqual(
    [...packets[0]!],
    [0xff, 1, 1, 0, 4, 3, 2, 1, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 31, 62],
  );
});

Deno.test("udx core: a reader that pauses stops the writer, and one that goes on wakes it", () => {
  const simulation = new Simulation(1);
  const { left, right } = connectEnds(simulation, { delayMs: 5 });
  right.paused = true;
  left.write(20_000_000);
  simulation.runUntil(() => false, MINUTE_MS);
  assert.ok(right.unreadBytes >= BOUNDS.receiveWindowBytes / 2, `${right.unreadBytes}`);
  assert.ok(right.unreadBytes <= BOUNDS.receiveBytesMax, `${right.unreadBytes}`);
  assert.equal(right.core.receiver.overruns, 0);
  assert.equal(left.closedWith, undefined);
  right.resume();
  const over = () => right.receivedBytes === 20_000_000 && right.remoteEnded;
  assert.ok(simulation.runUntil(over, 10 * MINUTE_MS));
  assert.equal(right.wrongAt, null);
});

Deno.test("udx core: a closed window is asked for, though the news that it opened are lost", () => {
  const simulation = new Simulation(1);
  let deaf = false;
  const left = new SimulatedEnd(simulation, 1);
  const right = new SimulatedEnd(simulation, 2);
  left.connect(2, simulation.link({}, (packet) => right.receive(packet)));
  right.connect(1, simulation.link({}, (packet) => deaf || left.receive(packet)));
  right.paused = true;
  left.write(20_000_000);
  simulation.runUntil(() => false, MINUTE_MS);
  deaf = true;
  right.resume();
  simulation.runUntil(() => false, simulation.nowMs + 100);
  deaf = false;
  const over = () => right.receivedBytes === 20_000_000;
  assert.ok(simulation.runUntil(over, simulation.nowMs + MINUTE_MS));
  assert.ok(left.core.sender.flight.counters.zeroWindowProbes > 0);
});

Deno.test("udx core: half a stream ends, and the other half goes on", () => {
  const simulation = new Simulation(1);
  const { left, right } = connectEnds(simulation, { delayMs: 5 });
  left.write(10);
  assert.ok(simulation.runUntil(() => right.remoteEnded, MINUTE_MS));
  simulation.runUntil(() => false, simulation.nowMs + 1_000);
  assert.equal(left.closedWith, undefined);
  right.write(500_000);
  assert.ok(simulation.runUntil(() => left.remoteEnded, 2 * MINUTE_MS));
  assert.equal(left.receivedBytes, 500_000);
  const over = () => left.closedWith === null && right.closedWith === null;
  assert.ok(simulation.runUntil(over, 2 * MINUTE_MS));
});

Deno.test("udx core: destroying resets the other end, though the packet is lost", () => {
  const simulation = new Simulation(1);
  let loses = true;
  const left = new SimulatedEnd(simulation, 1);
  const right = new SimulatedEnd(simulation, 2);
  left.connect(2, simulation.link({}, (packet) => loses || right.receive(packet)));
  right.connect(1, simulation.link({}, (packet) => left.receive(packet)));
  left.destroy();
  assert.equal(left.closedWith, null);
  simulation.runUntil(() => false, 1_000);
  assert.equal(right.closedWith, undefined);
  loses = false;
  right.write(10, false);
  assert.ok(simulation.runUntil(() => right.closedWith !== undefined, 10_000));
  assert.equal(right.closedWith, "ECONNRESET");
});

Deno.test("udx core: the last acknowledgement may be lost", () => {
  const simulation = new Simulation(1);
  let loses = false;
  const left = new SimulatedEnd(simulation, 1);
  const right = new SimulatedEnd(simulation, 2);
  left.connect(2, simulation.link({}, (packet) => loses || right.receive(packet)));
  right.connect(1, simulation.link({}, (packet) => left.receive(packet)));
  left.write(10);
  assert.ok(simulation.runUntil(() => left.core.sender.ended, 10_000));
  loses = true;
  right.write(10);
  assert.ok(simulation.runUntil(() => left.closedWith === null, 20_000));
  // Until the acknowledgement is lost.
  simulation.runUntil(() => false, simulation.nowMs + 10);
  assert.equal(right.closedWith, undefined);
  loses = false;
  assert.ok(simulation.runUntil(() => right.closedWith !== undefined, 20_000));
  assert.equal(right.closedWith, null);
});

Deno.test("udx core: a dead path ends the stream with ETIMEDOUT", () => {
  const simulation = new Simulation(1);
  const { left } = connectEnds(simulation, { lossRate: 1 });
  left.write(10_000, false);
  assert.ok(simulation.runUntil(() => left.closedWith !== undefined, 2 * MINUTE_MS));
  assert.equal(left.closedWith, "ETIMEDOUT");
  assert.ok(simulation.nowMs > 5_000, `${simulation.nowMs}`);
});

for (const [mtuBytes, foundBytes] of [[9_000, 1_500], [1_300, 1_296], [1_200, 1_200]] as const) {
  Deno.test(`udx core: a path of ${mtuBytes} bytes is found to carry ${foundBytes}`, () => {
    const simulation = new Simulation(1);
    const { left, right } = connectEnds(simulation, { delayMs: 5, mtuBytes });
    left.write(30_000_000);
    assert.ok(simulation.runUntil(() => right.remoteEnded, 10 * MINUTE_MS));
    assert.equal(left.core.sender.mtuBytes, foundBytes);
    assert.equal(right.wrongAt, null);
    assert.equal(left.core.sender.flight.counters.timeouts, 0);
  });
}

Deno.test("udx core: messages pass unordered, and none with the bytes", () => {
  const simulation = new Simulation(1);
  const { left, right } = connectEnds(simulation, { delayMs: 5, jitterMs: 10 });
  left.write(100_000);
  for (let count = 0; count < 20; count++) left.core.sendMessage(Uint8Array.of(count));
  left.core.sendMessage(new Uint8Array(0));
  assert.ok(simulation.runUntil(() => right.remoteEnded, MINUTE_MS));
  const numbers = right.messages.filter(({ length }) => length === 1).map(([number]) => number!);
  assert.deepEqual(numbers.sort((a, b) => a - b), Array.from({ length: 20 }, (_, at) => at));
  assert.equal(right.messages.length, 21);
  assert.equal(right.wrongAt, null);
});

Deno.test("udx core: what came before connect is acknowledged by it", () => {
  const simulation = new Simulation(1);
  const left = new SimulatedEnd(simulation, 1);
  const right = new SimulatedEnd(simulation, 2);
  left.connect(2, simulation.link({}, (packet) => right.receive(packet)));
  left.write(1_000);
  simulation.runUntil(() => right.remoteEnded, 1_000);
  assert.equal(right.packetsSent, 0);
  assert.equal(right.receivedBytes, 1_000);
  right.connect(1, simulation.link({}, (packet) => left.receive(packet)));
  assert.ok(simulation.runUntil(() => left.core.sender.ended, 1_000));
});

Deno.test("udx core: a stream moves to another path while it carries, and loses nothing", () => {
  const simulation = new Simulation(3);
  const left = new SimulatedEnd(simulation, 1);
  const right = new SimulatedEnd(simulation, 2);
  let oldAlive = true;
  const toRight = (packet: Uint8Array) => right.receive(packet);
  left.connect(2, simulation.link({ delayMs: 20 }, (packet) => oldAlive && toRight(packet)));
  right.connect(1, simulation.link({ delayMs: 5 }, (packet) => left.receive(packet)));
  left.write(3_000_000);
  assert.ok(simulation.runUntil(() => right.receivedBytes > 1_000_000, MINUTE_MS));
  const done = left.changeRemote(2, simulation.link({ delayMs: 5 }, toRight));
  assert.equal(done, false);
  // The old path dies with packets in it.
  oldAlive = false;
  assert.ok(simulation.runUntil(() => left.remoteChanges > 0, 2 * MINUTE_MS));
  assert.ok(simulation.runUntil(() => right.remoteEnded, 2 * MINUTE_MS));
  assert.equal(right.wrongAt, null);
  assert.equal(left.remoteChanges, 1);
});

Deno.test("udx core: a relay passes packets on, and a reset with them", () => {
  const simulation = new Simulation(5);
  const link = { delayMs: 3, lossRate: 0.02 };
  const left = new SimulatedEnd(simulation, 1);
  const right = new SimulatedEnd(simulation, 2);
  const towardsLeft = new SimulatedEnd(simulation, 3);
  const towardsRight = new SimulatedEnd(simulation, 4);
  left.connect(3, simulation.link(link, (packet) => towardsLeft.receive(packet)));
  right.connect(4, simulation.link(link, (packet) => towardsRight.receive(packet)));
  towardsLeft.connect(1, simulation.link(link, (packet) => left.receive(packet)));
  towardsRight.connect(2, simulation.link(link, (packet) => right.receive(packet)));
  towardsLeft.core.relayTo(towardsRight.core);
  towardsRight.core.relayTo(towardsLeft.core);
  left.write(300_000, false);
  right.write(300_000, false);
  const all = () => left.receivedBytes === 300_000 && right.receivedBytes === 300_000;
  assert.ok(simulation.runUntil(all, MINUTE_MS));
  assert.equal(left.wrongAt, null);
  assert.equal(right.wrongAt, null);
  assert.equal(towardsLeft.receivedBytes, 0);
  // The relay goes: both ends are told.
  towardsLeft.destroy();
  assert.equal(towardsRight.closedWith, null);
  left.write(10);
  right.write(10);
  const told = () => left.closedWith !== undefined && right.closedWith !== undefined;
  assert.ok(simulation.runUntil(told, MINUTE_MS));
  assert.equal(left.closedWith, "ECONNRESET");
  assert.equal(right.closedWith, "ECONNRESET");
});

Deno.test("udx core: silence is broken by heartbeats, which are answered", () => {
  const simulation = new Simulation(1);
  const flags: number[] = [];
  const left = new SimulatedEnd(simulation, 1);
  const right = new SimulatedEnd(simulation, 2);
  left.connect(
    2,
    simulation.link({}, (packet) => {
      flags.push(headerOf(packet).flags);
      right.receive(packet);
    }),
  );
  right.connect(1, simulation.link({}, (packet) => left.receive(packet)));
  left.core.sender.setKeepalive(simulation.nowMs, 1_000);
  left.write(1, false);
  simulation.runUntil(() => false, 4_500);
  assert.ok(flags.filter((flag) => flag === FLAGS.heartbeat).length >= 3, `${flags}`);
  assert.ok(right.packetsSent >= 3);
});

Deno.test("udx core: packets of a stranger's making are told from those of a stream", () => {
  assert.equal(streamIdOf(new Uint8Array(19).fill(0xff)), -1);
  assert.equal(streamIdOf(new Uint8Array(20)), -1);
  assert.equal(streamIdOf(Uint8Array.of(0xff, 2, ...new Uint8Array(18))), -1);
  assert.equal(
    streamIdOf(Uint8Array.of(0xff, 1, 0, 0, 5, 0, 0, 1, ...new Uint8Array(12))),
    0x01000005,
  );
});
