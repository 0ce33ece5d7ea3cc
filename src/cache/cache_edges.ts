/**
 * What the cache is handed: the groups, this peer's own replicas of partitions, time, chance, and what the peer was
 * configured with. Its homes and its lines take it alike.
 */
import type { Clock } from "../clock.ts";
import type { Groups, RequestKey } from "../groups/groups.ts";
import type { ValueReader } from "../groups/values.ts";
import type { Logger } from "../logger.ts";
import type { Transport } from "../net/transport.ts";
import type { PeerId } from "../raft/entry.ts";
import type { Random } from "../random.ts";
import { partitionOf } from "../ring/partition_of.ts";
import type { CacheFront } from "./cache_front.ts";
import type { CacheMachine } from "./machine.ts";

/** A partition's replica at this peer. */
export interface CacheReplica {
  readonly cache: CacheMachine;
  readonly values: ValueReader;
  /** Whether a request of this id was executed, as far as this replica has applied. */
  remembers(request: RequestKey): boolean;
}

export interface CacheTimeouts {
  /** How long a command may take until it is committed. A home then proposes it again. */
  readonly proposeMs: number;
  /** How long what is asked of a home may take. */
  readonly askMs: number;
}

export const CACHE_TIMEOUTS: CacheTimeouts = { proposeMs: 10_000, askMs: 10_000 };

export interface CacheEdges {
  readonly groups: Groups;
  readonly transport: Pick<Transport, "send">;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly self: PeerId;
  /** How many there are, for ever. */
  readonly partitions: number;
  /** The minimum one, alike on every peer: all leases are parts of it. */
  readonly electionTimeoutMs: number;
  readonly timeouts: CacheTimeouts;
  /** What the cache stands in front of, until it is closed; null, or absent: its own replicated state. */
  readonly front?: CacheFront | null;
  /** Null where this peer has no replica of the group. */
  replicaOf(group: number): CacheReplica | null;
}

/** The group in which this key lies. */
export function groupOfKey({ partitions }: Pick<CacheEdges, "partitions">, key: string): number {
  return partitionOf("cache", key, partitions);
}
