import assert from "node:assert/strict";
import { TestCluster } from "./cluster.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function items(count: number) {
  return Array.from({ length: count }, (_, number) => ({
    id: null,
    key: null,
    data: encoder.encode(JSON.stringify({ number })),
    priority: 0,
    delayMs: 0,
    ttlMs: null,
  }));
}

const CONSUME = { consumer: null, waitMs: 0, visibilityMs: null, request: null, signal: null };

Deno.test("a queue at work: published, waited for, acknowledged, through any peer", async () => {
  await TestCluster.with({}, async (cluster) => {
    const [one, two, three] = cluster.peers.map(({ core }) => core.queue);
    const waiting = two!.consume({ ...CONSUME, topic: "work", max: 10, waitMs: 10_000 });
    const published = await one!.publish({ topic: "work", items: items(7), request: null });
    assert.equal(published.filter(({ ok }) => ok).length, 7);
    const deliveries = await waiting;
    assert.equal(deliveries.length, 7);
    const numbers = deliveries.map(({ data }) => JSON.parse(decoder.decode(data)).number);
    assert.deepEqual(numbers, [0, 1, 2, 3, 4, 5, 6]);
    const names = deliveries.map(({ receipt }) => ({ id: null, receipt }));
    const results = await three!.acknowledge({ topic: "work", deliveries: names, request: null });
    assert.ok(results.every(({ ok }) => ok));
    assert.deepEqual(await three!.consume({ ...CONSUME, topic: "work", max: 1 }), []);
    const view = await one!.stats("work", { stale: false });
    assert.deepEqual([view.ready, view.inFlight, view.totals.acknowledged], [0, 0, 7]);
    assert.deepEqual((await two!.topics({ stale: false })).map(({ topic }) => topic), ["work"]);
  });
});
