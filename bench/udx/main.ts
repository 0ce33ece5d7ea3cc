/**
 * One stream on loopback, in two processes, raw and with the secret stream on top: ours to ours, the original's to the
 * original's, and both ways between them. Prints megabytes a second, CPU seconds for a gigabyte and the
 * median round trip of a small message; then the same streams through a proxy with 1 % loss and a round trip of 50 ms:
 * `deno run -A bench/udx/main.ts [MEGABYTES] [RUNS]`.
 */
import { Actor, type Side } from "../../tests/udx/actor.ts";
import { LossyProxy } from "../../tests/udx/lossy_proxy.ts";
import { connectPair, LEFT_ID, RIGHT_ID, withPair } from "../../tests/udx/pair.ts";
import { installNative } from "../../tests/udx/native_peer.ts";

const [megabytes = "300", runs = "3"] = Deno.args;
const LOSSY_BYTES = 20_000_000;
/** The first thousands are slower: code is compiled as it is found to be hot. */
const PINGS = 20_000;
const BYTES = Number(megabytes) * 1e6;
const MATRIX: readonly (readonly [Side, Side])[] = [
  ["native", "native"],
  ["ours", "ours"],
  ["ours", "native"],
  ["native", "ours"],
];

await installNative();
for (const secret of [false, true]) {
  console.log(secret ? "with the secret stream" : "raw");
  for (let run = 0; run < Number(runs); run++) {
    for (const [left, right] of MATRIX) console.log(await measure(left, right, secret));
  }
}

console.log("1 % loss, 50 ms");
for (let run = 0; run < Number(runs); run++) {
  for (const [left, right] of MATRIX) console.log(await measureLossy(left, right));
}

async function measureLossy(leftSide: Side, rightSide: Side): Promise<string> {
  let megabytesPerSecond = 0;
  await withPair(leftSide, rightSide, async (pair) => {
    const ports = { left: pair.leftPort, right: pair.rightPort };
    const proxy = new LossyProxy(ports, { lossRate: 0.01, delayMs: 25 });
    try {
      await connectPair(pair, { leftTo: proxy.standsForRight, rightTo: proxy.standsForLeft });
      await pair.right.call("sink", { id: RIGHT_ID, bytes: LOSSY_BYTES });
      await pair.left.call("source", { id: LEFT_ID, bytes: 1.05 * LOSSY_BYTES, end: false });
      const { ms } = await pair.right.wait("enough", RIGHT_ID, 120_000);
      megabytesPerSecond = LOSSY_BYTES / 1e3 / ms!;
    } finally {
      await proxy.close();
    }
  });
  const names = `${leftSide.padEnd(6)} → ${rightSide.padEnd(6)}`;
  return `  ${names} ${megabytesPerSecond.toFixed(2).padStart(6)} MB/s`;
}

async function measure(leftSide: Side, rightSide: Side, secret: boolean): Promise<string> {
  let line = `  ${leftSide.padEnd(6)} → ${rightSide.padEnd(6)}`;
  await withPair(leftSide, rightSide, async (pair) => {
    const { left, right } = pair;
    await connectPair(pair, { secret });
    await right.call("sink", { id: RIGHT_ID, bytes: BYTES });
    const before = await cpuMs(left, right);
    await left.call("source", { id: LEFT_ID, bytes: BYTES + 1_000_000, end: false });
    const { ms } = await right.wait("enough", RIGHT_ID, 120_000);
    const [leftMs, rightMs] = await cpuMs(left, right);
    const { mtu, retransmits, cwnd } = await left.call("status", { id: LEFT_ID });
    const perGigabyte = (usedMs: number) => (usedMs / 1000 / (BYTES / 1e9)).toFixed(1);
    line += ` ${(BYTES / 1e3 / ms!).toFixed(1).padStart(6)} MB/s` +
      `, ${perGigabyte(leftMs - before[0])} + ${perGigabyte(rightMs - before[1])} CPU s/GB` +
      `, mtu ${mtu}, window ${cwnd}, ${retransmits} sent again`;
  });
  await withPair(leftSide, rightSide, async (pair) => {
    const { left, right } = pair;
    await connectPair(pair, { secret });
    await right.call("echo", { id: RIGHT_ID });
    await left.call("ping", { id: LEFT_ID, count: PINGS });
    const { medianMs, p99Ms } = await left.wait("pinged", LEFT_ID);
    line += `, round trip ${medianMs!.toFixed(3)} ms, p99 ${p99Ms!.toFixed(3)}`;
  });
  return line;
}

async function cpuMs(left: Actor, right: Actor): Promise<[number, number]> {
  const used = await Promise.all([left.call("cpu"), right.call("cpu")]);
  return [used[0].userMs + used[0].systemMs, used[1].userMs + used[1].systemMs];
}
