/**
 * The queue's JSON answers as the types that programs work with: data as the JSON value that it is, names in
 * camelCase, times in milliseconds. One function for each shape.
 */
import type { Json } from "./answers.ts";
import type { SettleResult, TopicView } from "../queue/queue.ts";

export type { SettleResult };

export interface Published {
  readonly id: string;
  /** Whether this id was published before, within the topic's window: then nothing was added. */
  readonly duplicate: boolean;
}

export interface Delivery {
  readonly id: string;
  /** As it was published: any JSON value. */
  readonly data: unknown;
  /** Names this delivery, and no other one of the same message. */
  readonly receipt: string;
  /** 1 at the first delivery. */
  readonly attempts: number;
  readonly priority: number;
  readonly key: string | null;
  /** ISO 8601; hints, because the cluster keeps its own time. */
  readonly publishedAt: string;
  readonly visibleUntil: string;
}

export interface DeadLetter {
  readonly id: string;
  readonly data: unknown;
  readonly attempts: number;
  /** Why it died: `max_attempts`, or what its last nack said. */
  readonly reason: string;
  readonly priority: number;
  readonly publishedAt: string;
  readonly deadAt: string;
}

export function toPublished(json: Json): Published {
  return { id: json["id"], duplicate: json["duplicate"] };
}

export function toDelivery(json: Json): Delivery {
  return {
    id: json["id"],
    data: json["data"],
    receipt: json["receipt"],
    attempts: json["attempts"],
    priority: json["priority"],
    key: json["key"],
    publishedAt: json["published_at"],
    visibleUntil: json["visible_until"],
  };
}

export function toSettleResult(json: Json): SettleResult {
  return json["success"] === true ? { ok: true } : { ok: false, code: json["error"] };
}

export function toDeadLetter(json: Json): DeadLetter {
  return {
    id: json["id"],
    data: json["data"],
    attempts: json["attempts"],
    reason: json["reason"],
    priority: json["priority"],
    publishedAt: json["published_at"],
    deadAt: json["dead_at"],
  };
}

export function toTopic(json: Json): TopicView {
  const { totals } = json;
  return {
    topic: json["topic"],
    lanes: json["lanes"],
    visibilityMs: toMs(json["visibility"]),
    maxAttempts: json["max_attempts"],
    dedupWindowMs: toMs(json["dedup_window"]),
    backoffMs: json["backoff"].map(toMs),
    paused: json["paused"],
    ready: json["ready"],
    inFlight: json["in_flight"],
    delayed: json["delayed"],
    dead: json["dead"],
    bytes: json["bytes"],
    oldestAgeMs: json["oldest_age"] === null ? null : toMs(json["oldest_age"]),
    totals: {
      published: totals.published,
      duplicates: totals.duplicates,
      delivered: totals.delivered,
      redelivered: totals.redelivered,
      acknowledged: totals.acknowledged,
      deadLettered: totals.dead_lettered,
      expired: totals.expired,
      purged: totals.purged,
      requeued: totals.requeued,
      dedupEvicted: totals.dedup_evicted,
    },
    rates: json["rates"],
  };
}

/** Times are whole milliseconds, whatever a fraction of a second made of them. */
function toMs(seconds: number): number {
  return Math.round(seconds * 1000);
}
