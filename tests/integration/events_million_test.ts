/**
 * Many events in one topic: what memory they take, how long a peer takes to be ready with them, and that publishing and
 * reading at the end are as fast as at the beginning.
 * `SKEIN_EVENTS_MILLION=5000000 deno task test tests/integration/events_million_test.ts` runs it at its full size.
 */
import assert from "node:assert/strict";
import { SkeinClient } from "../../src/client/mod.ts";
import { limitMs } from "../speed_limit.ts";
import { eventually, SkeinCluster, type SkeinProcess } from "./skein_process.ts";

const EVENTS = Number(Deno.env.get("SKEIN_EVENTS_MILLION") ?? 20_000);
/** Only so many tell a rate that grows or falls from chance. */
const IS_LARGE = EVENTS >= 1_000_000;
const BATCH = 100;
const PUBLISHERS = 8;
const TOPIC = "everything";
const READY_LIMIT_MS = limitMs(15_000);
const RESIDENT_LIMIT_MIB = 700;
const PAGES = 20;

/** How much memory the process has resident: now, and at the most. */
async function residentMib({ pid }: SkeinProcess): Promise<{ now: number; peak: number }> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const mib = (name: string) =>
    Math.round(Number(status.match(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m"))![1]) / 1024);
  return { now: mib("VmRSS"), peak: mib("VmHWM") };
}

/** Publishes the ids from here up to there. @returns events a second */
async function publish(urls: readonly string[], from: number, to: number): Promise<number> {
  const beganMs = performance.now();
  let next = from;
  await Promise.all(Array.from({ length: PUBLISHERS }, async (_, worker) => {
    const first = worker % urls.length;
    const { events } = new SkeinClient({ urls: [...urls.slice(first), ...urls.slice(0, first)] });
    while (next < to) {
      const begin = next;
      next = Math.min(to, begin + BATCH);
      await events.publishBatch(Array.from({ length: next - begin }, (_, place) => ({
        topic: TOPIC,
        eventId: `00000000-0000-4000-8000-${String(begin + place).padStart(12, "0")}`,
        timestamp: "2026-01-02T03:04:05.678Z",
        payload: begin + place,
      })));
    }
  }));
  return Math.round((to - from) / ((performance.now() - beganMs) / 1000));
}

/** How long a page takes behind this offset, in the median. */
async function pageMs({ events }: SkeinClient, after: number): Promise<number> {
  const took: number[] = [];
  for (let page = 0; page < PAGES; page++) {
    const beganMs = performance.now();
    const { events: found } = await events.page(TOPIC, { after: after + page * 100, limit: 100 });
    took.push(performance.now() - beganMs);
    assert.equal(found[0]?.offset, after + page * 100 + 1);
    assert.equal(found.length, 100);
  }
  return took.toSorted((a, b) => a - b)[PAGES >> 1]!;
}

Deno.test(`${EVENTS} events in one topic cost little memory, no start and no speed`, async () => {
  await SkeinCluster.with({ flags: ["--log-level", "warn"] }, async ({ peers }) => {
    const urls = peers.map(({ url }) => url);
    const asking = new SkeinClient({ urls });
    // Machines and programs get warm.
    const warm = Math.floor(EVENTS / 20);
    await publish(urls, 0, warm);
    const part = Math.floor(EVENTS / 10);
    const rateAtFirst = await publish(urls, warm, warm + part);
    await publish(urls, warm + part, EVENTS - part);
    const rateAtLast = await publish(urls, EVENTS - part, EVENTS);
    const resident = await Promise.all(peers.map(residentMib));

    const readyMs: number[] = [];
    for (const peer of peers) {
      assert.equal((await peer.end("SIGTERM"))?.code, 0, peer.log.slice(-10).join("\n"));
      const beganMs = performance.now();
      peer.start();
      await eventually(`${peer.name} is ready`, 60_000, async () => {
        assert.equal((await peer.get("/ready")).status, 200);
      });
      readyMs.push(Math.round(performance.now() - beganMs));
    }
    const again = await Promise.all(peers.map(residentMib));

    const firstMs = await pageMs(asking, -1);
    const lastMs = await pageMs(asking, EVENTS - PAGES * 100 - 1);
    const repeated = await asking.events.publish({
      topic: TOPIC,
      eventId: "00000000-0000-4000-8000-000000000007",
      payload: null,
    });
    const { received, unique } = await asking.events.stats();
    console.log(
      `${EVENTS} events: ${rateAtFirst}/s at first, ${rateAtLast}/s at last; resident ` +
        `${
          resident.map(({ now, peak }) => `${now} (peak ${peak})`).join(", ")
        } MiB, after a restart ` +
        `${again.map(({ now }) => now).join(", ")}; ready after ${readyMs.join(", ")} ms; ` +
        `a page ${firstMs.toFixed(1)} ms at the start, ${lastMs.toFixed(1)} ms at the end`,
    );
    assert.equal(repeated.duplicate, true);
    assert.deepEqual([received, unique], [EVENTS + 1, EVENTS]);
    assert.ok(Math.max(...readyMs) < READY_LIMIT_MS, `${readyMs} ms`);
    const most = Math.max(...[...resident, ...again].map(({ now }) => now));
    assert.ok(most <= RESIDENT_LIMIT_MIB, `${most} MiB`);
    if (!IS_LARGE) return;
    assert.ok(rateAtLast >= 0.9 * rateAtFirst, `${rateAtLast} of ${rateAtFirst} a second`);
    assert.ok(lastMs <= 1.5 * firstMs + 2, `${lastMs} ms at the end, ${firstMs} at the start`);
  });
});
