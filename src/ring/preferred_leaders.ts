/**
 * Which replica of each partition is preferred as its leader, such that no peer leads much more than its part.
 *
 * 1. A peer leads at most `leadersMax` partitions: 1.25 × its part of them by weight, rounded up.
 * 2. Every partition's first replica leads it, up to that bound, in ascending order of partition. Those
 *    that are left over go to their second replica where that has room, then those left to their third, …
 *    So nothing that is passed on pushes out what a peer is the better place for, and few leaders change
 *    when peers come and go.
 * 3. What found all its replicas full takes the place of a partition that can go on to another replica of
 *    its own, and so forth: the shortest such chain.
 * 4. Where there is no chain either (one replica a partition, or nearly all of them wanted in one small
 *    zone) the bound of every peer grows by one until there is.
 */
import { assert } from "../assert.ts";
import type { Ring, RingPeer } from "./ring.ts";

const PART_MAX = 1.25;

/** @returns how many of so many partitions a peer leads at most, as far as their replicas allow it */
export function leadersMax(ring: Ring, peer: RingPeer, partitions: number): number {
  return ring.weight === 0 ? 0 : Math.ceil(PART_MAX * partitions * peer.weight / ring.weight);
}

/**
 * @param lists the replicas of each partition
 * @returns one of them for each; null where there are none
 */
export function choosePreferredLeaders(
  ring: Ring,
  lists: readonly (readonly RingPeer[])[],
): readonly (RingPeer | null)[] {
  const choice = new Choice(ring, lists);
  choice.takeByRank();
  choice.takeByChains();
  return choice.leaders;
}

class Choice {
  readonly leaders: (RingPeer | null)[];
  readonly #lists: readonly (readonly RingPeer[])[];
  /** What each peer leads so far. */
  readonly #led = new Map<RingPeer, Set<number>>();
  readonly #roomMax = new Map<RingPeer, number>();

  constructor(ring: Ring, lists: readonly (readonly RingPeer[])[]) {
    this.#lists = lists;
    this.leaders = lists.map(() => null);
    for (const peer of ring.peers) {
      this.#led.set(peer, new Set());
      this.#roomMax.set(peer, leadersMax(ring, peer, lists.length));
    }
  }

  takeByRank(): void {
    const ranks = Math.max(0, ...this.#lists.map((list) => list.length));
    for (let rank = 0; rank < ranks; rank++) {
      for (const at of this.#leaderless()) {
        const peer = this.#lists[at]![rank];
        if (peer !== undefined && this.#hasRoom(peer)) this.#take(at, peer);
      }
    }
  }

  takeByChains(): void {
    for (;;) {
      for (const at of this.#leaderless()) this.#takeByChain(at);
      if (this.#leaderless().length === 0) return;
      for (const [peer, max] of this.#roomMax) this.#roomMax.set(peer, max + 1);
    }
  }

  #leaderless(): readonly number[] {
    return this.#lists.flatMap((list, at) =>
      list.length > 0 && this.leaders[at] === null ? [at] : []
    );
  }

  #hasRoom(peer: RingPeer): boolean {
    return this.#led.get(peer)!.size < this.#roomMax.get(peer)!;
  }

  /** Searches breadth first from the peers that could lead this partition to one with room. */
  #takeByChain(wanting: number): void {
    /** Full peers → which partition would come to them, on the chain that found them. */
    const comes = new Map<RingPeer, number>();
    const queue = [wanting];
    for (const at of queue) {
      for (const peer of this.#lists[at]!) {
        if (comes.has(peer)) continue;
        comes.set(peer, at);
        if (this.#hasRoom(peer)) return this.#shift(peer, comes);
        queue.push(...this.#led.get(peer)!);
      }
    }
  }

  /** Passes leadership on along a chain, from its end with room to the partition that wanted a leader. */
  #shift(end: RingPeer, comes: ReadonlyMap<RingPeer, number>): void {
    let to: RingPeer | null = end;
    while (to !== null) {
      const at = comes.get(to);
      assert(at !== undefined, "a chain leads back to where it began");
      const from: RingPeer | null = this.leaders[at]!;
      this.#take(at, to);
      to = from;
    }
  }

  #take(at: number, peer: RingPeer): void {
    const before = this.leaders[at]!;
    if (before !== null) this.#led.get(before)!.delete(at);
    this.#led.get(peer)!.add(at);
    this.leaders[at] = peer;
  }
}
