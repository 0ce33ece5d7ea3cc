/** The queue's client on a cluster of real peers over real sockets, one of which goes down under it. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { SkeinClient } from "../../src/client/mod.ts";
import { type HttpServer, startHttp } from "../../src/http/server.ts";
import { REAL_CLOCK } from "../../src/peer/real_clock.ts";
import { partitionOf } from "../../src/ring/partition_of.ts";
import { httpOptions } from "../http/fake_peer.ts";
import { type ClusterPeer, eventually, TestCluster } from "../peer/cluster.ts";

const PARTITIONS = 4;
const TOPIC = "orders";

class Servers {
  readonly #running = new Map<ClusterPeer, HttpServer>();

  async start(peer: ClusterPeer): Promise<string> {
    const server = await startHttp(peer.core, httpOptions({ clock: REAL_CLOCK }));
    this.#running.set(peer, server);
    return `http://127.0.0.1:${server.addresses[0]!.port}`;
  }

  async stop(peer: ClusterPeer): Promise<void> {
    await this.#running.get(peer)?.stop({ graceMs: 0 });
    this.#running.delete(peer);
  }

  async stopAll(): Promise<void> {
    for (const peer of [...this.#running.keys()]) await this.stop(peer);
  }
}

function leaderOf(cluster: TestCluster, group: number): ClusterPeer {
  const leader = cluster.running.find((peer) => peer.core.groups.status(group)?.role === "leader");
  ok(leader !== undefined, `somebody leads group ${group}`);
  return leader;
}

async function withClient(
  test: (client: SkeinClient, cluster: TestCluster, servers: Servers) => Promise<void>,
): Promise<void> {
  await TestCluster.with({ peers: 3, partitions: PARTITIONS }, async (cluster) => {
    const servers = new Servers();
    try {
      const urls = await Promise.all(cluster.peers.map((peer) => servers.start(peer)));
      await test(new SkeinClient({ urls, owner: "tester" }), cluster, servers);
    } finally {
      await servers.stopAll();
    }
  });
}

Deno.test("queue client: nothing is lost or doubled when the topic's leader goes down", async () => {
  await withClient(async ({ queue }, cluster, servers) => {
    await queue.publish(TOPIC, -1);
    const published: number[] = [];
    const publishing = Array.from({ length: 4 }, async (_, publisher) => {
      for (let count = 0; count < 50; count++) {
        const number = publisher * 50 + count;
        const { duplicate } = await queue.publish(TOPIC, number);
        equal(duplicate, false);
        published.push(number);
      }
    });
    await eventually("some are published", 10_000, () => ok(published.length > 20));
    const leader = leaderOf(cluster, partitionOf("queue", TOPIC, PARTITIONS));
    await servers.stop(leader);
    await leader.crash();
    await Promise.all(publishing);

    const taken: unknown[] = [];
    while (taken.length < 201) {
      const deliveries = await queue.consume(TOPIC, { max: 50, waitMs: 5_000 });
      ok(deliveries.length > 0, `${taken.length} came`);
      const results = await queue.ack(TOPIC, deliveries);
      ok(results.every((result) => result.ok));
      taken.push(...deliveries.map(({ data }) => data));
    }
    deepEqual(
      taken.map(Number).sort((a, b) => a - b),
      Array.from({ length: 201 }, (_, n) => n - 1),
    );
    deepEqual(await queue.consume(TOPIC), []);
    const { ready, inFlight, totals } = await queue.stats(TOPIC);
    deepEqual([ready, inFlight, totals.published, totals.acknowledged], [0, 0, 201, 201]);
  });
});

Deno.test("queue client: who waits at a peer that stops is answered by another", async () => {
  await withClient(async ({ queue }, cluster, servers) => {
    await queue.publish(TOPIC, "first");
    const [first] = await queue.consume(TOPIC);
    await queue.ack(TOPIC, [first!]);
    const waiting = queue.consume(TOPIC, { waitMs: 60_000 });
    const open = () => cluster.running.filter(({ core }) => core.queueStatistics().consumers > 0);
    const [asked] = await eventually("a peer holds it open", 5_000, () => {
      const peers = open();
      equal(peers.length, 1);
      return peers;
    });
    await asked!.core.drain();
    await eventually("another holds it open", 5_000, () => {
      deepEqual(open().map(({ name }) => name === asked!.name), [false]);
    });
    await servers.stop(asked!);
    await asked!.stop();
    await queue.publish(TOPIC, "second");
    const [second] = await waiting;
    deepEqual([second!.data, second!.attempts], ["second", 1]);
  });
});
