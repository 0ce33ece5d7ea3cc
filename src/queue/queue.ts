/**
 * The work queue as its callers see it: HTTP, the command line and embedding programs. At-least-once: an
 * acknowledged publish is delivered until somebody acknowledges the delivery, or it becomes a dead letter, or
 * its time is over. `service.ts` implements it over the partitions; the rules are in `machine.ts`.
 */
import type { RequestKey } from "../groups/groups.ts";

export interface PublishItem {
  /** The caller's own id; null: the partition gives one. Seen within the window: a duplicate. */
  readonly id: string | null;
  /** Chooses the lane where the topic has several; null: the id does, else any. */
  readonly key: string | null;
  /** JSON text in UTF-8, as it will be delivered. */
  readonly data: Uint8Array;
  /** 0..9, 9 is delivered first. */
  readonly priority: number;
  readonly delayMs: number;
  /** Null: for ever. Not delivered any more once it is over, and counted as expired. */
  readonly ttlMs: number | null;
}

export interface PublishRequest {
  readonly topic: string;
  /** At least one; all of one topic. */
  readonly items: readonly PublishItem[];
  readonly request: RequestKey | null;
}

export type PublishedItem =
  | { readonly ok: true; readonly id: string; readonly duplicate: boolean }
  /** Of a batch over several partitions this part failed; its retry with ids is safe. */
  | { readonly ok: false; readonly code: string; readonly message: string };

export interface ConsumeRequest {
  readonly topic: string;
  /** A name for stats and fairness; null: anonymous. */
  readonly consumer: string | null;
  readonly max: number;
  readonly waitMs: number;
  /** Null: the topic's. */
  readonly visibilityMs: number | null;
  readonly request: RequestKey | null;
  /** Aborted when nobody can receive the answer: what was delivered to it is handed back at once. */
  readonly signal: AbortSignal | null;
}

export interface Delivery {
  readonly id: string;
  readonly data: Uint8Array;
  readonly receipt: string;
  /** 1 at the first delivery. */
  readonly attempts: number;
  readonly priority: number;
  readonly key: string | null;
  /** ISO 8601, hints: deadlines are in group time. */
  readonly publishedAt: string;
  readonly visibleUntil: string;
}

/** One delivery that is meant: by receipt, or by message id alone, which means the current delivery. */
export interface DeliveryName {
  readonly id: string | null;
  readonly receipt: string | null;
}

export type SettleResult =
  | { readonly ok: true }
  /** No such message: acknowledged before, expired, purged, or never there. */
  | { readonly ok: false; readonly code: "NOT_FOUND" }
  /** It was delivered again since, or handed back: this receipt means nothing any more. */
  | { readonly ok: false; readonly code: "STALE_RECEIPT" };

export interface SettleRequest {
  readonly topic: string;
  readonly deliveries: readonly DeliveryName[];
  readonly request: RequestKey | null;
}

export interface TopicOptions {
  /** Fixed when the topic is created. */
  readonly lanes: number;
  readonly visibilityMs: number;
  /** Deliveries after which a message becomes a dead letter; 0: never. */
  readonly maxAttempts: number;
  readonly dedupWindowMs: number;
  /** Delay of the n-th nack that names none; the last one repeats; empty: at once. */
  readonly backoffMs: readonly number[];
  /** Publishing goes on, delivering does not. */
  readonly paused: boolean;
}

export interface TopicView extends TopicOptions {
  readonly topic: string;
  readonly ready: number;
  readonly inFlight: number;
  readonly delayed: number;
  readonly dead: number;
  readonly bytes: number;
  /** Of the oldest message that is ready; null where none is. */
  readonly oldestAgeMs: number | null;
  /** Since the topic was created. */
  readonly totals: TopicTotals;
  readonly rates: TopicRates;
}

/** Messages a second, over the last minute or a little less. */
export interface TopicRates {
  readonly published: number;
  readonly delivered: number;
  readonly acknowledged: number;
}

export interface TopicTotals {
  readonly published: number;
  readonly duplicates: number;
  readonly delivered: number;
  /** Deliveries that were not acknowledged: the message went back to be delivered again. */
  readonly redelivered: number;
  readonly acknowledged: number;
  readonly deadLettered: number;
  /** Their ttl was over before anybody acknowledged them. */
  readonly expired: number;
  readonly purged: number;
  /** Dead letters that were put back. */
  readonly requeued: number;
  /** Ids that left the deduplication window early because it was full. */
  readonly dedupEvicted: number;
}

export interface DeadLetter {
  readonly id: string;
  readonly data: Uint8Array;
  readonly attempts: number;
  readonly reason: string;
  readonly priority: number;
  readonly publishedAt: string;
  readonly deadAt: string;
}

export interface ReadOptions {
  readonly stale: boolean;
}

/** All methods reject with `SkeinError` where the cluster could not answer (see `Groups.propose`). */
export interface Queue {
  /** Creates the topic with defaults where it is not there. One result an item, in order. */
  publish(request: PublishRequest): Promise<readonly PublishedItem[]>;
  /** Creates the topic too. Empty after `waitMs` without a message. */
  consume(request: ConsumeRequest): Promise<readonly Delivery[]>;
  /** The rest rejects with NOT_FOUND where the topic is unknown. One result a delivery, in order. */
  acknowledge(request: SettleRequest): Promise<readonly SettleResult[]>;
  /** @param request.delayMs null: the topic's back-off */
  refuse(
    request: SettleRequest & { readonly delayMs: number | null; readonly reason: string | null },
  ): Promise<readonly SettleResult[]>;
  /** The visibility timeout of these deliveries begins anew. @param request.visibilityMs null: the topic's */
  extend(
    request: SettleRequest & { readonly visibilityMs: number | null },
  ): Promise<readonly SettleResult[]>;
  /** Creates or changes a topic; what is null stays, or is the default. CONFLICT: other lanes than it has. */
  configure(
    topic: string,
    options: { readonly [K in keyof TopicOptions]: TopicOptions[K] | null },
    request: RequestKey | null,
  ): Promise<TopicView>;
  stats(topic: string, options: ReadOptions): Promise<TopicView>;
  /** In order of name. */
  topics(options: ReadOptions): Promise<readonly TopicView[]>;
  /**
   * Oldest first, lane by lane. A page may have fewer than `max` though there are more: an empty one is the last.
   * @param page.after the id of the last one of the page before; null: from the beginning. CONFLICT where that is no
   * dead letter any more
   */
  dead(
    topic: string,
    page: { readonly max: number; readonly after: string | null },
    options: ReadOptions,
  ): Promise<readonly DeadLetter[]>;
  /**
   * Puts dead letters back behind what is ready, with no attempts counted.
   * @param ids null: all, at most `ratePerSecond` a second where that is given
   * @returns how many were put back
   */
  requeue(
    topic: string,
    which: { readonly ids: readonly string[] | null; readonly ratePerSecond: number | null },
    request: RequestKey | null,
    signal: AbortSignal | null,
  ): Promise<number>;
  /** Removes messages, and their ids' memory stays. @returns how many */
  purge(
    topic: string,
    what: "ready" | "dead" | "all",
    request: RequestKey | null,
  ): Promise<number>;
}
