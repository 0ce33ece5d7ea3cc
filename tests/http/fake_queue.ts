/**
 * A queue for tests of the HTTP face: it answers as it is told and remembers what it was asked.
 */
import type {
  ConsumeRequest,
  DeadLetter,
  Delivery,
  PublishedItem,
  PublishRequest,
  Queue,
  SettleRequest,
  SettleResult,
  TopicView,
} from "../../src/queue/queue.ts";

const encoder = new TextEncoder();

export const TOPIC: TopicView = {
  topic: "orders",
  lanes: 4,
  visibilityMs: 30_000,
  maxAttempts: 16,
  dedupWindowMs: 300_000,
  backoffMs: [100, 2_500],
  paused: false,
  ready: 5,
  inFlight: 2,
  delayed: 1,
  dead: 3,
  bytes: 1_234,
  oldestAgeMs: 1_500,
  totals: {
    published: 20,
    duplicates: 1,
    delivered: 12,
    redelivered: 4,
    acknowledged: 9,
    deadLettered: 3,
    expired: 2,
    purged: 6,
    requeued: 7,
    dedupEvicted: 8,
  },
  rates: { published: 1.5, delivered: 2, acknowledged: 0 },
};

/** A delivery of these bytes. */
export function delivery(data: string, changes: Partial<Delivery> = {}): Delivery {
  return {
    id: "skein-3-0-17",
    data: encoder.encode(data),
    receipt: "3-0-17-21",
    attempts: 1,
    priority: 0,
    key: null,
    publishedAt: "2026-01-01T00:00:00.000Z",
    visibleUntil: "2026-01-01T00:00:30.000Z",
    ...changes,
  };
}

type Asked = Readonly<Record<string, unknown>>;

export class FakeQueue implements Queue {
  readonly publishes: PublishRequest[] = [];
  readonly consumes: ConsumeRequest[] = [];
  /** All other calls: the method's name and what it was given. */
  readonly others: (readonly [string, Asked])[] = [];
  publishWith: (request: PublishRequest) => Promise<readonly PublishedItem[]> = ({ items }) =>
    Promise.resolve(
      items.map(({ id }, place) => ({
        ok: true,
        id: id ?? `skein-3-0-${place}`,
        duplicate: false,
      })),
    );
  consumeWith: (request: ConsumeRequest) => Promise<readonly Delivery[]> = () =>
    Promise.resolve([]);
  settleWith: (request: SettleRequest) => Promise<readonly SettleResult[]> = ({ deliveries }) =>
    Promise.resolve(deliveries.map(() => ({ ok: true })));
  view: () => Promise<TopicView> = () => Promise.resolve(TOPIC);
  letters: readonly DeadLetter[] = [];

  publish(request: PublishRequest) {
    this.publishes.push(request);
    return this.publishWith(request);
  }
  consume(request: ConsumeRequest) {
    this.consumes.push(request);
    return this.consumeWith(request);
  }
  acknowledge(request: SettleRequest) {
    this.others.push(["acknowledge", { ...request }]);
    return this.settleWith(request);
  }
  refuse(request: SettleRequest) {
    this.others.push(["refuse", { ...request }]);
    return this.settleWith(request);
  }
  extend(request: SettleRequest) {
    this.others.push(["extend", { ...request }]);
    return this.settleWith(request);
  }
  configure(topic: string, options: unknown, request: unknown) {
    this.others.push(["configure", { topic, options, request }]);
    return this.view();
  }
  stats(topic: string, options: { readonly stale: boolean }) {
    this.others.push(["stats", { topic, ...options }]);
    return this.view();
  }
  topics(options: { readonly stale: boolean }) {
    this.others.push(["topics", { ...options }]);
    return this.view().then((view) => [view]);
  }
  dead(topic: string, page: unknown, options: { readonly stale: boolean }) {
    this.others.push(["dead", { topic, page, ...options }]);
    return Promise.resolve(this.letters);
  }
  requeue(topic: string, which: unknown, request: unknown, signal: AbortSignal | null) {
    this.others.push(["requeue", { topic, which, request, hasSignal: signal !== null }]);
    return Promise.resolve(3);
  }
  purge(topic: string, what: string, request: unknown) {
    this.others.push(["purge", { topic, what, request }]);
    return Promise.resolve(8);
  }
}
