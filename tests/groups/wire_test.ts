import assert from "node:assert/strict";
import { decode, encode } from "@msgpack/msgpack";
import { decodeGroupMessage, encodeGroupMessage } from "../../src/groups/wire.ts";
import type { MessageBody } from "../../src/raft/message.ts";
import { Random } from "../../src/random.ts";

const FROM = "a".repeat(64);
const TO = "b".repeat(64);
const SNAPSHOT = {
  index: 90,
  term: 4,
  timeMs: 12_345,
  configuration: {
    index: 7,
    voters: [{ peer: FROM, replica: 1 }],
    votersOutgoing: [{ peer: TO, replica: 1 }],
    learners: [{ peer: TO, replica: 9 }],
    learnersNext: [],
  },
  sizeBytes: 1_000_000,
  checksum: 0xfedcba98,
  values: [
    { file: 3, lengthBytes: 16_000_000, checksum: 0xaaaa_5555 },
    { file: 7, lengthBytes: 4, checksum: 0 },
  ],
};

const BODIES: readonly MessageBody[] = [
  { kind: "voteRequest", preVote: true, lastIndex: 5, lastTerm: 2, transfer: false },
  { kind: "voteAnswer", preVote: false, granted: true },
  {
    kind: "append",
    previousIndex: 10,
    previousTerm: 3,
    commitIndex: 9,
    entries: [
      { index: 11, term: 3, kind: "command", timeMs: 77, payload: new Uint8Array([1, 2, 3]) },
      { index: 12, term: 4, kind: "empty", timeMs: 78, payload: new Uint8Array() },
      { index: 13, term: 4, kind: "configuration", timeMs: 79, payload: new Uint8Array([9]) },
    ],
  },
  { kind: "appendAnswer", accepted: false, index: 10, hintIndex: 8, hintTerm: 2 },
  { kind: "heartbeat", commitIndex: 12, round: 99 },
  { kind: "heartbeatAnswer", round: 99 },
  { kind: "hibernate", lastIndex: 13 },
  { kind: "snapshotOffer", snapshot: SNAPSHOT },
  {
    kind: "snapshotChunk",
    snapshot: SNAPSHOT,
    offsetBytes: 65_536,
    bytes: new Uint8Array([5, 6]),
  },
  {
    kind: "snapshotAnswer",
    index: 90,
    snapshotTerm: 4,
    checksum: 0xfedcba98,
    nextOffsetBytes: 131_072,
    refused: true,
  },
  { kind: "timeoutNow" },
];

Deno.test("every kind of message survives the wire", () => {
  for (const body of BODIES) {
    const message = {
      group: 3,
      timeMs: 1_234_567,
      envelope: {
        from: { peer: FROM, replica: 1 },
        to: { peer: TO, replica: 44 },
        term: 6,
        body,
      },
    };
    const wire = decode(encode(encodeGroupMessage(message)));
    assert.deepEqual(decodeGroupMessage(wire, FROM, TO), message, body.kind);
  }
});

Deno.test("a message without the form is refused, never thrown on", () => {
  const random = new Random(7);
  const sound = encodeGroupMessage({
    group: 0,
    timeMs: -1,
    envelope: {
      from: { peer: FROM, replica: 1 },
      to: { peer: TO, replica: 1 },
      term: 1,
      body: BODIES[2]!,
    },
  });
  const junk: unknown[] = [null, "x", -1, 1.5, NaN, [], {}, true, 2 ** 60, new Uint8Array(1)];
  for (let round = 0; round < 5_000; round++) {
    const damaged = [...sound];
    damaged[random.integer(0, damaged.length - 1)] = random.pick(junk);
    decodeGroupMessage(damaged, FROM, TO);
  }
  for (
    const value of [...junk, [0], [0, 0, 0, 0, 0, 77], [0, 0, 0, 0, 0, 2, 1, 1, 1, [[1, 9, 1]]]]
  ) {
    assert.equal(decodeGroupMessage(value, FROM, TO), null);
  }
});
