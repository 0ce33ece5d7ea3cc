/**
 * Before a peer stops it gives leadership away, so that nobody has to wait for an election timeout. For
 * each group that it leads: to the best successor (`successors.ts`), and if that does not take it, to the next. All
 * groups at once, so that they share frames and writes; all bounded: a peer without a quorum stops as fast.
 */
import { SkeinError } from "../errors.ts";
import type { PeerId } from "../raft/entry.ts";
import type { PeerEdges } from "./edges.ts";
import type { Generation } from "./generation.ts";
import { Successors } from "./successors.ts";

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
  const successors = new Successors({
    groups: generation.groups,
    connected: edges.transport.peers().map(({ id }) => id),
    wanted: (group) => generation.wanted(group),
  });
  const taken = await Promise.all(led.map((group) => {
    return handOverGroup(group, successors.choose(group), generation, edges);
  }));
  return new Set([...kept, ...led.filter((_group, place) => !taken[place])]);
}

/** @returns whether another voter took it */
async function handOverGroup(
  group: number,
  successors: readonly PeerId[],
  generation: Generation,
  edges: PeerEdges,
): Promise<boolean> {
  for (const successor of successors.slice(0, ATTEMPTS_MAX)) {
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
