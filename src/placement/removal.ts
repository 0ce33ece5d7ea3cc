/**
 * Whether a member can be removed: not while a partition would lose its majority, or its only replica, with
 * it. A removed peer never comes back, so what only it has would be lost for good. Pure.
 */
import { SkeinError } from "../errors.ts";
import type { PeerId } from "../raft/entry.ts";
import type { Picture } from "./picture.ts";

/** So many partitions are named; the others are counted. */
const NAMED_MAX = 16;

/**
 * @param name how people know the member
 * @param counts whether a peer answers now, and is not about to go itself
 * @returns why not; null where it can be removed
 */
export function removalRefusal(
  peer: PeerId,
  name: string,
  { voters, leaderless }: Pick<Picture, "voters" | "leaderless">,
  counts: (peer: PeerId) => boolean,
): SkeinError | null {
  const needed: number[] = [];
  for (const [partition, replicas] of voters) {
    if (!replicas.includes(peer)) continue;
    const others = replicas.filter((voter) => voter !== peer && counts(voter));
    if (others.length <= replicas.length / 2) needed.push(partition);
  }
  if (needed.length > 0) {
    return refusal(
      `${count(needed)} cannot be without ${name}, too few of the other replicas answer: ` +
        `drain ${name} first, or bring the others back`,
      needed,
    );
  }
  const lost = [...leaderless].filter(([, known]) => known.length === 0 || known.includes(peer))
    .map(([partition]) => partition);
  if (lost.length === 0) return null;
  return refusal(
    `${count(lost)} without a leader may need ${name}: try again, and bring back what is down`,
    lost,
  );
}

function refusal(message: string, partitions: readonly number[]): SkeinError {
  const sorted = partitions.toSorted((a, b) => a - b);
  return new SkeinError("CONFLICT", message, { partitions: sorted.slice(0, NAMED_MAX) });
}

function count(partitions: readonly number[]): string {
  if (partitions.length > 1) return `${partitions.length} partitions`;
  return `partition ${partitions[0]}`;
}
