/**
 * The arithmetic of majorities. In a joint configuration two sets of voters must agree separately (Raft
 * dissertation, section 4.3), so every question takes both; an empty second set agrees to everything.
 * Pure functions over lists: they do not know what is being counted.
 */

/** How many of `size` voters are a majority. */
export function majority(size: number): number {
  return Math.floor(size / 2) + 1;
}

/**
 * The largest value that a majority of each set has reached: the commit index over match indices, or
 * the confirmed round over echoed rounds.
 *
 * @param voters the incoming set
 * @param votersOutgoing the outgoing set; empty unless the configuration is joint
 * @param valueOf how far one voter is
 * @returns infinity when both sets are empty
 */
export function agreedValue<T>(
  voters: readonly T[],
  votersOutgoing: readonly T[],
  valueOf: (voter: T) => number,
): number {
  const incoming = majorityValue(voters, valueOf);
  if (votersOutgoing.length === 0) return incoming;
  return Math.min(incoming, majorityValue(votersOutgoing, valueOf));
}

export type VoteOutcome = "won" | "lost" | "pending";

/**
 * Whether an election is decided.
 *
 * @param voteOf a voter's answer, undefined while there is none
 */
export function voteOutcome<T>(
  voters: readonly T[],
  votersOutgoing: readonly T[],
  voteOf: (voter: T) => boolean | undefined,
): VoteOutcome {
  const incoming = majorityOutcome(voters, voteOf);
  if (votersOutgoing.length === 0) return incoming;
  const outgoing = majorityOutcome(votersOutgoing, voteOf);
  if (incoming === "lost" || outgoing === "lost") return "lost";
  return incoming === "won" && outgoing === "won" ? "won" : "pending";
}

function majorityValue<T>(voters: readonly T[], valueOf: (voter: T) => number): number {
  const size = voters.length;
  if (size === 0) return Infinity;
  const sorted: number[] = [];
  for (const voter of voters) {
    // Insertion keeps the list in order: sets are small, and this runs once for every acknowledgement.
    const value = valueOf(voter);
    let at = sorted.length;
    while (at > 0 && sorted[at - 1]! > value) at--;
    sorted.splice(at, 0, value);
  }
  return sorted[size - majority(size)]!;
}

function majorityOutcome<T>(
  voters: readonly T[],
  voteOf: (voter: T) => boolean | undefined,
): VoteOutcome {
  if (voters.length === 0) return "won";
  let granted = 0;
  let refused = 0;
  for (const voter of voters) {
    const vote = voteOf(voter);
    if (vote === true) granted++;
    if (vote === false) refused++;
  }
  const needed = majority(voters.length);
  if (granted >= needed) return "won";
  return voters.length - refused < needed ? "lost" : "pending";
}
