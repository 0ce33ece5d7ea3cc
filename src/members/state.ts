/**
 * The state of the members' machine and its form in snapshots. Small (at most `LIMITS.membersMax`
 * members), so a snapshot is one chunk, encoded at the moment it is asked for.
 */
import { assert } from "../assert.ts";
import { decode, encode } from "../codec/msgpack.ts";
import type { PeerId } from "../raft/entry.ts";
import { isPeerId, isRecord, type MemberInfo, parseMemberInfo } from "./member_info.ts";
import type { FormationPlan } from "./plan.ts";

export interface Member extends MemberInfo {
  /** Group time of the entry that added it. */
  readonly joinedAtMs: number;
  /** By an entry, after it was out of touch for the grace period. */
  readonly dead: boolean;
  /** By an operator's entry: it serves what it has, and nothing is wanted on it. */
  readonly draining: boolean;
}

/** A boot that has ended, and whose lock waiters are still attached to it. */
export interface EndedBoot {
  readonly peer: PeerId;
  readonly bootId: string;
}

export interface MembersState {
  /** Null before the founding entry, or a snapshot, is there. */
  clusterId: string | null;
  partitions: number;
  replicas: number;
  /** The index of the last entry that changed anything of the members. */
  revision: number;
  readonly members: Map<PeerId, Member>;
  /** Identities that were removed for good, oldest first. */
  readonly removed: PeerId[];
  /** Oldest first. */
  readonly endedBoots: EndedBoot[];
}

const FORMAT = 2;

/** What every replica begins with. */
export function emptyMembersState(): MembersState {
  return {
    clusterId: null,
    partitions: 0,
    replicas: 0,
    revision: 0,
    members: new Map(),
    removed: [],
    endedBoots: [],
  };
}

/** @param timeMs group time of the founding entry */
export function foundedMembersState(plan: FormationPlan, timeMs: number): MembersState {
  const founders = plan.members.map((member) =>
    [member.id, { ...member, joinedAtMs: timeMs, dead: false, draining: false }] as const
  );
  return {
    ...emptyMembersState(),
    clusterId: plan.clusterId,
    partitions: plan.partitions,
    replicas: plan.replicas,
    members: new Map(founders),
  };
}

/** Equal states give equal bytes, in whatever order their members came. */
export function encodeMembersState(state: MembersState): Uint8Array {
  const members = [...state.members.values()].sort((a, b) => a.id < b.id ? -1 : 1);
  return encode([
    FORMAT,
    state.clusterId,
    state.partitions,
    state.replicas,
    state.revision,
    members.map((member) => [
      plainInfo(member),
      member.joinedAtMs,
      member.dead,
      member.draining,
    ]),
    state.removed,
    state.endedBoots.map(({ peer, bootId }) => [peer, bootId]),
  ]);
}

/** @throws {AssertionError} for bytes that `encodeMembersState` never gave: their checksum was right */
export function decodeMembersState(bytes: Uint8Array): MembersState {
  const decoded = decode(bytes);
  assert(decoded.ok && Array.isArray(decoded.value), "the members' snapshot is not readable");
  const [format, clusterId, partitions, replicas, revision, members, removed, endedBoots] =
    decoded.value;
  assert(format === FORMAT, `the members' snapshot has format ${format}, not ${FORMAT}`);
  assert(clusterId === null || typeof clusterId === "string", "a snapshot names its cluster");
  assert(typeof partitions === "number" && typeof replicas === "number", "P and R are numbers");
  assert(typeof revision === "number", "a snapshot has the revision of its members");
  assert(Array.isArray(members) && Array.isArray(removed), "a snapshot has lists of members");
  assert(Array.isArray(endedBoots), "a snapshot has a list of ended boots");
  return {
    clusterId,
    partitions,
    replicas,
    revision,
    members: new Map(members.map(decodeMember)),
    removed: removed.map((peer: unknown) => {
      assert(isPeerId(peer), "a removed member has an identity");
      return peer;
    }),
    endedBoots: endedBoots.map(([peer, bootId]: [unknown, unknown]) => {
      assert(isPeerId(peer) && typeof bootId === "string", "an ended boot has a peer and an id");
      return { peer, bootId };
    }),
  };
}

function decodeMember(value: unknown): readonly [PeerId, Member] {
  assert(Array.isArray(value), "a member is a list of fields");
  const [info, joinedAtMs, dead, draining] = value;
  const parsed = isRecord(info) ? parseMemberInfo(info) : null;
  assert(parsed !== null, "a member's fields are within their bounds");
  assert(typeof joinedAtMs === "number", "a member has the time at which it joined");
  assert(typeof dead === "boolean" && typeof draining === "boolean", "a member has its state");
  return [parsed.id, { ...parsed, joinedAtMs, dead, draining }];
}

/** In one order of keys, so that equal members encode alike. */
function plainInfo({ id, name, addresses, httpUrl, zone, bootId, version }: MemberInfo) {
  return { id, name, addresses, httpUrl, zone, bootId, version };
}
