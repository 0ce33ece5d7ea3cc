import assert from "node:assert/strict";
import type { EventItem, PublishedEvent, StoredEvent } from "../../src/events/events.ts";
import { type ClusterPeer, eventually, TestCluster } from "./cluster.ts";

const TOPICS = ["orders", "payments", "parcels"];
const FRESH = { stale: false };
const encoder = new TextEncoder();

function item(topic: string, eventId: string): EventItem {
  const payload = encoder.encode(JSON.stringify(eventId));
  return { topic, eventId, timestamp: null, source: "test", payload };
}

function publish(peer: ClusterPeer, items: readonly EventItem[]) {
  return peer.core.events.publish({ items, expectedOffset: null, request: null });
}

/** Sends until it is answered: that is what ids are for. */
async function publishSurely(
  peers: () => readonly ClusterPeer[],
  items: readonly EventItem[],
  turn: number,
): Promise<readonly PublishedEvent[]> {
  for (let attempt = 0;; attempt++) {
    const up = peers();
    try {
      const results = await publish(up[(turn + attempt) % up.length]!, items);
      if (results.every(({ ok }) => ok)) return results;
    } catch (error) {
      if (attempt === 50) throw error;
    }
  }
}

async function readAll(peer: ClusterPeer, topic: string): Promise<readonly StoredEvent[]> {
  const events: StoredEvent[] = [];
  for await (const page of peer.core.events.pages(topic, null, FRESH)) events.push(...page);
  return events;
}

Deno.test("three events of which one is a duplicate are counted, also after a restart of all", async () => {
  await TestCluster.with({}, async (cluster) => {
    const [one, two, three] = cluster.peers as [ClusterPeer, ClusterPeer, ClusterPeer];
    await publish(one, [item("orders", "a"), item("orders", "b")]);
    assert.deepEqual(await publish(two, [item("orders", "a")]), [
      { ok: true, offset: 0, duplicate: true },
    ]);
    const line = "duplicate dropped: topic orders, event_id a";
    assert.ok(two.lines.some(({ level, message }) => level === "info" && message === line));
    const counted = async (peer: ClusterPeer) => {
      const { received, unique, duplicates } = await peer.core.events.stats(FRESH);
      return [received, unique, duplicates];
    };
    assert.deepEqual(await counted(three), [3, 2, 1]);
    await Promise.all(cluster.peers.map((peer) => peer.crash()));
    await Promise.all(cluster.peers.map((peer) => peer.start()));
    await cluster.ready();
    for (const peer of cluster.peers) assert.deepEqual(await counted(peer), [3, 2, 1]);
  });
});

Deno.test("events keep coming, and each is there once, while peers crash and come back", async () => {
  await TestCluster.with({ snapshotEntries: 40 }, async (cluster) => {
    let done = false;
    const answered = new Map<string, number>();
    const publishing = (async () => {
      for (let at = 0; !done; at += 10) {
        // The first two of every batch were in the one before as well.
        const items = Array.from({ length: 12 }, (_, place) => {
          return item(TOPICS[(at + place) % 3]!, `event-${at + place}`);
        });
        const results = await publishSurely(() => cluster.running, items, at / 10);
        for (const [place, result] of results.entries()) {
          assert.ok(result.ok);
          const { topic, eventId } = items[place]!;
          const name = `${topic} ${eventId}`;
          const former = answered.get(name) ?? result.offset;
          assert.equal(result.offset, former, `${name} has the offset that it was answered`);
          answered.set(name, result.offset);
        }
      }
    })();
    for (const peer of cluster.peers) {
      const before = answered.size;
      await eventually("some are stored", 20_000, () => assert.ok(answered.size > before + 20));
      await peer.crash();
      const without = answered.size;
      await eventually("it goes on", 20_000, () => assert.ok(answered.size > without + 20));
      await peer.start();
      await cluster.ready();
    }
    done = true;
    await publishing;
    let unique = 0;
    for (const topic of TOPICS) {
      const events = await readAll(cluster.peers[0]!, topic);
      unique += events.length;
      for (const [place, { offset, eventId }] of events.entries()) {
        assert.equal(offset, place, "offsets have no gap");
        const known = answered.get(`${topic} ${eventId}`);
        assert.equal(known, offset, "what is stored was answered");
      }
    }
    assert.equal(unique, answered.size, "what was answered is stored, once");
    const stats = await cluster.peers[1]!.core.events.stats(FRESH);
    assert.equal(stats.unique, unique);
    assert.equal(stats.received, stats.unique + stats.duplicates);
  });
});
