/**
 * What was counted at this peer since it started, for metrics: what was published through it, and what it read for
 * others. So the sums over all peers are those of the cluster; those that last are in the partitions (`EventStats`).
 */
export class EventCounters {
  received = 0;
  stored = 0;
  duplicates = 0;
  /** Events of pages and streams that were answered. */
  read = 0;
  /** Events that retention took away in partitions that this peer led, and ids that were forgotten there. */
  trimmed = 0;
  forgotten = 0;
}

/** What a peer tells of its events, for metrics. */
export interface EventStatistics extends Readonly<EventCounters> {
  /** Events, and ids that are remembered, in the partitions that this peer leads. */
  readonly events: number;
  readonly identities: number;
  /** Readers that are held open at this peer. */
  readonly tails: number;
}
