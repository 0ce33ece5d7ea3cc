/**
 * To whom a peer that stops hands what it leads: to voters that are connected and answer; those on which the
 * ring wants the group come first, of them those that lack little, and of these whoever leads least, counting
 * what it was chosen for just now.
 */
import type { Groups, GroupStatus } from "../groups/groups.ts";
import type { PeerId } from "../raft/entry.ts";

/** Whoever lacks more entries than the best has to be brought up first. */
const LACKED_ENTRIES_MAX = 256;

export interface SuccessorsOptions {
  readonly groups: Pick<Groups, "groups" | "status">;
  readonly connected: readonly PeerId[];
  /** Where the ring wants the group; none where it wants nothing. */
  readonly wanted: (group: number) => readonly PeerId[];
}

export class Successors {
  readonly #options: SuccessorsOptions;
  readonly #connected: ReadonlySet<PeerId>;
  /** How many groups each leads, as far as the replicas here know, or is to lead. */
  readonly #led = new Map<PeerId, number>();

  constructor(options: SuccessorsOptions) {
    this.#options = options;
    this.#connected = new Set(options.connected);
    for (const group of options.groups.groups()) {
      const leader = options.groups.status(group)?.leader ?? null;
      if (leader !== null) this.#count(leader);
    }
  }

  #count(peer: PeerId): void {
    this.#led.set(peer, this.#ledBy(peer) + 1);
  }

  #ledBy(peer: PeerId): number {
    return this.#led.get(peer) ?? 0;
  }

  /** @returns the best first, which is counted as the group's leader from now on */
  choose(group: number): readonly PeerId[] {
    const status = this.#options.groups.status(group);
    if (status === null) return [];
    const followers = this.#living(status);
    const wanted = new Set(this.#options.wanted(group));
    const best = Math.max(...followers.map(({ matchIndex }) => matchIndex));
    const ranked = followers.map(({ replica: { peer }, matchIndex }) => ({
      peer,
      rank: [
        wanted.has(peer) ? 0 : 1,
        best - matchIndex > LACKED_ENTRIES_MAX ? 1 : 0,
        this.#ledBy(peer),
        -matchIndex,
      ],
    })).sort((a, b) => compare(a.rank, b.rank)).map(({ peer }) => peer);
    if (ranked[0] !== undefined) this.#count(ranked[0]);
    return ranked;
  }

  #living({ configuration, followers }: GroupStatus): GroupStatus["followers"] {
    const voters = new Set(configuration.voters.map(({ peer }) => peer));
    return followers.filter(({ replica: { peer }, recentlyActive }) => {
      return recentlyActive && voters.has(peer) && this.#connected.has(peer);
    });
  }
}

/** The first place in which they differ decides. */
function compare(some: readonly number[], others: readonly number[]): number {
  const at = some.findIndex((number, place) => number !== others[place]);
  return at < 0 ? 0 : some[at]! - others[at]!;
}
