/**
 * Where the partitions of a cluster of processes are, and where the ring wants them: partition by partition, the names
 * of peers. What is, is what the partition's own leader says of its configuration.
 */
import assert from "node:assert/strict";
import type { SkeinProcess } from "./skein_process.ts";

export interface PartitionPlace {
  readonly partition: number;
  /** In order of name. */
  readonly peers: readonly string[];
  readonly leader: string | null;
}

export type ReplicaMap = readonly PartitionPlace[];

interface RingPartition {
  readonly partition: number;
  readonly wanted_replicas: readonly { readonly name: string }[];
  readonly preferred_leader: { readonly name: string } | null;
}

interface GroupState {
  readonly group: number;
  readonly leader: string | null;
  readonly role: string;
  readonly voters: readonly string[];
}

/** What the ring wants, as this peer knows its members. */
export async function wantedReplicas(peer: SkeinProcess): Promise<ReplicaMap> {
  const { body } = await peer.get("/ring");
  return (body.partitions as readonly RingPartition[]).map((each) => ({
    partition: each.partition,
    peers: each.wanted_replicas.map(({ name }) => name).toSorted(),
    leader: each.preferred_leader?.name ?? null,
  }));
}

/** @throws where a partition has no leader among these peers, or is between two configurations */
export async function actualReplicas(peers: readonly SkeinProcess[]): Promise<ReplicaMap> {
  const places = new Map<number, PartitionPlace>();
  for (const peer of peers) {
    const { body } = await peer.get("/cluster");
    for (const { group, role, voters } of body.groups as readonly GroupState[]) {
      if (group === 0 || role !== "leader") continue;
      const { body: state } = await peer.get(`/raft/state?group=${group}`);
      assert.deepEqual(state.voters_outgoing, [], `partition ${group} is between configurations`);
      assert.deepEqual(state.learners, [], `partition ${group} has a learner`);
      places.set(group, { partition: group, peers: voters.toSorted(), leader: peer.name });
    }
  }
  const { body: { partitions } } = await peers[0]!.get("/ring");
  return (partitions as readonly RingPartition[]).map(({ partition }) => {
    const place = places.get(partition);
    assert.ok(place !== undefined, `partition ${partition} has a leader`);
    return place;
  });
}

/** Replicas that are in the second map and not in the first, one line a partition that has any. */
export function movesBetween(before: ReplicaMap, after: ReplicaMap): {
  readonly replicas: number;
  readonly lines: readonly string[];
} {
  let replicas = 0;
  const lines = after.flatMap(({ partition, peers }, at) => {
    const old = before[at]!.peers;
    const gained = peers.filter((name) => !old.includes(name));
    const lost = old.filter((name) => !peers.includes(name));
    replicas += gained.length;
    if (gained.length + lost.length === 0) return [];
    const gains = gained.map((name) => `+${name}`);
    const losses = lost.map((name) => `-${name}`);
    return [`${partition}: ${[...gains, ...losses].join(" ")}`];
  });
  return { replicas, lines };
}

/** Peers alone, as `assert` compares them. */
export function peersOf(map: ReplicaMap): readonly (readonly string[])[] {
  return map.map(({ peers }) => peers);
}
