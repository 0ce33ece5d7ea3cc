/**
 * The ring's JSON answers as the types that programs work with. What they say is what the ring wants, as the
 * peer that answers knows it.
 */
import type { PartitionedKind } from "../ring/partition_of.ts";
import type { Json } from "./answers.ts";

export interface PlacedPeer {
  readonly name: string;
  readonly id: string;
}

export interface RingKeyAnswer {
  readonly key: string;
  /** The name of the hash. */
  readonly hashFunction: string;
  /** Of the key alone: 0 .. 2^32 - 1. */
  readonly hash: number;
  /** The peers that the hash belongs to when it is put on the ring directly. */
  readonly preference: readonly PlacedPeer[];
  readonly kind: PartitionedKind;
  /** The partition of what has this name and kind. */
  readonly partition: number;
  readonly wantedReplicas: readonly PlacedPeer[];
  readonly preferredLeader: PlacedPeer | null;
}

export interface RingPeerAnswer extends PlacedPeer {
  readonly zone: string;
  /** 0: owns nothing. */
  readonly weight: number;
  readonly virtualNodes: number;
  /** Its part of all hashes, 0 .. 1. */
  readonly share: number;
  /** How many partitions are wanted on it. */
  readonly wantedReplicas: number;
  /** How many of them it should lead, and how many at most. */
  readonly preferredLeader: number;
  readonly preferredLeaderMax: number;
}

export interface PartitionAnswer {
  readonly partition: number;
  readonly hash: number;
  readonly wantedReplicas: readonly PlacedPeer[];
  readonly preferredLeader: PlacedPeer | null;
}

export interface RingAnswer {
  readonly hashFunction: string;
  /** R: on how many peers each partition is wanted, where there are so many. */
  readonly replicas: number;
  readonly peers: readonly RingPeerAnswer[];
  readonly partitions: readonly PartitionAnswer[];
}

export function toRingKey(json: Json): RingKeyAnswer {
  return {
    key: json["key"],
    hashFunction: json["hash_function"],
    hash: json["hash"],
    preference: json["preference"],
    kind: json["kind"],
    partition: json["partition"],
    wantedReplicas: json["wanted_replicas"],
    preferredLeader: json["preferred_leader"],
  };
}

export function toRing(json: Json): RingAnswer {
  return {
    hashFunction: json["hash_function"],
    replicas: json["replicas"],
    peers: json["peers"].map(toRingPeer),
    partitions: json["partitions"].map(toPartition),
  };
}

function toRingPeer(json: Json): RingPeerAnswer {
  return {
    name: json["name"],
    id: json["id"],
    zone: json["zone"],
    weight: json["weight"],
    virtualNodes: json["virtual_nodes"],
    share: json["share"],
    wantedReplicas: json["wanted_replicas"],
    preferredLeader: json["preferred_leader"],
    preferredLeaderMax: json["preferred_leader_max"],
  };
}

function toPartition(json: Json): PartitionAnswer {
  return {
    partition: json["partition"],
    hash: json["hash"],
    wantedReplicas: json["wanted_replicas"],
    preferredLeader: json["preferred_leader"],
  };
}
