import assert from "node:assert/strict";
import type { Wanted } from "../../src/members/wanted.ts";
import { eventually, TestCluster } from "./cluster.ts";

/** What a peer says of the ring, as values that can be compared. */
function wishes(wanted: Wanted | null): unknown {
  assert.ok(wanted !== null);
  return { peers: wanted.ring.peers, placements: wanted.placements };
}

Deno.test("founders, a later joiner and a restarted peer want the same of the ring", async () => {
  // Some entries past a snapshot, so that the restarted peer has the founding state from there alone.
  await TestCluster.with({ peers: 4, expect: 3, snapshotEntries: 5 }, async (cluster) => {
    const same = async (owners: number) => {
      await eventually(`all want the same of ${owners} peers`, 10_000, () => {
        const [first, ...others] = cluster.peers.map(({ core }) => core.members.wanted());
        assert.equal(first!.ring.owners, owners);
        assert.deepEqual([first!.placements.length, first!.replicas], [16, 3]);
        for (const other of others) assert.deepEqual(wishes(other), wishes(first!));
      });
    };
    await same(4);
    for (let number = 0; number < 20; number++) {
      const granted = await cluster.peers[0]!.core.locks.acquire({
        mode: "exclusive",
        waitMs: 0,
        ttlMs: 30_000,
        request: null,
        signal: null,
        resource: `r${number}`,
        owner: "a",
      });
      assert.ok(granted.ok);
    }
    const follower = cluster.peers.find((peer) => !peer.leads)!;
    await follower.stop();
    await follower.start();
    await same(4);
  });
});

Deno.test("a dead member owns nothing of the ring until it is back", async () => {
  await TestCluster.with({ peers: 4, deadPeerGraceMs: 300 }, async (cluster) => {
    const lost = cluster.peers.find((peer) => !peer.leads)!;
    const owners = (peer: TestCluster["peers"][number]) => peer.core.members.wanted()!.ring.owners;
    await lost.crash();
    await eventually("three own the ring", 10_000, () => {
      for (const peer of cluster.running) assert.equal(owners(peer), 3);
    });
    for (const { replicas, leader } of cluster.running[0]!.core.members.wanted()!.placements) {
      assert.equal(replicas.length, 3);
      assert.ok(replicas.every(({ id }) => id !== lost.identity.id));
      assert.notEqual(leader!.id, lost.identity.id);
    }
    await lost.start();
    await eventually("four own the ring again", 10_000, () => {
      for (const peer of cluster.peers) assert.equal(owners(peer), 4);
    });
  });
});
