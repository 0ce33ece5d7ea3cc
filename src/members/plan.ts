/**
 * The formation plan: what a cluster is founded on, and equal at all of its founders. It is data: who
 * may propose, accept, commit or abort one is `formation.ts`. Its name is (proposer, attempt); attempts
 * are counted durably, so a name never stands for two plans that anybody but the proposer has seen.
 * What is signed is the plan's own canonical text, so that whoever passes a commit on cannot alter it.
 */
import { assert } from "../assert.ts";
import { LIMITS } from "../limits.ts";
import type { PeerId } from "../raft/entry.ts";
import { areFirstReplicas, placeFirstReplicas } from "./first_replicas.ts";
import { isPeerId, isRecord, type MemberInfo, parseMemberInfo } from "./member_info.ts";

export interface PlanName {
  readonly proposer: PeerId;
  /** From 1, one more with every plan of this proposer. */
  readonly attempt: number;
}

export interface FormationPlan extends PlanName {
  /** 16 random bytes in hex. */
  readonly clusterId: string;
  /** The founders, in ascending order of identity. */
  readonly members: readonly MemberInfo[];
  /** Group 0's voters; the first is the proposer and the preferred leader. Other members are learners. */
  readonly voters: readonly PeerId[];
  /** P: how many partitions, for ever. */
  readonly partitions: number;
  /** R: replicas of a partition. */
  readonly replicas: number;
  /** Where the partitions begin: see `first_replicas.ts`. */
  readonly firstReplicas: string;
}

/** What a plan takes beside the peers: the settings that a cluster is formed with. */
export interface ClusterParameters {
  readonly partitions: number;
  readonly replicas: number;
  /** How many of the founders vote in group 0. */
  readonly systemVoters: number;
}

/** Signs for this peer and verifies for all: ed25519, deterministic. */
export interface Signer {
  sign(bytes: Uint8Array): Uint8Array;
  verify(signer: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean;
}

/** An encoded plan fits a property of the storage, with the signature and the record around it. */
export const PLAN_BYTES_MAX = 56 * 1024;
assert(
  LIMITS.firstReplicasMax + LIMITS.membersMax * 256 <= PLAN_BYTES_MAX,
  "a plan has room for all first replicas and, as a rule, all members",
);

const CLUSTER_ID = /^[0-9a-f]{32}$/;
const PARTITIONS_MAX = LIMITS.groupsMax - 1;

/**
 * @param name the proposer, one of the members, and its attempt
 * @param members the founders, in ascending order of identity
 */
export function makePlan(
  name: PlanName,
  clusterId: string,
  members: readonly MemberInfo[],
  parameters: ClusterParameters,
): FormationPlan {
  const others = members.map((member) => member.id).filter((id) => id !== name.proposer);
  const { partitions, replicas, systemVoters } = parameters;
  const plan = {
    ...name,
    clusterId,
    members,
    voters: [name.proposer, ...others].slice(0, systemVoters),
    partitions,
    replicas,
    firstReplicas: placeFirstReplicas(members, partitions, replicas),
  };
  assert(
    isConsistent(plan),
    "a plan holds its proposer, and its members once, in order, and places all partitions",
  );
  return plan;
}

/** @returns the plan with only its own fields, or null where it is not one */
export function parsePlan(value: unknown): FormationPlan | null {
  if (!isRecord(value)) return null;
  const name = parsePlanName(value);
  const { clusterId, members, voters, partitions, replicas, firstReplicas } = value;
  if (name === null || typeof clusterId !== "string" || !CLUSTER_ID.test(clusterId)) return null;
  if (!Array.isArray(members) || members.length > LIMITS.membersMax) return null;
  if (!Array.isArray(voters) || voters.length > LIMITS.membersMax) return null;
  if (!isCount(partitions, PARTITIONS_MAX) || !isCount(replicas, LIMITS.membersMax)) return null;
  if (typeof firstReplicas !== "string") return null;
  const parsedMembers: MemberInfo[] = [];
  for (const member of members) {
    const parsed = parseMemberInfo(member);
    if (parsed === null) return null;
    parsedMembers.push(parsed);
  }
  const parsedVoters: PeerId[] = [];
  for (const voter of voters) {
    if (!isPeerId(voter)) return null;
    parsedVoters.push(voter);
  }
  const plan = {
    ...name,
    clusterId,
    members: parsedMembers,
    voters: parsedVoters,
    partitions,
    replicas,
    firstReplicas,
  };
  return isConsistent(plan) && planBytes(plan).length <= PLAN_BYTES_MAX ? plan : null;
}

export function parsePlanName(value: unknown): PlanName | null {
  if (!isRecord(value)) return null;
  const { proposer, attempt } = value;
  if (!isPeerId(proposer) || !isCount(attempt, Number.MAX_SAFE_INTEGER)) return null;
  return { proposer, attempt };
}

export function samePlan(a: PlanName, b: PlanName): boolean {
  return a.proposer === b.proposer && a.attempt === b.attempt;
}

/** The plan's name without the rest of it. */
export function planName(plan: PlanName): PlanName {
  return { proposer: plan.proposer, attempt: plan.attempt };
}

export function isPlanMember(plan: FormationPlan, peer: PeerId): boolean {
  return plan.members.some((member) => member.id === peer);
}

/** The canonical text of a plan: equal plans give equal bytes at every peer. */
export function planBytes(plan: FormationPlan): Uint8Array {
  const members = plan.members.map((member) => [
    member.id,
    member.name,
    member.addresses,
    member.httpUrl,
    member.zone,
    member.bootId,
    member.version,
  ]);
  return new TextEncoder().encode(JSON.stringify([
    plan.proposer,
    plan.attempt,
    plan.clusterId,
    members,
    plan.voters,
    plan.partitions,
    plan.replicas,
    plan.firstReplicas,
  ]));
}

/** What the proposer signs when it has committed. */
export function commitBytes(plan: FormationPlan): Uint8Array {
  return withPurpose("skein formation commit\n", planBytes(plan));
}

/** What the proposer signs when it has aborted. */
export function abortBytes(name: PlanName): Uint8Array {
  const text = new TextEncoder().encode(`${name.proposer} ${name.attempt}`);
  return withPurpose("skein formation abort\n", text);
}

/** A signature under one purpose never passes for another. */
function withPurpose(purpose: string, bytes: Uint8Array): Uint8Array {
  const prefix = new TextEncoder().encode(purpose);
  const joined = new Uint8Array(prefix.length + bytes.length);
  joined.set(prefix);
  joined.set(bytes, prefix.length);
  return joined;
}

function isConsistent(plan: FormationPlan): boolean {
  const ids = plan.members.map((member) => member.id);
  const names = new Set(plan.members.map((member) => member.name));
  const ascending = ids.every((id, position) => position === 0 || ids[position - 1]! < id);
  return ascending && names.size === ids.length && isPlanMember(plan, plan.proposer) &&
    plan.voters[0] === plan.proposer && new Set(plan.voters).size === plan.voters.length &&
    plan.voters.every((voter) => ids.includes(voter)) && areFirstReplicas(plan);
}

function isCount(value: unknown, max: number): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 1 && value <= max;
}
