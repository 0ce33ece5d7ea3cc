import assert from "node:assert/strict";
import { Outbox, RAFT_TOPIC } from "../../src/groups/outbox.ts";
import { decodeGroupMessage } from "../../src/groups/wire.ts";
import { LIMITS } from "../../src/limits.ts";
import type { Transport } from "../../src/net/transport.ts";
import type { MessageBody } from "../../src/raft/message.ts";

interface Frame {
  readonly to: string;
  readonly messages: readonly unknown[];
}

function manualOutbox() {
  const frames: Frame[] = [];
  const outbox = new Outbox();
  const transport = {
    send: (to: string, topic: string, body: unknown) => {
      assert.equal(topic, RAFT_TOPIC);
      frames.push({ to, messages: body as unknown[] });
      return true;
    },
  } as unknown as Transport;
  const add = (to: string, group: number, body: MessageBody) => {
    const from = { peer: "self", replica: 1 };
    outbox.add({
      group,
      timeMs: 7,
      envelope: { from, to: { peer: to, replica: 1 }, term: 2, body },
    });
  };
  return { frames, add, flush: () => outbox.flush(transport) };
}

const HEARTBEAT: MessageBody = { kind: "heartbeat", commitIndex: 1, round: 1 };

function append(sizeBytes: number): MessageBody {
  const payload = new Uint8Array(sizeBytes);
  const entry = { index: 2, term: 1, kind: "command", timeMs: 0, payload } as const;
  return { kind: "append", previousIndex: 1, previousTerm: 1, commitIndex: 1, entries: [entry] };
}

Deno.test("one frame a receiver holds the messages of all groups, in order", () => {
  const { frames, add, flush } = manualOutbox();
  for (const group of [0, 1, 2]) for (const to of ["a", "b"]) add(to, group, HEARTBEAT);
  flush();
  assert.deepEqual(frames.map(({ to }) => to), ["a", "b"]);
  for (const { to, messages } of frames) {
    const groups = messages.map((message) => decodeGroupMessage(message, "self", to)?.group);
    assert.deepEqual(groups, [0, 1, 2]);
  }
  flush();
  assert.equal(frames.length, 2, "what was sent is not sent again");
});

Deno.test("no frame is larger than the transport takes, and none is empty", () => {
  const { frames, add, flush } = manualOutbox();
  const largest = LIMITS.appendBytesMax + LIMITS.commandBytesMax;
  const chunk: MessageBody = {
    kind: "snapshotChunk",
    snapshot: {
      index: 1,
      term: 1,
      timeMs: 0,
      configuration: { index: 1, voters: [], votersOutgoing: [], learners: [], learnersNext: [] },
      sizeBytes: LIMITS.snapshotChunkBytesMax,
      checksum: 0,
      values: [],
    },
    offsetBytes: 0,
    bytes: new Uint8Array(LIMITS.snapshotChunkBytesMax),
  };
  add("a", 0, append(largest));
  for (let group = 1; group < 8; group++) add("a", group, group % 2 ? chunk : append(1_000_000));
  flush();
  let count = 0;
  for (const { messages } of frames) {
    assert.ok(messages.length > 0);
    let bytes = 0;
    for (const message of messages) {
      const { body } = decodeGroupMessage(message, "self", "a")!.envelope;
      if (body.kind === "append") bytes += body.entries[0]!.payload.length;
      if (body.kind === "snapshotChunk") bytes += body.bytes.length;
    }
    assert.ok(bytes < LIMITS.frameBytesMax - 64 * 1024);
    count += messages.length;
  }
  assert.equal(count, 8);
  assert.ok(frames.length >= 3);
});
