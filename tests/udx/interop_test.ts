/**
 * Ours beside the original: udx-native in a Node process, over loopback, each in each part; straight, and through a
 * proxy that loses, duplicates and reorders. SKEIN_UDX_INTEROP_MEGABYTES makes the transfers larger: 100 is right.
 */
import assert from "node:assert/strict";
import { eventually } from "../eventually.ts";
import { Actor, type Side } from "./actor.ts";
import { type Badness, LossyProxy } from "./lossy_proxy.ts";
import { installNative, nodeIsHere } from "./native_peer.ts";
import { connectPair, LEFT_ID, openPair, type Pair, RIGHT_ID, withPair } from "./pair.ts";

const MATRIX: readonly (readonly [Side, Side])[] = [
  ["ours", "ours"],
  ["ours", "native"],
  ["native", "ours"],
];
const MEGABYTES = Number(Deno.env.get("SKEIN_UDX_INTEROP_MEGABYTES") ?? 20);
/** Through the proxy, which is slower than what it stands between. */
const LOSSY_MEGABYTES = MEGABYTES / 10;
const TRANSFER_MS = 120_000;

const here = await nodeIsHere();
if (here) await installNative();

function test(name: string, run: () => Promise<void>): void {
  Deno.test({ name: `udx interop: ${name}`, ignore: !here, fn: run });
}

/** So many bytes each way at once, an end each, and what was read is what was written. */
async function exchange({ left, right }: Pair, bytes: number): Promise<void> {
  await left.call("sink", { id: LEFT_ID });
  await right.call("sink", { id: RIGHT_ID });
  await left.call("source", { id: LEFT_ID, bytes, seed: 3 });
  await right.call("source", { id: RIGHT_ID, bytes, seed: 5 });
  const written = await Promise.all([
    left.wait("written", LEFT_ID, TRANSFER_MS),
    right.wait("written", RIGHT_ID, TRANSFER_MS),
  ]);
  const read = await Promise.all([
    right.wait("end", RIGHT_ID, TRANSFER_MS),
    left.wait("end", LEFT_ID, TRANSFER_MS),
  ]);
  for (const [at, { sha256 }] of read.entries()) {
    assert.equal(read[at]!.bytes, bytes);
    assert.equal(sha256, written[at]!.sha256);
  }
}

async function closesClean({ left, right }: Pair): Promise<void> {
  await Promise.all([left.wait("close", LEFT_ID), right.wait("close", RIGHT_ID)]);
  for (const [actor, id] of [[left, LEFT_ID], [right, RIGHT_ID]] as const) {
    assert.equal(actor.has("error", id), false, `${actor.side}: an error`);
  }
}

for (const [leftSide, rightSide] of MATRIX) {
  const names = `${leftSide} and ${rightSide}`;

  test(`${MEGABYTES} MB each way between ${names}, and a clean end`, () =>
    withPair(leftSide, rightSide, async (pair) => {
      await connectPair(pair);
      await exchange(pair, MEGABYTES * 1_000_000);
      await closesClean(pair);
    }));

  for (const lossRate of [0, 0.01, 0.05, 0.1]) {
    const badness = { lossRate, duplicateRate: 0.01, reorderRate: 0.01 };
    test(`${100 * lossRate} % loss, reordering and duplicates between ${names}`, () =>
      throughProxy(leftSide, rightSide, badness, async (pair) => {
        await exchange(pair, LOSSY_MEGABYTES * 1_000_000);
        // The original forgets a stream at once, so that the loss of its last acknowledgement is an error here.
        if (leftSide === rightSide || lossRate === 0) await closesClean(pair);
      }));
  }

  test(`the secret stream between ${names}`, () =>
    withPair(leftSide, rightSide, async (pair) => {
      await connectPair(pair, { secret: true });
      await exchange(pair, LOSSY_MEGABYTES * 1_000_000);
    }));

  test(`messages between ${names}`, () =>
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

  test(`half a stream between ${names} ends, and the other half goes on`, () =>
    withPair(leftSide, rightSide, async (pair) => {
      await connectPair(pair);
      const { left, right } = pair;
      await right.call("sink", { id: RIGHT_ID });
      await left.call("sink", { id: LEFT_ID });
      await left.call("source", { id: LEFT_ID, bytes: 1_000 });
      await right.wait("end", RIGHT_ID);
      await right.call("source", { id: RIGHT_ID, bytes: 2_000_000 });
      const { bytes } = await left.wait("end", LEFT_ID);
      assert.equal(bytes, 2_000_000);
      await closesClean(pair);
    }));

  test(`destroying between ${names} is ECONNRESET at the other end`, () =>
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
    }));
}

for (const relaySide of ["ours", "native"] as const) {
  test(`${relaySide} relays between ours and native, who then meet without it`, async () => {
    const pair = await openPair("ours", "native");
    const { left, right, leftPort, rightPort } = pair;
    const relay = new Actor(relaySide);
    try {
      const { port } = await relay.call("socket", { name: "main" });
      await relay.call("stream", { id: 31 });
      await relay.call("stream", { id: 32 });
      await relay.call("connect", { id: 31, socket: "main", remoteId: LEFT_ID, port: leftPort });
      await relay.call("connect", { id: 32, socket: "main", remoteId: RIGHT_ID, port: rightPort });
      await relay.call("relay", { from: 31, to: 32 });
      await relay.call("relay", { from: 32, to: 31 });
      await left.call("stream", { id: LEFT_ID });
      await right.call("stream", { id: RIGHT_ID });
      await left.call("connect", { id: LEFT_ID, socket: "main", remoteId: 31, port });
      await right.call("connect", { id: RIGHT_ID, socket: "main", remoteId: 32, port });
      for (const [actor, id] of [[left, LEFT_ID], [right, RIGHT_ID]] as const) {
        await actor.call("sink", { id });
        await actor.call("source", { id, bytes: 2_000_000, end: false });
      }
      await Promise.all([left.wait("written", LEFT_ID), right.wait("written", RIGHT_ID)]);
      const toRight = { id: LEFT_ID, socket: "main", remoteId: RIGHT_ID, port: rightPort };
      const toLeft = { id: RIGHT_ID, socket: "main", remoteId: LEFT_ID, port: leftPort };
      await left.call("change", toRight);
      await right.call("change", toLeft);
      await Promise.all([
        left.wait("remote-changed", LEFT_ID),
        right.wait("remote-changed", RIGHT_ID),
      ]);
      await relay.close();
      await left.call("end", { id: LEFT_ID });
      await right.call("end", { id: RIGHT_ID });
      const ends = await Promise.all([left.wait("end", LEFT_ID), right.wait("end", RIGHT_ID)]);
      assert.deepEqual(ends.map(({ bytes }) => bytes), [2_000_000, 2_000_000]);
      await closesClean(pair);
    } finally {
      await Promise.all([relay.close(), left.close(), right.close()]);
    }
  });
}

test("a peer that is native and gone is ETIMEDOUT", () =>
  withPair("ours", "native", async (pair) => {
    await connectPair(pair);
    await pair.right.close();
    await pair.left.call("source", { id: LEFT_ID, bytes: 1_000, end: false });
    assert.equal((await pair.left.wait("error", LEFT_ID)).code, "ETIMEDOUT");
  }));

async function throughProxy(
  leftSide: Side,
  rightSide: Side,
  badness: Badness,
  use: (pair: Pair) => Promise<void>,
): Promise<void> {
  const pair = await openPair(leftSide, rightSide);
  const proxy = new LossyProxy({ left: pair.leftPort, right: pair.rightPort }, badness);
  try {
    await connectPair(pair, { leftTo: proxy.standsForRight, rightTo: proxy.standsForLeft });
    await use(pair);
  } finally {
    await Promise.all([pair.left.close(), pair.right.close()]);
    await proxy.close();
  }
}
