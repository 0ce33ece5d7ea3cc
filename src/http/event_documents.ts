/**
 * Topics of events and their sums as HTTP answers and the command line's `--json` show them. Apart from the routes, so
 * that the command line need not load them.
 */
import type { EventStats, EventTopic } from "../events/events.ts";

export function eventTopicDocument(topic: EventTopic) {
  return {
    topic: topic.topic,
    first_offset: topic.firstOffset,
    next_offset: topic.nextOffset,
    bytes: topic.bytes,
    received: topic.received,
    unique: topic.unique,
    duplicates: topic.duplicates,
  };
}

/** @param uptimeSeconds of the peer that answers */
export function eventStatsDocument(stats: EventStats, uptimeSeconds: number) {
  return {
    uptime: uptimeSeconds,
    topics: stats.topics,
    total_events_received: stats.received,
    total_unique_events_processed: stats.unique,
    total_duplicate_events_dropped: stats.duplicates,
    events: stats.events,
    bytes: stats.bytes,
    identities: stats.identities,
  };
}
