/** The rules of the wire one by one, with packets made by hand: what counts, what is answered, what is ignored. */
import assert from "node:assert/strict";
import { BOUNDS } from "../../src/udx/protocol/bounds.ts";
import { FLAGS } from "../../src/udx/protocol/packet.ts";
import { payloadAt, StreamByHand } from "./stream_by_hand.ts";

/** Of a packet on a path of IPv4 that has not been proven to carry more. */
const PAYLOAD_BYTES = 1_152;

/** A stream with so many packets in flight, numbered from 0. */
function inFlight(packets: number): StreamByHand {
  const stream = new StreamByHand();
  stream.end.write(packets * PAYLOAD_BYTES, false);
  assert.equal(stream.pass(1).length, packets);
  return stream;
}

Deno.test("udx wire: SACK blocks count where they rise and name what was sent, and no others", () => {
  const stream = inFlight(10);
  const { counters, outstanding } = stream.end.core.sender.flight;
  stream.receiveSack({ ack: 1 }, [
    [2, 4],
    [3, 6], // overlaps the one before
    [6, 6], // is empty
    [7, 12], // goes past what was sent
    [0, 2], // was acknowledged
    [-5, 3], // lies before all
    [8, 9],
  ]);
  assert.equal(outstanding.sacked, 3);
  assert.deepEqual([0, 1, 2, 3, 4, 7, 8].map((at) => outstanding.get(at)?.acknowledged), [
    undefined,
    false,
    true,
    true,
    false,
    false,
    true,
  ]);
  assert.equal(counters.invalidSackBlocks, 5);
});

Deno.test("udx wire: an acknowledgement of what was never sent says nothing, not even a window", () => {
  const stream = inFlight(3);
  stream.receive({ ack: 4, windowBytes: 1 });
  assert.equal(stream.end.core.sender.flight.outstanding.first, 0);
  assert.equal(stream.end.core.sender.windowBytes, BOUNDS.receiveWindowBytes);
});

Deno.test("udx wire: of windows the newest counts, by the sequence and then by the acknowledgement", () => {
  const stream = inFlight(6);
  const { sender } = stream.end.core;
  stream.receive({ sequence: 5, ack: 3, windowBytes: 5_000 });
  assert.equal(sender.windowBytes, 5_000);
  stream.receive({ sequence: 4, ack: 3, windowBytes: 1 });
  assert.equal(sender.windowBytes, 5_000, "an older packet");
  stream.receive({ sequence: 6, ack: 2, windowBytes: 2 });
  assert.equal(sender.windowBytes, 5_000, "an older acknowledgement");
  stream.receive({ sequence: 5, ack: 3, windowBytes: 6_000 });
  assert.equal(sender.windowBytes, 6_000);
});

Deno.test("udx wire: a window smaller than a packet lets one packet be in flight", () => {
  const stream = inFlight(1);
  stream.receive({ ack: 1, windowBytes: 100 });
  stream.end.write(5 * PAYLOAD_BYTES, false);
  assert.deepEqual(stream.pass(1).map(({ sequence }) => sequence), [1]);
  stream.receive({ ack: 2, windowBytes: 100 });
  assert.deepEqual(stream.pass(1).map(({ sequence }) => sequence), [2]);
});

Deno.test("udx wire: what is lost is sent again into a window that closed, and nothing new", () => {
  const stream = inFlight(6);
  stream.receiveSack({ ack: 0, windowBytes: 0 }, [[1, 6]]);
  stream.end.write(50_000, false);
  const again = stream.pass(5).filter(({ flags }) => (flags & FLAGS.data) !== 0);
  assert.deepEqual(again.map(({ sequence }) => sequence), [0]);
});

Deno.test("udx wire: what is sent again keeps its number and bytes, and says what is known by now", () => {
  const stream = inFlight(1);
  const [first] = stream.sent;
  stream.receive({ flags: FLAGS.data, sequence: 0, payload: payloadAt(0, 10) });
  stream.end.paused = true;
  stream.receive({ flags: FLAGS.data, sequence: 1, payload: payloadAt(10, 90) });
  const again = stream.pass(1_100).find(({ flags }) => (flags & FLAGS.data) !== 0)!;
  assert.equal(again.sequence, first!.sequence);
  assert.deepEqual(again.bytes.subarray(20), first!.bytes.subarray(20));
  assert.equal(again.ack, 2);
  assert.equal(again.windowBytes, BOUNDS.receiveWindowBytes - 90);
});

Deno.test("udx wire: a packet that destroys must not be older than what was received", () => {
  const stream = new StreamByHand();
  for (let sequence = 0; sequence < 3; sequence++) {
    stream.receive({ flags: FLAGS.data, sequence, payload: payloadAt(sequence, 1) });
  }
  stream.receive({ flags: FLAGS.destroy, sequence: 2 });
  assert.equal(stream.end.closedWith, undefined);
  stream.receive({ flags: FLAGS.destroy, sequence: 3 });
  assert.equal(stream.end.closedWith, "ECONNRESET");
});

Deno.test("udx wire: padding is skipped, and a packet that ends within it is none", () => {
  const stream = new StreamByHand();
  stream.receive({ flags: FLAGS.data, sequence: 0, paddingBytes: 11, payload: new Uint8Array(10) });
  assert.equal(stream.end.core.receiver.next, 0);
  const payload = new Uint8Array(8);
  payload.set(payloadAt(0, 3), 5);
  stream.receive({ flags: FLAGS.data, sequence: 0, paddingBytes: 5, payload });
  assert.equal(stream.end.receivedBytes, 3);
  assert.equal(stream.end.wrongAt, null);
});

Deno.test("udx wire: an end without data is acknowledged, and waits for what comes before it", () => {
  const stream = new StreamByHand();
  stream.receive({ flags: FLAGS.end, sequence: 2 });
  assert.equal(stream.end.remoteEnded, false);
  assert.deepEqual(stream.pass(1).map(({ flags, ack }) => [flags, ack]), [[FLAGS.sack, 0]]);
  // Nothing can follow the end.
  stream.receive({ flags: FLAGS.data, sequence: 3, payload: payloadAt(0, 1) });
  assert.equal(stream.end.core.receiver.ranges.size, 1);
  assert.equal(stream.end.core.receiver.ranges.end(0), 3);
  stream.receive({ flags: FLAGS.data, sequence: 0, payload: payloadAt(0, 1) });
  assert.equal(stream.end.remoteEnded, false);
  stream.receive({ flags: FLAGS.data, sequence: 1, payload: payloadAt(1, 1) });
  assert.equal(stream.end.remoteEnded, true);
  assert.equal(stream.pass(1).at(-1)!.ack, 3);
});

Deno.test("udx wire: data that leaves in the turn is the acknowledgement, unless there are blocks to name", () => {
  const stream = new StreamByHand();
  stream.receive({ flags: FLAGS.data, sequence: 0, payload: payloadAt(0, 4) });
  stream.end.write(4, false);
  assert.deepEqual(stream.pass(5).map(({ flags, ack }) => [flags, ack]), [[FLAGS.data, 1]]);
  stream.receive({ ack: 1, sequence: 1 });
  stream.receive({ flags: FLAGS.data, sequence: 2, ack: 1, payload: payloadAt(8, 4) });
  stream.end.write(8, false);
  const sent = stream.pass(5);
  assert.deepEqual(sent.map(({ flags }) => flags).sort(), [FLAGS.data, FLAGS.sack]);
  const { bytes } = sent.find(({ flags }) => flags === FLAGS.sack)!;
  assert.deepEqual([...bytes.subarray(20)], [2, 0, 0, 0, 3, 0, 0, 0]);
});

Deno.test("udx wire: a heartbeat is answered by a plain acknowledgement, and uses no number", () => {
  const stream = inFlight(2);
  stream.receive({ flags: FLAGS.heartbeat, sequence: 0, ack: 2, payload: payloadAt(0, 5) });
  const [answer, ...more] = stream.pass(1);
  assert.deepEqual([answer!.flags, answer!.sequence, answer!.ack], [0, 2, 0]);
  assert.deepEqual(more, []);
  assert.equal(stream.end.receivedBytes, 0);
});

Deno.test("udx wire: what lies too far ahead is not kept", () => {
  const stream = new StreamByHand();
  const { receiver } = stream.end.core;
  const payload = payloadAt(0, 1);
  stream.receive({ flags: FLAGS.data, sequence: BOUNDS.earlyPacketsMax, payload });
  assert.equal(receiver.ranges.size, 0);
  assert.equal(receiver.overruns, 1);
  stream.receive({ flags: FLAGS.data, sequence: BOUNDS.earlyPacketsMax - 1, payload });
  assert.equal(receiver.ranges.size, 1);
});

Deno.test("udx wire: a stream that was destroyed says so when asked, so many times", () => {
  const stream = new StreamByHand();
  stream.end.destroy();
  for (let count = 0; count < 3 * BOUNDS.lingerAnswersMax; count++) {
    stream.receive({ flags: FLAGS.data, sequence: 0, payload: payloadAt(0, 1) });
    // To an acknowledgement there is nothing to say.
    stream.receive({ ack: 0 });
  }
  assert.equal(stream.sent.length, 1 + BOUNDS.lingerAnswersMax);
  for (const { flags } of stream.sent) assert.equal(flags, FLAGS.destroy);
});

Deno.test("udx wire: a probe of the path is padded with zeros; lost it comes again without, and is no congestion", () => {
  const stream = inFlight(1);
  stream.receive({ ack: 1 });
  stream.end.write(6 * PAYLOAD_BYTES, false);
  const packets = stream.pass(5);
  const probe = packets.find(({ paddingBytes }) => paddingBytes > 0)!;
  assert.equal(probe.bytes.length + 28, BOUNDS.mtuBaseBytes + BOUNDS.mtuStepBytes);
  assert.ok(probe.bytes.subarray(20, 20 + probe.paddingBytes).every((byte) => byte === 0));
  const others = packets.filter(({ sequence }) => sequence !== probe.sequence);
  const after = others.filter(({ sequence }) => sequence > probe.sequence);
  const blocks = [[after[0]!.sequence, after.at(-1)!.sequence + 1]] as const;
  stream.receiveSack({ ack: probe.sequence }, blocks);
  const again = stream.pass(5).find(({ sequence }) => sequence === probe.sequence)!;
  assert.equal(again.paddingBytes, 0);
  assert.deepEqual(again.bytes.subarray(20), probe.bytes.subarray(20 + probe.paddingBytes));
  assert.equal(stream.end.core.sender.flight.counters.fastRecoveries, 0);
});

Deno.test("udx wire: another remote is another path, which is trusted with the least at first", () => {
  const stream = inFlight(1);
  const { sender } = stream.end.core;
  stream.receive({ ack: 1 });
  for (let round = 0; round < 60 && sender.mtuBytes < BOUNDS.mtuMaxBytes; round++) {
    stream.end.write(20_000, false);
    stream.pass(5);
    stream.receive({ ack: sender.nextSequence });
  }
  assert.equal(sender.mtuBytes, BOUNDS.mtuMaxBytes);
  while (!sender.flight.outstanding.empty) {
    stream.receive({ ack: sender.nextSequence });
    stream.pass(5);
  }
  assert.equal(stream.end.changeRemote(11, stream.record), true);
  assert.equal(sender.mtuBytes, BOUNDS.mtuBaseBytes);
});
