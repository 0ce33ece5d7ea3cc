/**
 * The cluster's JSON answers as the types that programs work with: names in camelCase, times in
 * milliseconds. One function for each shape.
 */
import type { HolderView, LockMode, LockView, WaiterView, WaitForEdge } from "../locks/locks.ts";
import type { Liveness, MemberView } from "../members/members.ts";
import type { Role } from "../raft/ready.ts";

/** A JSON object as it came in. Each function below names the fields that it takes from it. */
// deno-lint-ignore no-explicit-any -- the shape is what our own server documents in /openapi.json
export type Json = Record<string, any>;

export interface HealthAnswer {
  readonly healthy: boolean;
  readonly name: string;
  readonly version: string;
  readonly startedAt: string;
  /** In the system group; null before it exists. */
  readonly role: Role | null;
  readonly leader: string | null;
  readonly term: number;
  readonly reasons: readonly string[];
}

export interface GroupSummary {
  readonly group: number;
  readonly leader: string | null;
  readonly term: number;
  readonly role: Role;
  readonly voters: readonly string[];
}

/** A replica that is being built. */
export interface MoveAnswer {
  readonly partition: number;
  /** Whose place it takes; null: nobody's. */
  readonly from: string | null;
  readonly to: string;
  /** Committed entries that it is not known to have yet. */
  readonly missingEntries: number;
}

/** A partition without a leader: it can be neither read nor written now. */
export interface UnavailableAnswer {
  readonly partition: number;
  /** Its voters, as far as a replica that answers knows them. */
  readonly replicas: readonly string[];
  readonly answering: readonly string[];
}

/** Where the partitions are. Peers are named. */
export interface PlacementAnswer {
  /** The system leader, which places them. */
  readonly driver: string;
  /** Partitions that have a leader. */
  readonly led: number;
  readonly replicasWanted: number;
  /** Those that are there, on whichever peer that answers. */
  readonly replicasPresent: number;
  /** Partitions whose replicas or leader are not as the ring wants. */
  readonly deviating: number;
  readonly moves: readonly MoveAnswer[];
  readonly unavailable: readonly UnavailableAnswer[];
}

export interface AddedAnswer {
  readonly member: string;
  readonly id: string;
  /** Whether it was a member already. */
  readonly wasMember: boolean;
}

/** How a peer talks to another. */
export interface ConnectionAnswer {
  readonly way: "tcp" | "swarm";
  /** How it came to know the other; empty: the other dialled it. */
  readonly foundBy: readonly ("list" | "members" | "swarm")[];
  /** Null: not measured yet. */
  readonly roundTripMs: number | null;
  /** Packets that were sent again; null for TCP. */
  readonly retransmissions: number | null;
  /** Packets that may be on their way at once; null for TCP. */
  readonly congestionWindow: number | null;
}

export interface MemberAnswer extends MemberView {
  /** Partitions that it has a replica of; null where this is not known now. */
  readonly replicas: number | null;
  /** Whether it is the peer that answers. */
  readonly self: boolean;
  /** How the peer that answers talks to it; null where it does not. */
  readonly connection: ConnectionAnswer | null;
}

export interface ClusterAnswer {
  readonly clusterId: string | null;
  readonly partitions: number;
  readonly replicas: number;
  readonly members: readonly MemberAnswer[];
  readonly groups: readonly GroupSummary[];
  /** As the system leader last told; null where it has not lately. */
  readonly placement: PlacementAnswer | null;
  readonly warnings: readonly string[];
}

export interface SelfAnswer {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly clusterId: string | null;
  readonly addresses: readonly string[];
}

export interface RaftFollower {
  readonly name: string;
  readonly state: "probe" | "replicate" | "snapshot";
  readonly matchIndex: number;
  readonly nextIndex: number;
  readonly active: boolean;
}

export interface RaftState {
  readonly group: number;
  /** The peer that answered. */
  readonly name: string;
  readonly role: Role;
  readonly term: number;
  readonly leader: string | null;
  readonly commitIndex: number;
  readonly lastApplied: number;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly logLength: number;
  readonly snapshotIndex: number | null;
  readonly asleep: boolean;
  readonly voters: readonly string[];
  readonly learners: readonly string[];
  /** Progress of the followers; empty but on a leader. */
  readonly peers: readonly RaftFollower[];
}

export interface SnapshotAnswer {
  readonly group: number;
  readonly index: number;
  readonly term: number;
  readonly sizeBytes: number;
}

export function toHolder(json: Json): HolderView {
  return {
    owner: json["owner"],
    mode: json["mode"] as LockMode,
    fencingToken: json["fencing_token"],
    acquiredAt: json["acquired_at"],
    expiresAt: json["expires_at"],
  };
}

function toWaiter(json: Json): WaiterView {
  return { owner: json["owner"], mode: json["mode"], waitingSince: json["waiting_since"] };
}

export function toLock(json: Json): LockView {
  return {
    resource: json["resource"],
    holders: json["holders"].map(toHolder),
    waiters: json["waiters"].map(toWaiter),
  };
}

export function toEdge(json: Json): WaitForEdge {
  return { owner: json["owner"], resource: json["resource"], holders: json["holders"] };
}

/** @param healthy whether the status was 200 */
export function toHealth(healthy: boolean, json: Json): HealthAnswer {
  return {
    healthy,
    name: json["node_id"],
    version: json["version"],
    startedAt: json["started_at"],
    role: json["role"],
    leader: json["leader"],
    term: json["term"],
    reasons: json["reasons"],
  };
}

function toMember(json: Json): MemberAnswer {
  return {
    id: json["id"],
    name: json["name"],
    addresses: json["addresses"],
    httpUrl: json["http_url"],
    zone: json["zone"],
    state: json["state"] as Liveness,
    draining: json["draining"] ?? false,
    role: json["role"],
    leads: json["leads"],
    replicas: json["replicas"] ?? null,
    self: json["self"],
    connection: toConnection(json["connection"] ?? null),
  };
}

/** @param json absent in the answers of older peers */
function toConnection(json: Json | null): ConnectionAnswer | null {
  if (json === null) return null;
  return {
    way: json["way"],
    foundBy: json["found_by"],
    roundTripMs: json["round_trip_ms"],
    retransmissions: json["retransmissions"],
    congestionWindow: json["congestion_window"],
  };
}

function toPlacement(json: Json): PlacementAnswer {
  return {
    driver: json["driver"],
    led: json["led"],
    replicasWanted: json["replicas_wanted"],
    replicasPresent: json["replicas_present"],
    deviating: json["deviating"],
    moves: json["moves"].map((move: Json) => ({
      partition: move["partition"],
      from: move["from"],
      to: move["to"],
      missingEntries: move["missing_entries"],
    })),
    unavailable: json["unavailable"],
  };
}

export function toAdded(json: Json): AddedAnswer {
  return { member: json["member"], id: json["id"], wasMember: json["was_member"] };
}

export function toCluster(json: Json): ClusterAnswer {
  return {
    clusterId: json["cluster_id"],
    partitions: json["partitions"],
    replicas: json["replicas"],
    members: json["members"].map(toMember),
    groups: json["groups"],
    // An older peer says nothing of it.
    placement: json["placement"] ? toPlacement(json["placement"]) : null,
    warnings: json["warnings"],
  };
}

export function toSelf(json: Json): SelfAnswer {
  return {
    id: json["id"],
    name: json["name"],
    version: json["version"],
    clusterId: json["cluster_id"],
    addresses: json["addresses"],
  };
}

function toFollower(json: Json): RaftFollower {
  return {
    name: json["name"],
    state: json["state"],
    matchIndex: json["match_index"],
    nextIndex: json["next_index"],
    active: json["active"],
  };
}

export function toRaftState(json: Json): RaftState {
  return {
    group: json["group"],
    name: json["node_id"],
    role: json["role"],
    term: json["term"],
    leader: json["leader"],
    commitIndex: json["commit_index"],
    lastApplied: json["last_applied"],
    firstIndex: json["first_index"],
    lastIndex: json["last_index"],
    logLength: json["log_length"],
    snapshotIndex: json["snapshot_index"],
    asleep: json["asleep"],
    voters: json["voters"],
    learners: json["learners"],
    peers: json["peers"].map(toFollower),
  };
}

export function toSnapshot(json: Json): SnapshotAnswer {
  return {
    group: json["group"],
    index: json["index"],
    term: json["term"],
    sizeBytes: json["size_bytes"],
  };
}
