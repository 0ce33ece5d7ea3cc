/** Where the partitions of a cluster of this process are, and where its members want them. */
import assert from "node:assert/strict";
import type { Configuration, PeerId } from "../../src/raft/entry.ts";
import { type ClusterPeer, eventually, type TestCluster } from "./cluster.ts";

export interface PlacedPartition {
  readonly leader: ClusterPeer;
  readonly configuration: Configuration;
}

/** @returns the partition as its leader has it */
export function placed(cluster: TestCluster, partition: number): PlacedPartition {
  const [leader, ...others] = cluster.running.filter(({ core }) => {
    return core.groups.status(partition)?.role === "leader";
  });
  assert.ok(leader !== undefined && others.length === 0, `partition ${partition} has one leader`);
  return { leader, configuration: leader.core.groups.status(partition)!.configuration };
}

/** @returns by partition */
export function allPlaced(cluster: TestCluster): ReadonlyMap<number, PlacedPartition> {
  const partitions = cluster.leader!.core.members.wanted()!.placements;
  return new Map(partitions.map(({ partition }) => [partition, placed(cluster, partition)]));
}

/** @returns the peers that the members of the system leader want each partition on, by partition */
export function wantedPeers(cluster: TestCluster): ReadonlyMap<number, readonly PeerId[]> {
  const { placements } = cluster.leader!.core.members.wanted()!;
  return new Map(placements.map(({ partition, replicas }) => {
    return [partition, replicas.map(({ id }) => id).sort()] as const;
  }));
}

/** Waits until every partition lies as wanted, is led as wanted, and no other replica of it is left. */
export async function settled(cluster: TestCluster, timeoutMs = 30_000): Promise<void> {
  await eventually("every partition lies as wanted", timeoutMs, () => {
    assert.deepEqual(cluster.bugs, []);
    const wanted = cluster.leader?.core.members.wanted() ?? null;
    assert.ok(wanted !== null);
    for (const { partition, replicas, leader } of wanted.placements) {
      const here = placed(cluster, partition);
      const { voters, votersOutgoing, learners } = here.configuration;
      const ids = replicas.map(({ id }) => id).sort();
      assert.deepEqual(voters.map(({ peer }) => peer).sort(), ids, `voters of ${partition}`);
      assert.deepEqual([...votersOutgoing, ...learners], []);
      assert.equal(here.leader.core.id, leader!.id, `leader of ${partition}`);
      const holders = cluster.running.filter(({ core }) => core.groups.status(partition) !== null);
      assert.deepEqual(holders.map(({ core }) => core.id).sort(), ids, `holders of ${partition}`);
    }
  });
}
