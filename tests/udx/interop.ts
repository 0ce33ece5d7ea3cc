/** What the interop tests share: who meets whom, the way between them, and what an exchange must come to. */
import assert from "node:assert/strict";
import type { Side } from "./actor.ts";
import { type Badness, LossyProxy } from "./lossy_proxy.ts";
import { installNative, nodeIsHere } from "./native_peer.ts";
import { connectPair, LEFT_ID, openPair, type Pair, RIGHT_ID } from "./pair.ts";

export const MATRIX: readonly (readonly [Side, Side])[] = [
  ["ours", "ours"],
  ["ours", "native"],
  ["native", "ours"],
];

const here = await nodeIsHere();
if (here) await installNative();

/** A test beside the original, left out without Node. */
export function interopTest(name: string, run: () => Promise<void>): void {
  Deno.test({ name: `udx interop: ${name}`, ignore: !here, fn: run });
}

/** So many bytes each way at once, an end each, and what was read is what was written. */
export async function exchange(
  { left, right }: Pair,
  bytes: number,
  timeoutMs = 120_000,
): Promise<void> {
  await left.call("sink", { id: LEFT_ID });
  await right.call("sink", { id: RIGHT_ID });
  await left.call("source", { id: LEFT_ID, bytes, seed: 3 });
  await right.call("source", { id: RIGHT_ID, bytes, seed: 5 });
  const written = await Promise.all([
    left.wait("written", LEFT_ID, timeoutMs),
    right.wait("written", RIGHT_ID, timeoutMs),
  ]);
  const read = await Promise.all([
    right.wait("end", RIGHT_ID, timeoutMs),
    left.wait("end", LEFT_ID, timeoutMs),
  ]);
  for (const [at, { sha256 }] of read.entries()) {
    assert.equal(read[at]!.bytes, bytes);
    assert.equal(sha256, written[at]!.sha256);
  }
}

export async function closesClean({ left, right }: Pair): Promise<void> {
  await Promise.all([left.wait("close", LEFT_ID), right.wait("close", RIGHT_ID)]);
  for (const [actor, id] of [[left, LEFT_ID], [right, RIGHT_ID]] as const) {
    assert.equal(actor.has("error", id), false, `${actor.side}: an error`);
  }
}

/** A pair with a bad way between them. */
export async function throughProxy(
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
