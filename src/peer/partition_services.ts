/**
 * The services over the partitions at this peer: the queue, the event log and the cache. Each is one for all partitions, those without
 * a replica here included; what they need of a partition they ask its leader for.
 */
import { CACHE_TIMEOUTS } from "../cache/cache_edges.ts";
import { CACHE_TOPIC } from "../cache/post.ts";
import { CacheService } from "../cache/service.ts";
import type { SkeinError } from "../errors.ts";
import { EVENT_TIMEOUTS } from "../events/event_edges.ts";
import { EventService } from "../events/service.ts";
import type { Groups } from "../groups/groups.ts";
import { QUEUE_TIMEOUTS } from "../queue/queue_edges.ts";
import { QueueService } from "../queue/service.ts";
import type { PeerId } from "../raft/entry.ts";
import type { PeerEdges } from "./edges.ts";
import type { Partitions } from "./partitions.ts";

export interface PartitionServicesEdges {
  readonly peer: PeerEdges;
  readonly bootId: string;
  readonly groups: Groups;
  /** This peer's own replicas. */
  readonly partitions: Partitions;
  /** How many there are. @throws {SkeinError} UNAVAILABLE while it is not known here */
  count(): number;
  /** Null while it is not known here. */
  clusterId(): string | null;
}

export class PartitionServices {
  readonly queue: QueueService;
  readonly events: EventService;
  readonly cache: CacheService;

  /** All answer questions of other peers from now on. */
  constructor({ peer, bootId, groups, partitions, count, clusterId }: PartitionServicesEdges) {
    const { clock, random, logger } = peer;
    const shared = {
      self: peer.self,
      clock: peer.clock,
      logger: peer.logger,
      groups,
      replicaOf: (group: number) => partitions.replica(group) ?? null,
    };
    this.queue = new QueueService({
      ...shared,
      bootId,
      bounds: peer.queueBounds,
      timeouts: QUEUE_TIMEOUTS,
      get partitions() {
        return count();
      },
    });
    this.events = new EventService({
      ...shared,
      bounds: peer.eventBounds,
      timeouts: EVENT_TIMEOUTS,
      get partitions() {
        return count();
      },
    });
    this.cache = new CacheService({
      ...shared,
      transport: peer.transport,
      random: peer.random,
      electionTimeoutMs: peer.timing.electionTimeoutMinMs,
      bounds: peer.cacheBounds,
      flushIntervalMs: peer.cacheFlushIntervalMs,
      timeouts: CACHE_TIMEOUTS,
      front: peer.makeCacheFront?.({
        clock,
        random,
        logger,
        clusterId,
        get partitions() {
          return count();
        },
      }) ?? null,
      get partitions() {
        return count();
      },
    });
  }

  /** A replica of a partition came to be at this peer. */
  attach(group: number): void {
    this.queue.attach(group);
    this.events.attach(group);
    this.cache.attach(group);
  }

  /** This peer's replica was removed for good. */
  detach(group: number): void {
    this.queue.detach(group);
    this.events.detach(group);
    this.cache.detach(group);
  }

  /** A message of another peer. @returns whether it is for one of these services */
  receive(from: PeerId, topic: string, body: unknown): boolean {
    if (topic !== CACHE_TOPIC) return false;
    this.cache.receive(from, body);
    return true;
  }

  /** Nobody is answered here any more. @param reason what those are told who wait */
  close(reason: SkeinError): void {
    this.queue.close(reason);
    this.events.close(reason);
    this.cache.close(reason);
  }
}
