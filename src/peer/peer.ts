/**
 * A running peer as the layers above see it (`http/`, `cli/`, embedding programs). `start_peer.ts`
 * builds one from its configuration.
 */
import type { Cache } from "../cache/cache.ts";
import type { EventStatistics } from "../events/event_counters.ts";
import type { Events } from "../events/events.ts";
import type { Groups } from "../groups/groups.ts";
import type { Locks } from "../locks/locks.ts";
import type { Logger } from "../logger.ts";
import type { Members } from "../members/members.ts";
import type { TransportStatistics } from "../net/statistics.ts";
import type { Queue } from "../queue/queue.ts";
import type { QueueStatistics } from "../queue/queue_counters.ts";
import type { DriverCounts } from "../placement/driver.ts";
import type { PlacementView } from "../placement/placement_view.ts";
import type { StorageStatistics } from "../storage/storage.ts";

/** Each reason is one sentence, e.g. "storage failed: ENOSPC on …"; none: healthy. */
export interface HealthReport {
  readonly healthy: boolean;
  readonly reasons: readonly string[];
}

export interface Peer {
  readonly name: string;
  /** ed25519 public key in hex. */
  readonly id: string;
  readonly version: string;
  readonly startedAt: string;
  /** Where other peers can dial this one: host:port. Known before any cluster is. */
  readonly addresses: readonly string[];
  readonly locks: Locks;
  readonly members: Members;
  readonly queue: Queue;
  readonly cache: Cache;
  readonly events: Events;
  readonly groups: Groups;
  readonly logger: Logger;
  /** Storage is sound, and group 0 and each local replica know a leader. */
  health(): HealthReport;
  /** Healthy, what was committed before is applied, and not draining. */
  ready(): HealthReport;
  /** Whether it is about to stop. */
  readonly draining: boolean;
  storageStatistics(): StorageStatistics | null;
  /** Counters of the transport: handshakes refused by reason, bytes, reconnects. */
  transportStatistics(): TransportStatistics;
  /** Where the partitions are, as the system leader last told; null where it has not for a while. */
  readonly placement: PlacementView | null;
  /** What this peer has moved itself, as the system leader. */
  readonly placementCounts: DriverCounts;
  /** How many locks there are, of this peer's own replica; for metrics. Takes constant time. */
  lockStatistics(): LockStatistics;
  /** What this peer knows of the queue without asking; for metrics. */
  queueStatistics(): QueueStatistics;
  /** The same of its events. Takes time that grows with the topics in the partitions that it leads. */
  eventStatistics(): EventStatistics;
  /**
   * The first half of stopping: it is no longer ready, leadership of what it leads goes to others, and acquires and
   * consumers that wait here are sent elsewhere. Whatever else is asked is answered as ever. Takes 2 s at most, quorum or not.
   */
  drain(): Promise<void>;
  /** Drains where that did not happen, and stops: who still waits is told so. Within 4 s, quorum or not. */
  stop(): Promise<void>;
}

export interface LockStatistics {
  /** Grants in force. */
  readonly held: number;
  readonly waiting: number;
}

export type { TransportStatistics };
