/**
 * What ours and the original do beside carrying bytes, each in each part: messages, half a stream, destroying, a relay,
 * and a stream that moves to another address.
 */
import assert from "node:assert/strict";
import { eventually } from "../eventually.ts";
import { Actor, type Side } from "./actor.ts";
import { closesClean, interopTest, MATRIX, throughProxy } from "./interop.ts";
import { connectPair, LEFT_ID, openPair, type Pair, RIGHT_ID, withPair } from "./pair.ts";

/** The ids of a relay's streams towards either side. */
const TO_LEFT_ID = 31;
const TO_RIGHT_ID = 32;
const BYTES = 2_000_000;

for (const [leftSide, rightSide] of MATRIX) {
  const names = `${leftSide} and ${rightSide}`;

  interopTest(`messages between ${names}`, () =>
    withPair(leftSide, rightSide, async (pair) => {
      await connectPair(pair);
      const { left, right } = pair;
      for (const text of ["a", "b", ""]) await left.call("message", { id: LEFT_ID, text });
      await right.call("message", { id: RIGHT_ID, text: "c" });
      await eventually("all messages", 5_000, () => {
        assert.deepEqual(right.texts("message", RIGHT_ID).sort(), ["", "a", "b"]);
        assert.deepEqual(left.texts("message", LEFT_ID), ["c"]);
      });
    }));

  interopTest(`messages between ${names} are lost and doubled, the bytes beside them not`, () => {
    const badness = { lossRate: 0.1, duplicateRate: 0.1, reorderRate: 0.1 };
    return throughProxy(leftSide, rightSide, badness, async (pair) => {
      const { left, right } = pair;
      const texts = Array.from({ length: 200 }, (_, at) => `message ${at}`);
      await carryBothWays(pair);
      for (const text of texts) await left.call("message", { id: LEFT_ID, text });
      await endBoth(pair);
      const got = right.texts("message", RIGHT_ID);
      const different = new Set(got);
      assert.ok(different.size > texts.length / 2, `${different.size} of ${texts.length} came`);
      assert.ok(different.size < texts.length, "none was lost");
      assert.ok(got.length > different.size, "none came twice");
      for (const text of different) assert.ok(texts.includes(text), text);
    });
  });

  interopTest(
    `half a stream between ${names} ends, and the other half goes on`,
    () =>
      withPair(leftSide, rightSide, async (pair) => {
        await connectPair(pair);
        const { left, right } = pair;
        await right.call("sink", { id: RIGHT_ID });
        await left.call("sink", { id: LEFT_ID });
        await left.call("source", { id: LEFT_ID, bytes: 1_000 });
        await right.wait("end", RIGHT_ID);
        await right.call("source", { id: RIGHT_ID, bytes: BYTES });
        const { bytes } = await left.wait("end", LEFT_ID);
        assert.equal(bytes, BYTES);
        await closesClean(pair);
      }),
  );

  interopTest(
    `destroying between ${names} is ECONNRESET at the other end`,
    () =>
      withPair(leftSide, rightSide, async (pair) => {
        await connectPair(pair);
        const { left, right } = pair;
        await right.call("sink", { id: RIGHT_ID });
        await left.call("sink", { id: LEFT_ID });
        await left.call("source", { id: LEFT_ID, bytes: 100_000, end: false });
        await eventually(
          "all came",
          5_000,
          async () => assert.equal((await left.call("flush", { id: LEFT_ID })).flushed, true),
        );
        await left.call("destroy", { id: LEFT_ID });
        assert.equal((await right.wait("error", RIGHT_ID)).code, "ECONNRESET");
        await Promise.all([left.wait("close", LEFT_ID), right.wait("close", RIGHT_ID)]);
      }),
  );

  interopTest(
    `${leftSide} moves to another socket while it carries to ${rightSide} and back`,
    () =>
      withPair(leftSide, rightSide, async (pair) => {
        await connectPair(pair);
        const { left, right } = pair;
        const { port } = await left.call("socket", { name: "second" });
        await carryBothWays(pair);
        const toRight = { id: LEFT_ID, socket: "second", remoteId: RIGHT_ID, port: pair.rightPort };
        await left.call("change", toRight);
        await right.call("change", { id: RIGHT_ID, socket: "main", remoteId: LEFT_ID, port });
        await bothChanged(pair);
        // The old address is left for good.
        await left.call("closeSocket", { name: "main" });
        await endBoth(pair);
        await closesClean(pair);
      }),
  );

  for (const relaySide of ["ours", "native"] as const) {
    interopTest(
      `${relaySide} relays between ${names}, who then meet without it`,
      () =>
        throughRelay(leftSide, rightSide, relaySide, async (pair, relay) => {
          await carryBothWays(pair);
          const { left, right, leftPort, rightPort } = pair;
          const toRight = { id: LEFT_ID, socket: "main", remoteId: RIGHT_ID, port: rightPort };
          const toLeft = { id: RIGHT_ID, socket: "main", remoteId: LEFT_ID, port: leftPort };
          await left.call("change", toRight);
          await right.call("change", toLeft);
          await bothChanged(pair);
          await relay.close();
          await endBoth(pair);
          await closesClean(pair);
        }),
    );
  }
}

/** Bytes both ways, of which all are written and some are still under way. */
async function carryBothWays({ left, right }: Pair): Promise<void> {
  for (const [actor, id] of [[left, LEFT_ID], [right, RIGHT_ID]] as const) {
    await actor.call("sink", { id });
    await actor.call("source", { id, bytes: BYTES, seed: id, end: false });
  }
  await Promise.all([left.wait("written", LEFT_ID), right.wait("written", RIGHT_ID)]);
}

async function bothChanged({ left, right }: Pair): Promise<void> {
  await Promise.all([
    left.wait("remote-changed", LEFT_ID),
    right.wait("remote-changed", RIGHT_ID),
  ]);
}

async function endBoth(pair: Pair): Promise<void> {
  const { left, right } = pair;
  await left.call("end", { id: LEFT_ID });
  await right.call("end", { id: RIGHT_ID });
  const [toLeft, toRight] = await Promise.all([
    left.wait("end", LEFT_ID),
    right.wait("end", RIGHT_ID),
  ]);
  assert.deepEqual([toLeft.bytes, toRight.bytes], [BYTES, BYTES]);
  assert.equal(toRight.sha256, (await left.wait("written", LEFT_ID)).sha256);
  assert.equal(toLeft.sha256, (await right.wait("written", RIGHT_ID)).sha256);
}

async function throughRelay(
  leftSide: Side,
  rightSide: Side,
  relaySide: Side,
  use: (pair: Pair, relay: Actor) => Promise<void>,
): Promise<void> {
  const pair = await openPair(leftSide, rightSide);
  const { left, right, leftPort, rightPort } = pair;
  const relay = new Actor(relaySide);
  try {
    const { port } = await relay.call("socket", { name: "main" });
    await relay.call("stream", { id: TO_LEFT_ID });
    await relay.call("stream", { id: TO_RIGHT_ID });
    const main = { socket: "main" };
    await relay.call("connect", { id: TO_LEFT_ID, ...main, remoteId: LEFT_ID, port: leftPort });
    await relay.call("connect", { id: TO_RIGHT_ID, ...main, remoteId: RIGHT_ID, port: rightPort });
    await relay.call("relay", { from: TO_LEFT_ID, to: TO_RIGHT_ID });
    await relay.call("relay", { from: TO_RIGHT_ID, to: TO_LEFT_ID });
    await left.call("stream", { id: LEFT_ID });
    await right.call("stream", { id: RIGHT_ID });
    await left.call("connect", { id: LEFT_ID, ...main, remoteId: TO_LEFT_ID, port });
    await right.call("connect", { id: RIGHT_ID, ...main, remoteId: TO_RIGHT_ID, port });
    await use(pair, relay);
  } finally {
    await Promise.all([relay.close(), left.close(), right.close()]);
  }
}
