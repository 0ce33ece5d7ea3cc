/**
 * What was counted at this peer since it started, for metrics: what it was asked for, and, of the partitions that it
 * led, what time did to messages. So the sums over all peers are those of the cluster, and none ever goes back.
 */
export class QueueCounters {
  published = 0;
  duplicates = 0;
  delivered = 0;
  /** Nobody received them. */
  handedBack = 0;
  acknowledged = 0;
  refused = 0;
  /** Deliveries that were not acknowledged in time. */
  redelivered = 0;
  deadLettered = 0;
}

/** What a peer tells of its queue, for metrics. */
export interface QueueStatistics extends Readonly<QueueCounters> {
  /** Messages of any state in the partitions that this peer leads. */
  readonly messages: number;
  /** Consumers whose requests wait at this peer. */
  readonly consumers: number;
  /** Consumers of all peers that wait for lanes that this peer leads. */
  readonly waiting: number;
}
