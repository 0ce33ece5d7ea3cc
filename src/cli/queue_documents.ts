/**
 * What the commands of the queue print for scripts: the fields of HTTP's answers, times in seconds. Data stays as it
 * was published, its fields are nobody's to rename.
 */
import type { DeadLetter, Delivery, SettleResult, TopicView } from "../client/mod.ts";

type Document = Readonly<Record<string, unknown>>;

export function topicDocument(view: TopicView): Document {
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

export function deliveryDocument(delivery: Delivery): Document {
  return {
    id: delivery.id,
    data: delivery.data,
    receipt: delivery.receipt,
    attempts: delivery.attempts,
    priority: delivery.priority,
    key: delivery.key,
    published_at: delivery.publishedAt,
    visible_until: delivery.visibleUntil,
  };
}

export function deadLetterDocument(letter: DeadLetter): Document {
  return {
    id: letter.id,
    data: letter.data,
    attempts: letter.attempts,
    reason: letter.reason,
    priority: letter.priority,
    published_at: letter.publishedAt,
    dead_at: letter.deadAt,
  };
}

export function settleDocument(result: SettleResult): Document {
  return result.ok ? { success: true } : { success: false, error: result.code };
}
