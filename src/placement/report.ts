/**
 * What a peer reports of the partitions that it leads, and its form on the wire: msgpack arrays, checked
 * whole on arrival. Those that lie as wanted cost one bit each; of the others everything is told that a
 * decision takes.
 */
import { LIMITS } from "../limits.ts";
import { isPeerId } from "../members/member_info.ts";
import type { Configuration, PeerId, Replica } from "../raft/entry.ts";
import { bitsOf, type PartitionSet, setOf } from "./partition_bits.ts";

/** A follower or learner as its leader sees it. */
export interface FollowerReport {
  readonly peer: PeerId;
  /** Heard within an election timeout. */
  readonly active: boolean;
  /** It has nearly the whole log: what it still lacks comes before it is missed. */
  readonly caughtUp: boolean;
  /** Committed entries that it is not known to have. */
  readonly missingEntries: number;
}

export interface LedGroup {
  readonly group: number;
  readonly term: number;
  readonly configuration: Configuration;
  readonly followers: readonly FollowerReport[];
}

/** A replica here that knows no leader. */
export interface LeaderlessReplica {
  readonly group: number;
  readonly voters: readonly PeerId[];
}

export interface Report {
  /** Of the members that it compared with; null: it is none (any more), and names all groups that it leads. */
  readonly revision: number | null;
  /** Caught up, and not about to stop: it may be given leadership. */
  readonly steady: boolean;
  /** Partitions that it leads. */
  readonly leads: PartitionSet;
  /** Partitions that it has a replica of which knows a leader, itself or another. */
  readonly knows: PartitionSet;
  /** Those that it leads and that do not lie as wanted, or that another should lead. */
  readonly deviating: readonly LedGroup[];
  /** How many more of them there are. */
  readonly more: number;
  readonly leaderless: readonly LeaderlessReplica[];
}

/** Groups of one kind in one report; what is beyond comes when these are as wanted. */
export const REPORTED_MAX = 256;

export function encodeReport(report: Report): unknown {
  return [
    report.revision,
    report.steady,
    bitsOf(report.leads),
    bitsOf(report.knows),
    report.deviating.map(encodeGroup),
    report.more,
    report.leaderless.map(({ group, voters }) => [group, voters]),
  ];
}

function encodeGroup({ group, term, configuration, followers }: LedGroup): unknown {
  const { index, voters, votersOutgoing, learners, learnersNext } = configuration;
  const replicas = [voters, votersOutgoing, learners, learnersNext].map((list) =>
    list.map(({ peer, replica }) => [peer, replica])
  );
  const seen = followers.map(({ peer, active, caughtUp, missingEntries }) => {
    return [peer, active, caughtUp, missingEntries];
  });
  return [group, term, index, replicas, seen];
}

/** @returns null for what does not have the form */
export function parseReport(value: unknown): Report | null {
  if (!Array.isArray(value)) return null;
  const [revision, steady, leadsBits, knowsBits, groups, more, replicas] = value;
  if (revision !== null && !isCount(revision)) return null;
  if (typeof steady !== "boolean" || !isCount(more)) return null;
  const [leads, knows] = [setOf(leadsBits), setOf(knowsBits)];
  const deviating = parseList(groups, REPORTED_MAX, parseGroup);
  const leaderless = parseList(replicas, REPORTED_MAX, parseLeaderless);
  if (leads === null || knows === null || deviating === null || leaderless === null) return null;
  return { revision, steady, leads, knows, deviating, more, leaderless };
}

function parseGroup(value: unknown): LedGroup | null {
  if (!Array.isArray(value)) return null;
  const [group, term, index, replicas, seen] = value;
  if (!isPartition(group) || !isCount(term) || !isCount(index)) return null;
  if (!Array.isArray(replicas)) return null;
  const [voters, votersOutgoing, learners, learnersNext] = replicas.map((list) =>
    parseList(list, LIMITS.replicasMax, parseReplica)
  );
  const followers = parseList(seen, 2 * LIMITS.replicasMax, parseFollower);
  if (!voters || !votersOutgoing || !learners || !learnersNext || !followers) return null;
  const configuration = { index, voters, votersOutgoing, learners, learnersNext };
  return { group, term, configuration, followers };
}

function parseReplica(value: unknown): Replica | null {
  if (!Array.isArray(value)) return null;
  const [peer, replica] = value;
  return isPeerId(peer) && isCount(replica) ? { peer, replica } : null;
}

function parseFollower(value: unknown): FollowerReport | null {
  if (!Array.isArray(value)) return null;
  const [peer, active, caughtUp, missingEntries] = value;
  if (!isPeerId(peer) || typeof active !== "boolean" || typeof caughtUp !== "boolean") return null;
  return isCount(missingEntries) ? { peer, active, caughtUp, missingEntries } : null;
}

function parseLeaderless(value: unknown): LeaderlessReplica | null {
  if (!Array.isArray(value)) return null;
  const [group, list] = value;
  const voters = parseList(list, LIMITS.replicasMax, (peer) => isPeerId(peer) ? peer : null);
  return isPartition(group) && voters !== null ? { group, voters } : null;
}

/** @returns null where it is no list, is longer, or where one of its items is nothing */
export function parseList<T>(
  value: unknown,
  max: number,
  parse: (item: unknown) => T | null,
): readonly T[] | null {
  if (!Array.isArray(value) || value.length > max) return null;
  const items: T[] = [];
  for (const item of value) {
    const parsed = parse(item);
    if (parsed === null) return null;
    items.push(parsed);
  }
  return items;
}

export function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

export function isPartition(value: unknown): value is number {
  return isCount(value) && value > 0 && value < LIMITS.groupsMax;
}
