import assert from "node:assert/strict";
import type { PublishItem } from "../../src/queue/queue.ts";
import { type ClusterPeer, eventually, TestCluster } from "./cluster.ts";
import { allPlaced, settled, wantedPeers } from "./placement_cluster.ts";

const TOPICS = Array.from({ length: 24 }, (_, at) => `topic-${at}`);

function item(text: string): PublishItem {
  const data = new TextEncoder().encode(JSON.stringify(text));
  return { id: null, key: null, data, priority: 0, delayMs: 0, ttlMs: null };
}

/** One message in each of so many topics that most partitions have some. */
async function publishEverywhere({ core }: ClusterPeer): Promise<void> {
  for (const topic of TOPICS) {
    const [result] = await core.queue.publish({ topic, items: [item(topic)], request: null });
    assert.ok(result!.ok);
  }
}

/** Every message that was published is there, and taken away. */
async function consumeEverywhere({ core }: ClusterPeer): Promise<void> {
  for (const topic of TOPICS) {
    const [delivery] = await core.queue.consume({
      topic,
      consumer: null,
      max: 1,
      waitMs: 5_000,
      visibilityMs: null,
      request: null,
      signal: null,
    });
    assert.equal(new TextDecoder().decode(delivery?.data), JSON.stringify(topic));
    const deliveries = [{ id: null, receipt: delivery!.receipt }];
    const results = await core.queue.acknowledge({ topic, deliveries, request: null });
    assert.deepEqual(results, [{ ok: true }]);
  }
}

/** One more peer joins: what is wanted elsewhere now moves, and nothing else is touched. */
async function grow(cluster: TestCluster): Promise<ClusterPeer> {
  const [before, wantedBefore] = [allPlaced(cluster), wantedPeers(cluster)];
  const peer = await cluster.add();
  await eventually("it is a member", 10_000, () => {
    assert.equal(cluster.leader?.core.members.find(peer.core.id)?.name, peer.name);
  });
  await settled(cluster);
  const wantedAfter = wantedPeers(cluster);
  let [moved, stayed] = [0, 0];
  for (const [partition, { configuration }] of allPlaced(cluster)) {
    const [was, is] = [wantedBefore.get(partition)!, wantedAfter.get(partition)!];
    const isUntouched = configuration.index === before.get(partition)!.configuration.index;
    assert.equal(isUntouched, was.join() === is.join(), `partition ${partition}`);
    if (isUntouched) stayed++;
    else moved++;
  }
  assert.ok(moved > 0 && stayed > 0, `${moved} moved, ${stayed} stayed`);
  return peer;
}

Deno.test("from three peers to five: what is wanted elsewhere moves, with what it holds, and nothing else", async () => {
  await TestCluster.with({}, async (cluster) => {
    await settled(cluster);
    await publishEverywhere(cluster.peers[0]!);
    await grow(cluster);
    const fifth = await grow(cluster);
    await consumeEverywhere(fifth);
    const lines = cluster.peers.flatMap((peer) => peer.lines).map(({ message }) => message);
    const begun = lines.filter((line) => /^partition \d+: moving from p\d to p\d$/.test(line));
    const done = lines.filter((line) => /^partition \d+: moved from p\d to p\d$/.test(line));
    assert.ok(done.length > 0 && begun.length >= done.length, `${begun.length}, ${done.length}`);
  });
});

Deno.test("a member that drains loses its replicas, serves meanwhile, and is removed: down to one", async () => {
  await TestCluster.with({ peers: 4 }, async (cluster) => {
    await settled(cluster);
    await publishEverywhere(cluster.peers[0]!);
    for (const leaving of cluster.peers.slice(0, 3)) {
      const { id } = leaving.core;
      const staying = cluster.peers.at(-1)!;
      await staying.core.members.drain(leaving.name, true, 10_000);
      await settled(cluster);
      assert.deepEqual(leaving.core.groups.groups(), [0], "it holds no partition");
      assert.equal(staying.core.members.find(id)!.draining, true);
      await staying.core.members.remove(leaving.name, { force: false }, 10_000);
      await leaving.stop();
      await eventually("it is no member", 10_000, () => {
        assert.equal(staying.core.members.find(id), null);
        assert.ok(cluster.leader !== undefined);
      });
    }
    assert.equal(cluster.running.length, 1);
    await settled(cluster);
    await consumeEverywhere(cluster.running[0]!);
  });
});

Deno.test("a dead peer's replicas are rebuilt elsewhere after the grace, and it is used again when it is back", async () => {
  await TestCluster.with({ peers: 4, deadPeerGraceMs: 1_000 }, async (cluster) => {
    await settled(cluster);
    await publishEverywhere(cluster.peers[0]!);
    const victim = cluster.peers.find((peer) => !peer.leads)!;
    const { id } = victim.core;
    await victim.crash();
    await eventually("it is dead by an entry", 20_000, () => {
      const { ring } = cluster.leader!.core.members.wanted()!;
      assert.equal(ring.peers.find((peer) => peer.id === id)!.weight, 0);
    });
    await settled(cluster);
    for (const [partition, { configuration }] of allPlaced(cluster)) {
      assert.equal(configuration.voters.length, 3, `partition ${partition} is whole again`);
      assert.ok(configuration.voters.every(({ peer }) => peer !== id));
    }
    await victim.start();
    await eventually("it is wanted again", 10_000, () => {
      assert.ok([...wantedPeers(cluster).values()].some((peers) => peers.includes(id)));
    });
    await settled(cluster);
    await consumeEverywhere(victim);
  });
});

Deno.test("a peer that restarts is given no leadership while it stops, and gets back what it led", async () => {
  await TestCluster.with({ peers: 3 }, async (cluster) => {
    await settled(cluster);
    const restarted = cluster.peers.find((peer) => !peer.leads)!;
    const { name } = restarted;
    const led = [...allPlaced(cluster)].filter(([, { leader }]) => leader === restarted)
      .map(([partition]) => `partition ${partition}: ${name} leads now, as the ring prefers`);
    assert.ok(led.length > 0);
    const given = () =>
      cluster.peers.flatMap(({ lines }) => lines).map(({ message }) => message)
        .filter((message) => message.endsWith(`: ${name} leads now, as the ring prefers`));
    const before = given().length;
    await restarted.stop();
    assert.equal(given().length, before, "what it handed over did not come back");
    await restarted.start();
    await settled(cluster);
    // A partition's leader is there a moment before its driver hears of it.
    await eventually("each was given back", 5_000, () => {
      assert.deepEqual([...new Set(given().slice(before))].sort(), led.sort());
    });
  });
});

Deno.test("of three peers a dead one keeps its replicas: they are not built anew when it is back", async () => {
  await TestCluster.with({ peers: 3, deadPeerGraceMs: 500 }, async (cluster) => {
    await settled(cluster);
    await publishEverywhere(cluster.peers[0]!);
    const before = allPlaced(cluster);
    const away = cluster.peers.find((peer) => !peer.leads)!;
    const { id } = away.core;
    await away.crash();
    await eventually("it is dead by an entry, and what lay there is missing", 20_000, () => {
      assert.equal(cluster.leader?.core.members.find(id)?.state, "dead");
      const { replicasWanted, replicasPresent, deviating } = cluster.leader!.core.placement!;
      assert.deepEqual([replicasWanted, replicasPresent, deviating], [48, 32, 16]);
    });
    await publishEverywhere(cluster.running[0]!);
    await away.start();
    await settled(cluster);
    for (const [partition, { configuration }] of allPlaced(cluster)) {
      assert.equal(configuration.index, before.get(partition)!.configuration.index);
    }
    await consumeEverywhere(away);
    await consumeEverywhere(away);
  });
});

Deno.test("a peer that was away while its partitions went elsewhere for good lets go of them when it is back", async () => {
  await TestCluster.with({ peers: 3, deadPeerGraceMs: 500 }, async (cluster) => {
    await settled(cluster);
    await publishEverywhere(cluster.peers[0]!);
    const away = cluster.peers.find((peer) => !peer.leads)!;
    await away.crash();
    await cluster.add();
    await cluster.add();
    await eventually("it is dead by an entry, and the others are there", 20_000, () => {
      const { ring } = cluster.leader!.core.members.wanted()!;
      assert.deepEqual([ring.peers.length, ring.owners], [5, 4]);
    });
    await settled(cluster);
    await away.start();
    await eventually("it is wanted again", 10_000, () => {
      assert.equal(cluster.leader!.core.members.wanted()!.ring.owners, 5);
    });
    await settled(cluster);
    await eventually("it is healthy", 10_000, () => {
      assert.deepEqual(away.core.health().reasons, []);
    });
    await consumeEverywhere(away);
  });
});

Deno.test("a member that is removed while it serves gives up its replicas, and what they hold stays", async () => {
  await TestCluster.with({ peers: 5 }, async (cluster) => {
    await settled(cluster);
    await publishEverywhere(cluster.peers[0]!);
    const removed = cluster.peers.find(({ core }) => {
      return core.groups.groups().some((group) => core.groups.status(group)?.role === "leader");
    })!;
    const other = cluster.peers.find((peer) => peer !== removed)!;
    await other.core.members.remove(removed.name, { force: false }, 10_000);
    await eventually("nothing is left there", 20_000, () => {
      assert.deepEqual(removed.core.groups.groups(), []);
    });
    await removed.stop();
    await settled(cluster);
    await consumeEverywhere(other);
  });
});

Deno.test("a member that partitions cannot be without is not removed, except by force", async () => {
  await TestCluster.with({ peers: 2 }, async (cluster) => {
    await settled(cluster);
    const [first, second] = cluster.peers as [ClusterPeer, ClusterPeer];
    await assert.rejects(first.core.members.remove(second.name, { force: false }, 10_000), {
      code: "CONFLICT",
      message: /^16 partitions cannot be without p2, .*: drain p2 first/,
    });
    assert.equal(first.core.members.view().members.length, 2);
    await first.core.members.drain(second.name, true, 10_000);
    await settled(cluster);
    await first.core.members.remove(second.name, { force: false }, 10_000);
    assert.equal(first.core.members.view().members.length, 1);
  });
});

Deno.test("partitions whose majority is gone are named as unavailable, and nothing is done to them", async () => {
  await TestCluster.with({ peers: 3, replicas: 2, deadPeerGraceMs: 500 }, async (cluster) => {
    await settled(cluster);
    const victim = cluster.peers.find((peer) => !peer.leads)!;
    const { id } = victim.core;
    const lost = [...wantedPeers(cluster)].filter(([, peers]) => peers.includes(id))
      .map(([partition]) => partition);
    await victim.crash();
    await eventually("every peer names them", 20_000, () => {
      for (const { core } of cluster.running) {
        const view = core.placement;
        assert.deepEqual(view?.unavailable.map(({ partition }) => partition), lost);
        for (const { replicas, answering } of view.unavailable) {
          assert.deepEqual([replicas.length, answering.length], [2, 1]);
          assert.ok(replicas.includes(id));
        }
      }
    });
    const { core } = cluster.leader!;
    await assert.rejects(core.members.remove(victim.name, { force: false }, 10_000), {
      code: "CONFLICT",
      message: /partitions without a leader may need/,
    });
    await victim.start();
    await settled(cluster);
    await eventually("none is unavailable", 10_000, () => {
      assert.deepEqual(cluster.leader?.core.placement?.unavailable, []);
    });
  });
});
