/**
 * Before a peer stops it gives leadership away, so that nobody has to wait for an election timeout. For
 * each group that it leads: to the voter that lacks least, and if that does not answer, to the next. All
 * bounded: a peer without a quorum stops as fast.
 */
import { SkeinError } from "../errors.ts";
import type { PeerId } from "../raft/entry.ts";
import type { PeerEdges } from "./edges.ts";
import type { Generation } from "./generation.ts";

const ATTEMPT_TIMEOUT_MS = 500;
const ATTEMPTS_MAX = 2;

/**
 * Resolves when this peer leads nothing that another voter would take.
 * @param kept groups that nobody took when they were offered before
 * @returns the groups that it still leads
 */
export async function handOver(
  generation: Generation,
  edges: PeerEdges,
  kept: ReadonlySet<number> = new Set(),
): Promise<ReadonlySet<number>> {
  if (generation.ended !== null) return kept;
  const led = generation.groups.groups().filter((group) => {
    return !kept.has(group) && generation.groups.status(group)?.role === "leader";
  });
  const taken = await Promise.all(led.map((group) => handOverGroup(group, generation, edges)));
  return new Set([...kept, ...led.filter((_group, place) => !taken[place])]);
}

/** @returns whether another voter took it */
async function handOverGroup(
  group: number,
  generation: Generation,
  edges: PeerEdges,
): Promise<boolean> {
  for (const successor of successors(group, generation, edges).slice(0, ATTEMPTS_MAX)) {
    try {
      await generation.groups.transferLeadership(group, successor, ATTEMPT_TIMEOUT_MS);
      return true;
    } catch (error) {
      if (!(error instanceof SkeinError)) throw error;
      const to = successor.slice(0, 8);
      edges.logger.log(
        "info",
        `leadership of group ${group} was not taken by ${to}: ${error.message}`,
      );
    }
  }
  return false;
}

/** Voters that are connected and answer, the one that lacks least first. */
function successors(group: number, generation: Generation, { transport }: PeerEdges): PeerId[] {
  const status = generation.groups.status(group);
  if (status === null) return [];
  const voters = new Set(status.configuration.voters.map(({ peer }) => peer));
  const connected = new Set(transport.peers().map(({ id }) => id));
  return status.followers
    .filter(({ replica, recentlyActive }) => {
      return recentlyActive && voters.has(replica.peer) && connected.has(replica.peer);
    })
    .sort((a, b) => b.matchIndex - a.matchIndex)
    .map(({ replica }) => replica.peer);
}
