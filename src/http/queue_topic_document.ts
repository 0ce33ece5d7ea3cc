/**
 * A topic as HTTP answers and the command line's `--json` show it: times in seconds. Apart from the routes, so that
 * the command line need not load them.
 */
import type { TopicView } from "../queue/queue.ts";

export function topicDocument(view: TopicView) {
  const { totals } = view;
  return {
    topic: view.topic,
    lanes: view.lanes,
    visibility: view.visibilityMs / 1000,
    max_attempts: view.maxAttempts,
    dedup_window: view.dedupWindowMs / 1000,
    backoff: view.backoffMs.map((delayMs) => delayMs / 1000),
    paused: view.paused,
    ready: view.ready,
    in_flight: view.inFlight,
    delayed: view.delayed,
    dead: view.dead,
    bytes: view.bytes,
    oldest_age: view.oldestAgeMs === null ? null : view.oldestAgeMs / 1000,
    totals: {
      published: totals.published,
      duplicates: totals.duplicates,
      delivered: totals.delivered,
      redelivered: totals.redelivered,
      acknowledged: totals.acknowledged,
      dead_lettered: totals.deadLettered,
      expired: totals.expired,
      purged: totals.purged,
      requeued: totals.requeued,
      dedup_evicted: totals.dedupEvicted,
    },
    rates: view.rates,
  };
}
