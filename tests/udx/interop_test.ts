/**
 * Bytes between ours and the original: udx-native in a Node process, over loopback, each in each part; straight, and
 * through a proxy that loses, duplicates and reorders. SKEIN_UDX_INTEROP_MEGABYTES sets how many go each way in every
 * one of them: 100 is right.
 */
import assert from "node:assert/strict";
import { closesClean, exchange, interopTest, MATRIX, throughProxy } from "./interop.ts";
import { connectPair, LEFT_ID, withPair } from "./pair.ts";

const LONG = Deno.env.get("SKEIN_UDX_INTEROP_MEGABYTES");
const MEGABYTES = Number(LONG ?? 20);
/** Through the proxy, which is slower than what it stands between. */
const LOSSY_MEGABYTES = LONG === undefined ? 2 : MEGABYTES;
const TRANSFER_MS = 60_000 + MEGABYTES * 3_000;

for (const [leftSide, rightSide] of MATRIX) {
  const names = `${leftSide} and ${rightSide}`;

  interopTest(
    `${MEGABYTES} MB each way between ${names}, and a clean end`,
    () =>
      withPair(leftSide, rightSide, async (pair) => {
        await connectPair(pair);
        await exchange(pair, MEGABYTES * 1_000_000, TRANSFER_MS);
        await closesClean(pair);
      }),
  );

  for (const lossRate of [0, 0.01, 0.05, 0.1]) {
    const badness = { lossRate, duplicateRate: 0.01, reorderRate: 0.01 };
    interopTest(
      `${100 * lossRate} % loss, reordering and duplicates between ${names}`,
      () =>
        throughProxy(leftSide, rightSide, badness, async (pair) => {
          await exchange(pair, LOSSY_MEGABYTES * 1_000_000, TRANSFER_MS);
          // The original forgets a stream at once, so that the loss of its last acknowledgement is an error here.
          if (leftSide === rightSide || lossRate === 0) await closesClean(pair);
        }),
    );
  }

  interopTest(
    `the secret stream between ${names}`,
    () =>
      withPair(leftSide, rightSide, async (pair) => {
        await connectPair(pair, { secret: true });
        await exchange(pair, LOSSY_MEGABYTES * 1_000_000, TRANSFER_MS);
      }),
  );
}

interopTest(
  "a peer that is native and gone is ETIMEDOUT",
  () =>
    withPair("ours", "native", async (pair) => {
      await connectPair(pair);
      await pair.right.close();
      await pair.left.call("source", { id: LEFT_ID, bytes: 1_000, end: false });
      assert.equal((await pair.left.wait("error", LEFT_ID)).code, "ETIMEDOUT");
    }),
);
