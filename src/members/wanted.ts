/**
 * What the ring wants of the present members: where each partition should lie and who should lead it.
 * It follows from the member list and the cluster's parameters alone, so every peer that has applied the
 * same entries of group 0 comes to the same.
 */
import { type PartitionPlacement, placePartitions } from "../ring/placement.ts";
import { Ring, type RingPeer } from "../ring/ring.ts";
import type { Member } from "./state.ts";

export interface Wanted {
  readonly ring: Ring;
  /** R: on how many peers each partition is wanted, where there are so many. */
  readonly replicas: number;
  /** Partitions 1 .. P, in order. */
  readonly placements: readonly PartitionPlacement[];
}

/** Remembers the last answer: members change seldom, and placing thousands of partitions takes a while. */
export class WantedPlacement {
  #last: { readonly peers: readonly RingPeer[]; readonly wanted: Wanted } | null = null;

  /**
   * @param members all of them; the dead own nothing of the ring until they are back, those that drain nothing at all
   * @param partitions P
   * @param replicas R
   */
  of(members: readonly Member[], partitions: number, replicas: number): Wanted {
    const peers = members.map(ringPeer);
    const last = this.#last;
    if (
      last !== null && samePeers(last.peers, peers) && last.wanted.replicas === replicas &&
      last.wanted.placements.length === partitions
    ) return last.wanted;
    const ring = new Ring(peers);
    const placements = placePartitions({ ring, partitions, replicas });
    const wanted = { ring, replicas, placements };
    this.#last = { peers, wanted };
    return wanted;
  }
}

function ringPeer({ id, name, zone, dead, draining }: Member): RingPeer {
  return { id, name, zone, weight: dead || draining ? 0 : 1 };
}

function samePeers(some: readonly RingPeer[], others: readonly RingPeer[]): boolean {
  return some.length === others.length && some.every((peer, position) => {
    const { id, name, zone, weight } = others[position]!;
    return peer.id === id && peer.name === name && peer.zone === zone && peer.weight === weight;
  });
}
