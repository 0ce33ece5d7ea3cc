import assert from "node:assert/strict";
import { foundedGroups } from "../../src/members/foundation.ts";
import { firstReplicasOf } from "../../src/members/first_replicas.ts";
import { FORMATION_PROPERTY } from "../../src/members/formation_record.ts";
import { type ClusterPeer, eventually, TestCluster } from "./cluster.ts";

const PARTITIONS = Array.from({ length: 16 }, (_, place) => place + 1);

/** Whoever is asked says who it is. */
function answerName({ core, identity }: ClusterPeer): void {
  core.generation.groups.answer("test.name", () => Promise.resolve(identity.id));
}

Deno.test("partitions begin at their founders, led by whom the ring prefers, and every peer reaches them", async () => {
  // Longer than the cluster is waited for: nobody stands for election by itself.
  await TestCluster.with({ peers: 5, electionTimeoutMs: 120_000 }, async ({ peers }) => {
    const { plan } = peers[0]!.core.generation.former.status();
    assert.ok(plan !== null);
    for (const peer of peers) answerName(peer);
    for (const partition of PARTITIONS) {
      const replicas = firstReplicasOf(plan, partition);
      for (const { core, identity } of peers) {
        const status = core.groups.status(partition);
        assert.equal(status !== null, replicas.includes(identity.id));
        if (status !== null) assert.equal(status.leader, replicas[0]);
      }
    }
    await Promise.all(peers.flatMap(({ core }) =>
      PARTITIONS.map(async (partition) => {
        const leader = await core.groups.ask(partition, "test.name", null, 5_000);
        assert.equal(leader, firstReplicasOf(plan, partition)[0]);
        assert.equal(core.groups.leaderOf(partition), leader);
      })
    ));
  });
});

Deno.test("with one replica, or two, of each partition a cluster forms at once as well", async () => {
  for (const replicas of [1, 2]) {
    const options = { peers: 4, partitions: 7, replicas, electionTimeoutMs: 120_000 };
    await TestCluster.with(options, async ({ peers }) => {
      for (const peer of peers) answerName(peer);
      for (let partition = 1; partition <= 7; partition++) {
        const holding = peers.filter(({ core }) => core.groups.status(partition) !== null);
        assert.equal(holding.length, replicas);
        const asking = peers.map(({ core }) =>
          core.groups.ask(partition, "test.name", null, 5_000)
        );
        const leaders = new Set(await Promise.all(asking));
        assert.equal(leaders.size, 1);
        assert.ok(holding.some(({ identity }) => leaders.has(identity.id)));
      }
    });
  }
});

Deno.test("a torn commit that lost some of its groups has those founded again, and no others", async () => {
  await TestCluster.with({}, async (cluster) => {
    const founder = cluster.peers.find(({ leads }) => !leads)!;
    const { plan } = founder.core.generation.former.status();
    const groups = foundedGroups(plan!, founder.identity.id);
    assert.equal(groups.length, 17);
    await founder.stop();
    const former = await founder.state.open();
    const { properties } = former.recovered;
    await former.storage.close();
    await founder.state.erase();
    const { storage: torn } = await founder.state.open();
    const value = properties.get(FORMATION_PROPERTY)!;
    const hardState = { term: 7, votedFor: null, commitIndex: 1 };
    await torn.append([
      { kind: "property", name: FORMATION_PROPERTY, value },
      ...groups.slice(0, 5).flatMap(({ group, replica, configuration }) => [
        { kind: "foundation", group, configuration } as const,
        { kind: "hardState", group, replica, hardState } as const,
      ]),
    ]);
    await torn.close();
    await founder.start();
    for (const { group } of groups) {
      const status = founder.core.groups.status(group);
      assert.ok(status !== null, `group ${group} is here`);
      if (group < 5) assert.ok(status.term >= 7, "what was there is as it was");
    }
    await cluster.ready();
  });
});

Deno.test("a peer of many partitions that nobody leads names a few and counts the others", async () => {
  await TestCluster.with({}, async (cluster) => {
    const [first, second, third] = cluster.peers;
    await first!.crash();
    await second!.crash();
    await eventually("nobody leads", 10_000, () => {
      const { healthy, reasons } = third!.core.health();
      assert.equal(healthy, false);
      assert.equal(reasons.length, 9);
      assert.equal(reasons[0], "group 0 has no leader");
      assert.equal(reasons[8], "9 more groups have no leader");
    });
    await Promise.all([first!.start(), second!.start()]);
    await cluster.ready();
  });
});

Deno.test("partitions that sleep are handed over too, to all who are left, without an election timeout", async () => {
  await TestCluster.with({ electionTimeoutMs: 1_000 }, async (cluster) => {
    const groups = ({ core }: ClusterPeer) => [...core.generation.host.groups()];
    await eventually("all sleep", 10_000, () => {
      for (const peer of cluster.peers) assert.ok(groups(peer).every(({ raft }) => raft.asleep));
    });
    const [first, ...others] = cluster.peers;
    assert.ok(groups(first!).some(({ leads }) => leads));
    const terms = new Map(groups(others[0]!).map(({ id, raft }) => [id, raft.term]));
    await first!.stop();
    const led = others.map((peer) => groups(peer).filter(({ leads }) => leads).length);
    assert.equal(led[0]! + led[1]!, 17, "nothing waits for an election");
    assert.ok(Math.abs(led[0]! - led[1]!) <= 3, `${led}`);
    for (const peer of others) {
      for (const { id, raft } of groups(peer)) assert.ok(raft.term <= terms.get(id)! + 1);
    }
  });
});
