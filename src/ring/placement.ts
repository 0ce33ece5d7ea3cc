/**
 * Where the ring wants each partition: on which peers, and which of them leads. What it wants, not what is:
 * bringing the two together is the business of who moves replicas.
 */
import { murmur3 } from "./murmur3.ts";
import { choosePreferredLeaders } from "./preferred_leaders.ts";
import type { Ring, RingPeer } from "./ring.ts";

export interface PlacementOptions {
  readonly ring: Ring;
  /** P: the partitions are 1 .. P. */
  readonly partitions: number;
  /** R: how many peers each is wanted on; all of them where there are fewer. */
  readonly replicas: number;
}

export interface PartitionPlacement {
  readonly partition: number;
  /** Its place on the ring. */
  readonly hash: number;
  /** The ring's preference list; empty where nobody owns anything. */
  readonly replicas: readonly RingPeer[];
  /** One of the replicas, as a rule the first; null where there are none. */
  readonly leader: RingPeer | null;
}

/** @returns the partitions in order: equal rings and numbers give equal placements at every peer */
export function placePartitions(
  { ring, partitions, replicas }: PlacementOptions,
): readonly PartitionPlacement[] {
  const hashes = Array.from({ length: partitions }, (_, at) => murmur3(`partition:${at + 1}`));
  const lists = hashes.map((hash) => ring.preferenceList(hash, replicas));
  const leaders = choosePreferredLeaders(ring, lists);
  return lists.map((list, at) => ({
    partition: at + 1,
    hash: hashes[at]!,
    replicas: list,
    leader: leaders[at]!,
  }));
}
