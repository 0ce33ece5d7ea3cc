import assert from "node:assert/strict";
import type { ConsumeRequest, Delivery, PublishItem } from "../../src/queue/queue.ts";
import { limitMs } from "../speed_limit.ts";
import { type ClusterPeer, eventually, TestCluster } from "./cluster.ts";

const TOPIC = "work";
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function items(from: number, to: number): PublishItem[] {
  return Array.from({ length: to - from }, (_, place) => ({
    id: null,
    key: null,
    data: encoder.encode(JSON.stringify(from + place)),
    priority: 0,
    delayMs: 0,
    ttlMs: null,
  }));
}

function publish(peer: ClusterPeer, from: number, to: number) {
  return peer.core.queue.publish({ topic: TOPIC, items: items(from, to), request: null });
}

function consume(peer: ClusterPeer, asked: Partial<ConsumeRequest> = {}) {
  const whatever = { consumer: null, visibilityMs: null, request: null, signal: null };
  return peer.core.queue.consume({ topic: TOPIC, max: 10, waitMs: 0, ...whatever, ...asked });
}

function acknowledge(peer: ClusterPeer, deliveries: readonly Delivery[]) {
  const names = deliveries.map(({ receipt }) => ({ id: null, receipt }));
  return peer.core.queue.acknowledge({ topic: TOPIC, deliveries: names, request: null });
}

function numbersOf(deliveries: readonly Delivery[]): readonly number[] {
  return deliveries.map(({ data }) => JSON.parse(decoder.decode(data)));
}

/** The peer that leads the topic's home, and the others. */
function rolesIn(cluster: TestCluster): { leader: ClusterPeer; others: readonly ClusterPeer[] } {
  const led = ({ core }: ClusterPeer) => core.generation.services.queue.consumers.waiting > 0;
  const leader = cluster.running.find(led);
  assert.ok(leader !== undefined, "some peer has the consumers");
  return { leader, others: cluster.running.filter((peer) => peer !== leader) };
}

Deno.test("a queue at work: published, waited for, acknowledged, through any peer", async () => {
  await TestCluster.with({}, async (cluster) => {
    const [one, two, three] = cluster.peers as [ClusterPeer, ClusterPeer, ClusterPeer];
    const waiting = consume(two, { waitMs: 10_000 });
    const published = await publish(one, 0, 7);
    assert.equal(published.filter(({ ok }) => ok).length, 7);
    const deliveries = await waiting;
    assert.deepEqual(numbersOf(deliveries), [0, 1, 2, 3, 4, 5, 6]);
    assert.ok((await acknowledge(three, deliveries)).every(({ ok }) => ok));
    assert.deepEqual(await consume(three), []);
    const view = await one.core.queue.stats(TOPIC, { stale: false });
    assert.deepEqual([view.ready, view.inFlight, view.totals.acknowledged], [0, 0, 7]);
    const topics = await two.core.queue.topics({ stale: false });
    assert.deepEqual(topics.map(({ topic }) => topic), [TOPIC]);
  });
});

Deno.test("a topic's leader that stops, and one that dies, cost a waiting consumer nothing", async () => {
  await TestCluster.with({}, async (cluster) => {
    await publish(cluster.peers[0]!, 0, 1);
    await consume(cluster.peers[1]!, { visibilityMs: 600_000 });
    const waits = cluster.peers.map((peer) => consume(peer, { waitMs: 30_000, max: 1 }));
    const ends = waits.map((wait) => wait.catch(({ code }: { code: string }) => code));
    const { leader, others } = await eventually("all wait", 5_000, () => {
      const roles = rolesIn(cluster);
      assert.equal(roles.leader.core.generation.services.queue.consumers.waiting, 3);
      return roles;
    });
    const beganMs = performance.now();
    await leader.stop();
    assert.ok(performance.now() - beganMs < limitMs(2_500), "it stops at once");
    assert.equal(await ends[cluster.peers.indexOf(leader)], "SHUTTING_DOWN");
    const next = await eventually("they wait at the next leader", 5_000, () => {
      const roles = rolesIn(cluster);
      assert.equal(roles.leader.core.generation.services.queue.consumers.waiting, 2);
      return roles.leader;
    });
    assert.ok(others.includes(next));
    await publish(others[0]!, 1, 3);
    const got = await Promise.all(others.map((peer) => ends[cluster.peers.indexOf(peer)]));
    const numbers = got.flatMap((deliveries) => numbersOf(deliveries as readonly Delivery[]));
    assert.deepEqual(numbers.toSorted(), [1, 2]);

    await leader.start();
    await cluster.ready();
    const [survivor] = cluster.running.filter((peer) => peer !== next);
    const waiting = consume(survivor!, { waitMs: 30_000, max: 1 });
    await eventually("it waits", 5_000, () => rolesIn(cluster));
    await next.crash();
    await publish(survivor!, 3, 4);
    assert.deepEqual(numbersOf(await waiting), [3]);
  });
});
