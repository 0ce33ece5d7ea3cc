/**
 * Many messages in one topic: published in batches, every peer restarted, all consumed; what memory that takes, and how
 * long it takes a peer to be ready.
 * `SKEIN_QUEUE_MILLION=1000000 deno task test tests/integration/queue_million_test.ts` runs it at its full size.
 */
import assert from "node:assert/strict";
import { SkeinClient } from "../../src/client/mod.ts";
import { limitMs } from "../speed_limit.ts";
import { eventually, SkeinCluster, type SkeinProcess } from "./skein_process.ts";

const MESSAGES = Number(Deno.env.get("SKEIN_QUEUE_MILLION") ?? 50_000);
const BATCH = 500;
const WORKERS = 8;
const TOPIC = "ordinary-day";
const READY_LIMIT_MS = limitMs(10_000);
const RESIDENT_LIMIT_MIB = 600;
/** Nobody is so slow that a message comes back. */
const VISIBILITY_MS = 600_000;

/** The most memory that the process has had resident. */
async function residentPeakMib({ pid }: SkeinProcess): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Math.round(Number(status.match(/^VmHWM:\s+(\d+) kB$/m)![1]) / 1024);
}

/** Lets as many workers go on as there are until none has anything to do. @returns the seconds it took */
async function together(work: (queue: SkeinClient["queue"]) => Promise<boolean>, urls: string[]) {
  const beganMs = performance.now();
  await Promise.all(Array.from({ length: WORKERS }, async (_, worker) => {
    const first = worker % urls.length;
    const { queue } = new SkeinClient({ urls: [...urls.slice(first), ...urls.slice(0, first)] });
    while (await work(queue));
  }));
  return (performance.now() - beganMs) / 1000;
}

/** @returns how long each took from its start until it was ready */
async function restartEach(peers: readonly SkeinProcess[]): Promise<readonly number[]> {
  const tookMs: number[] = [];
  for (const peer of peers) {
    assert.equal((await peer.end("SIGTERM"))?.code, 0, peer.log.slice(-10).join("\n"));
    const beganMs = performance.now();
    peer.start();
    await eventually(`${peer.name} is ready`, 60_000, async () => {
      assert.equal((await peer.get("/ready")).status, 200);
    });
    tookMs.push(Math.round(performance.now() - beganMs));
  }
  return tookMs;
}

Deno.test(`${MESSAGES} messages of 100 bytes in one topic outlive the restart of every peer`, async () => {
  await SkeinCluster.with({ flags: ["--log-level", "warn"] }, async ({ peers }) => {
    const urls = peers.map(({ url }) => url);
    const peaks = new Map<string, number>();
    const notePeaks = async () => {
      for (const peer of peers) {
        const peak = Math.max(peaks.get(peer.name) ?? 0, await residentPeakMib(peer));
        peaks.set(peer.name, peak);
      }
    };
    const { queue: asking } = new SkeinClient({ urls });
    await asking.configure(TOPIC, { visibilityMs: VISIBILITY_MS });

    let published = 0;
    const publishing = await together(async (queue) => {
      if (published >= MESSAGES) return false;
      const from = published;
      published = Math.min(MESSAGES, from + BATCH);
      const items = Array.from({ length: published - from }, (_, place) => ({
        data: String(from + place).padStart(98, "0"),
      }));
      await queue.publishBatch(TOPIC, items);
      return true;
    }, urls);
    assert.equal((await asking.stats(TOPIC)).ready, MESSAGES);
    await notePeaks();

    const readyMs = await restartEach(peers);
    await notePeaks();

    const seen = new Uint8Array(MESSAGES);
    let acknowledged = 0;
    const consuming = await together(async (queue) => {
      const deliveries = await queue.consume(TOPIC, { max: BATCH });
      if (deliveries.length === 0) return false;
      for (const { data } of deliveries) seen[Number(data)]!++;
      const results = await queue.ack(TOPIC, deliveries);
      acknowledged += results.filter(({ ok }) => ok).length;
      return true;
    }, urls);
    await notePeaks();
    const { ready, inFlight, dead } = await asking.stats(TOPIC);

    const peak = Math.max(...peaks.values());
    console.log(
      `${MESSAGES} published in ${publishing.toFixed(1)} s, consumed and acknowledged in ` +
        `${consuming.toFixed(1)} s; ready ${
          readyMs.join(", ")
        } ms after the start; resident at the peak ` +
        `${[...peaks.values()].join(", ")} MiB`,
    );
    assert.deepEqual([ready, inFlight, dead], [0, 0, 0]);
    assert.equal(acknowledged, MESSAGES);
    assert.ok(seen.every((times) => times === 1), "each was delivered, once");
    assert.ok(Math.max(...readyMs) < READY_LIMIT_MS);
    assert.ok(peak <= RESIDENT_LIMIT_MIB, `${peak} MiB`);
  });
});
