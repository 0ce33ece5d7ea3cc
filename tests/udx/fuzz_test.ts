/**
 * A flood of garbage and forged packets costs counters alone: with wrong ids a stream carries on as if nothing were
 * there; with the right id, from somebody who can read the wire, nothing crashes and nothing grows past its
 * bounds. SKEIN_UDX_FUZZ_MINUTES makes it long.
 */
import assert from "node:assert/strict";
import { BOUNDS } from "../../src/udx/protocol/bounds.ts";
import { streamIdOf, writeHeader } from "../../src/udx/protocol/packet.ts";
import { Random } from "../../src/random.ts";
import { SimulatedEnd, Simulation } from "./simulation.ts";

const MINUTE_MS = 60_000;
const SECONDS_IN_CI = 3;
const minutes = Number(Deno.env.get("SKEIN_UDX_FUZZ_MINUTES") ?? SECONDS_IN_CI / 60);

function untilOver(round: (seed: number) => void): number {
  const untilMs = performance.now() + minutes * MINUTE_MS / 2;
  let seed = 1;
  do round(seed++); while (performance.now() < untilMs);
  return seed - 1;
}

function garbage(random: Random): Uint8Array {
  const packet = new Uint8Array(random.integer(0, random.chance(0.5) ? 40 : 1_472));
  for (let at = 0; at < packet.length; at++) packet[at] = random.integer(0, 255);
  if (random.chance(0.7)) packet.set([0xff, 1].slice(0, packet.length));
  return packet;
}

/** A packet with a header that might be one of the stream, or nearly. */
function forged(random: Random, streamId: number, near: number): Uint8Array {
  const packet = new Uint8Array(20 + random.integer(0, 420));
  for (let at = 20; at < packet.length; at++) packet[at] = random.integer(0, 255);
  const number = () => {
    if (random.chance(0.2)) return random.uint32();
    return (near + random.integer(-40, 40)) >>> 0;
  };
  writeHeader(packet, streamId, {
    // A packet that destroys ends the round; there are enough of them in the random bytes.
    flags: random.chance(0.02) ? random.integer(0, 255) : random.integer(0, 15),
    paddingBytes: random.chance(0.2) ? random.integer(0, 255) : 0,
    windowBytes: random.chance(0.5) ? random.uint32() : random.integer(0, 5_000),
    sequence: number(),
    ack: number(),
  });
  if (random.chance(0.3)) {
    for (let at = 20; at + 4 <= packet.length; at += 4) {
      new DataView(packet.buffer).setUint32(at, number(), true);
    }
  }
  return packet;
}

Deno.test("udx fuzz: strangers' packets do not touch a stream", () => {
  const rounds = untilOver((seed) => {
    const simulation = new Simulation(seed);
    const left = new SimulatedEnd(simulation, 1);
    const right = new SimulatedEnd(simulation, 2);
    const link = { delayMs: 3, jitterMs: 3, lossRate: 0.02 };
    left.connect(2, simulation.link(link, (packet) => right.receive(packet)));
    right.connect(1, simulation.link(link, (packet) => left.receive(packet)));
    left.write(100_000);
    right.write(100_000);
    const flood = () => {
      for (let count = 0; count < 20; count++) {
        const packet = simulation.random.chance(0.5)
          ? garbage(simulation.random)
          : forged(simulation.random, simulation.random.uint32(), 10);
        const id = streamIdOf(packet);
        if (id === 1 || id === 2) continue;
        left.receive(packet);
        right.receive(packet);
      }
      if (left.closedWith === undefined) simulation.after(1, flood);
    };
    flood();
    const over = () => left.closedWith !== undefined && right.closedWith !== undefined;
    assert.ok(simulation.runUntil(over, 10 * MINUTE_MS), `seed ${seed}`);
    for (const end of [left, right]) {
      assert.equal(end.closedWith, null, `seed ${seed}`);
      assert.equal(end.receivedBytes, 100_000, `seed ${seed}`);
      assert.equal(end.wrongAt, null, `seed ${seed}`);
    }
  });
  assert.ok(rounds > 0);
});

Deno.test("udx fuzz: forged, replayed and maimed packets of the stream itself stay within bounds", () => {
  const rounds = untilOver((seed) => {
    const simulation = new Simulation(seed);
    const { random } = simulation;
    const left = new SimulatedEnd(simulation, 1);
    const right = new SimulatedEnd(simulation, 2);
    const seen: Uint8Array[] = [];
    const maim = (end: SimulatedEnd) => (packet: Uint8Array) => {
      if (random.chance(0.1)) seen.push(packet.slice());
      if (random.chance(0.1)) packet[random.integer(0, packet.length - 1)] = random.integer(0, 255);
      if (random.chance(0.05)) packet = packet.subarray(0, random.integer(0, packet.length));
      end.receive(packet);
      if (seen.length > 0 && random.chance(0.1)) end.receive(random.pick(seen).slice());
    };
    left.connect(2, simulation.link({ delayMs: 3, jitterMs: 3 }, maim(right)));
    right.connect(1, simulation.link({ delayMs: 3, jitterMs: 3 }, maim(left)));
    left.write(300_000);
    right.write(300_000);
    right.paused = random.chance(0.3);
    const ends = [left, right];
    const flood = () => {
      for (const end of ends) {
        for (let count = 0; count < 5; count++) {
          end.receive(forged(random, end.core.id, end.core.receiver.next));
        }
        checkBounds(end, seed);
      }
      if (ends.some(({ closedWith }) => closedWith === undefined)) simulation.after(1, flood);
    };
    flood();
    simulation.runUntil(() => ends.every(({ closedWith }) => closedWith !== undefined), 3_000);
  });
  assert.ok(rounds > 0);
});

function checkBounds(end: SimulatedEnd, seed: number): void {
  const { core } = end;
  const { outstanding } = core.sender.flight;
  assert.ok(end.unreadBytes <= BOUNDS.receiveBytesMax, `seed ${seed}: ${end.unreadBytes} unread`);
  assert.ok(core.receiver.ranges.size <= BOUNDS.earlyPacketsMax, `seed ${seed}`);
  const listed = outstanding.inFlight.size + outstanding.lost.size;
  const span = (outstanding.next - outstanding.first) >>> 0;
  assert.ok(span <= BOUNDS.sentPacketsMax, `seed ${seed}: ${span} packets outstanding`);
  assert.equal(listed + outstanding.sacked, span, `seed ${seed}: the books do not balance`);
}
