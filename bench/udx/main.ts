/**
 * One stream on loopback, in two processes, raw and with the secret stream on top: ours to ours, the original's to the
 * original's, and both ways between them. Prints megabytes a second, CPU seconds for a gigabyte and the
 * median round trip of a small message: `deno run -A bench/udx/main.ts [MEGABYTES] [RUNS]`.
 */
import { Actor, type Side } from "../../tests/udx/actor.ts";
import { connectPair, LEFT_ID, RIGHT_ID, withPair } from "../../tests/udx/pair.ts";
import { installNative } from "../../tests/udx/native_peer.ts";

const [megabytes = "300", runs = "3"] = Deno.args;
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
    await left.call("ping", { id: LEFT_ID, count: 2_000 });
    const { medianMs, p99Ms } = await left.wait("pinged", LEFT_ID);
    line += `, round trip ${medianMs!.toFixed(3)} ms, p99 ${p99Ms!.toFixed(3)}`;
  });
  return line;
}

async function cpuMs(left: Actor, right: Actor): Promise<[number, number]> {
  const used = await Promise.all([left.call("cpu"), right.call("cpu")]);
  return [used[0].userMs + used[0].systemMs, used[1].userMs + used[1].systemMs];
}
