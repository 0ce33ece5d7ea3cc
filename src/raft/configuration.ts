/**
 * What a configuration is on the wire and on disk, and how one follows from another: pure functions.
 * The payload of a `configuration` entry is a msgpack array [format, voters, votersOutgoing, learners,
 * learnersNext], each a list of [peer, replica id]. The entry's own index completes it.
 */
import { decode, encode } from "@msgpack/msgpack";
import { assert } from "../assert.ts";
import { LIMITS } from "../limits.ts";
import type { Configuration, Entry, PeerId, Replica } from "./entry.ts";
import type { ConfigurationOperation } from "./ready.ts";

const FORMAT = 1;

/** The configuration of a replica that knows of none yet. */
export const EMPTY_CONFIGURATION: Configuration = {
  index: 0,
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
};

/** @returns the payload of the entry that brings this configuration; its index is not part of it */
export function encodeConfiguration(configuration: Configuration): Uint8Array<ArrayBuffer> {
  const pairs = (replicas: readonly Replica[]) =>
    replicas.map(({ peer, replica }) => [peer, replica]);
  return encode([
    FORMAT,
    pairs(configuration.voters),
    pairs(configuration.votersOutgoing),
    pairs(configuration.learners),
    pairs(configuration.learnersNext),
  ]);
}

/** @returns the configuration that this entry brings, or null when its payload is damaged or of a newer format */
export function decodeConfiguration(entry: Entry): Configuration | null {
  let body: unknown;
  try {
    body = decode(entry.payload);
  } catch {
    return null;
  }
  if (!Array.isArray(body) || body.length !== 5 || body[0] !== FORMAT) return null;
  const [voters, votersOutgoing, learners, learnersNext] = body.slice(1).map(decodeReplicas);
  if (!voters || !votersOutgoing || !learners || !learnersNext || voters.length === 0) return null;
  const configuration = {
    index: entry.index,
    voters,
    votersOutgoing,
    learners,
    learnersNext,
  };
  return isConsistent(configuration) ? configuration : null;
}

function decodeReplicas(pairs: unknown): Replica[] | null {
  if (!Array.isArray(pairs) || pairs.length > LIMITS.replicasMax) return null;
  const replicas: Replica[] = [];
  for (const pair of pairs) {
    if (!Array.isArray(pair) || pair.length !== 2) return null;
    const [peer, replica] = pair;
    if (typeof peer !== "string" || !Number.isSafeInteger(replica) || replica < 1) return null;
    replicas.push({ peer, replica });
  }
  return replicas;
}

/** A peer has one role in each of the two majorities, and one replica id everywhere. */
function isConsistent(configuration: Configuration): boolean {
  const { voters, votersOutgoing, learners, learnersNext } = configuration;
  const unlike = (left: readonly Replica[], right: readonly Replica[]) =>
    left.every(({ peer }) => right.every((other) => other.peer !== peer));
  const within = (part: readonly Replica[], whole: readonly Replica[]) =>
    part.every((replica) => whole.some((other) => isSameReplica(replica, other)));
  const known = new Map<PeerId, number>();
  for (const { peer, replica } of allReplicas(configuration)) {
    if ((known.get(peer) ?? replica) !== replica) return false;
    known.set(peer, replica);
  }
  const isSet = (replicas: readonly Replica[]) =>
    new Set(replicas.map(({ peer }) => peer)).size === replicas.length;
  return [voters, votersOutgoing, learners, learnersNext].every(isSet) &&
    unlike(learners, voters) && unlike(learners, votersOutgoing) &&
    unlike(learnersNext, voters) && within(learnersNext, votersOutgoing);
}

export function isSameReplica(left: Replica, right: Replica): boolean {
  return left.peer === right.peer && left.replica === right.replica;
}

/** Whether two sets of voters must agree. */
export function isJoint(configuration: Configuration): boolean {
  return configuration.votersOutgoing.length > 0;
}

export function isVoter(configuration: Configuration, replica: Replica): boolean {
  const isIt = (other: Replica) => isSameReplica(other, replica);
  return configuration.voters.some(isIt) || configuration.votersOutgoing.some(isIt);
}

/** Whether this replica's own vote is a majority, of both sets where there are two. */
export function isSoleVoter(configuration: Configuration, replica: Replica): boolean {
  const { voters, votersOutgoing } = configuration;
  return voters.length > 0 &&
    [...voters, ...votersOutgoing].every((voter) => isSameReplica(voter, replica));
}

/** Everyone in any role, those with two roles twice. */
export function allReplicas(configuration: Configuration): readonly Replica[] {
  const { voters, votersOutgoing, learners, learnersNext } = configuration;
  return [...voters, ...votersOutgoing, ...learners, ...learnersNext];
}

/** @returns the replica by which this peer takes part, in whatever role, or null */
export function findReplica(configuration: Configuration, peer: PeerId): Replica | null {
  const { voters, votersOutgoing, learners } = configuration;
  const isIt = (replica: Replica) => replica.peer === peer;
  return voters.find(isIt) ?? votersOutgoing.find(isIt) ?? learners.find(isIt) ?? null;
}

/**
 * What the operations, one after the other, make of a configuration. A change of voters becomes a joint
 * configuration, however small it is: one path, and the one that was proven.
 *
 * @param index of the entry that will bring the result; new learners take it as their replica id
 * @returns the next configuration, or a sentence that says why there is none
 */
export function changeConfiguration(
  current: Configuration,
  operations: readonly ConfigurationOperation[],
  index: number,
): Configuration | string {
  assert(!isJoint(current), "a joint configuration is left before the next change");
  if (operations.length === 0) return "a configuration change without operations";
  const voters = new Map(current.voters.map((replica) => [replica.peer, replica]));
  const learners = new Map(current.learners.map((replica) => [replica.peer, replica]));
  for (const operation of operations) {
    const refusal = operation.kind === "addLearner" && findReplica(current, operation.peer) !== null
      ? `cannot add a peer that takes part already: ${operation.peer}`
      : perform(operation, voters, learners, index);
    if (refusal !== null) return refusal;
  }
  if (voters.size === 0) return "a group cannot be without voters";
  if (voters.size + learners.size > LIMITS.replicasMax) {
    return `a group cannot have more than ${LIMITS.replicasMax} replicas`;
  }
  const wasVoter = ({ peer }: Replica) => current.voters.some((voter) => voter.peer === peer);
  const votersSame = voters.size === current.voters.length && [...voters.values()].every(wasVoter);
  const listeners = [...learners.values()];
  return {
    index,
    voters: [...voters.values()],
    votersOutgoing: votersSame ? [] : current.voters,
    learners: votersSame ? listeners : listeners.filter((learner) => !wasVoter(learner)),
    learnersNext: votersSame ? [] : listeners.filter(wasVoter),
  };
}

/** @returns why the operation can not be performed, or null when it was */
function perform(
  { kind, peer }: ConfigurationOperation,
  voters: Map<PeerId, Replica>,
  learners: Map<PeerId, Replica>,
  index: number,
): string | null {
  const voter = voters.get(peer);
  const learner = learners.get(peer);
  if (kind === "addLearner") {
    if (voter ?? learner) return `cannot add a peer twice: ${peer}`;
    learners.set(peer, { peer, replica: index });
    return null;
  }
  if (kind === "promote") {
    if (learner === undefined) return `cannot promote a peer that is not a learner: ${peer}`;
    learners.delete(peer);
    voters.set(peer, learner);
    return null;
  }
  if (kind === "demote") {
    if (voter === undefined) return `cannot demote a peer that is not a voter: ${peer}`;
    voters.delete(peer);
    learners.set(peer, voter);
    return null;
  }
  if (!voters.delete(peer) && !learners.delete(peer)) {
    return `cannot remove a peer that does not take part: ${peer}`;
  }
  return null;
}

/** The configuration that ends a joint one. @param index of the entry that will bring it */
export function leaveJoint(joint: Configuration, index: number): Configuration {
  assert(isJoint(joint), `configuration ${joint.index} is not joint`);
  return {
    index,
    voters: joint.voters,
    votersOutgoing: [],
    learners: [...joint.learners, ...joint.learnersNext],
    learnersNext: [],
  };
}
