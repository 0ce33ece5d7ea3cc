/**
 * The work queue, as a program uses it. Reached as `client.queue`; what it guarantees is said in the design,
 * "Queue". Times go in and out in milliseconds here, and in seconds on the wire. Data is any JSON value.
 */
import type { Json } from "./answers.ts";
import type { CallOptions, ReadOptions, WriteOptions } from "./lock_client.ts";
import {
  type DeadLetter,
  type Delivery,
  type Published,
  type SettleResult,
  toDeadLetter,
  toDelivery,
  toPublished,
  toSettleResult,
  toTopic,
} from "./queue_answers.ts";
import type { Call, Requester } from "./requester.ts";
import type { TopicOptions, TopicView } from "../queue/queue.ts";

/** Purging and putting back work slice by slice, and answer at the end. */
const SLICED_ANSWER_MS = 300_000;
/** Putting back at a rate takes as long as it takes. */
const PACED_ANSWER_MS = 86_400_000;

/** How a message is published. */
export interface MessageOptions {
  /** The caller's own id: published again within the topic's window, it is a duplicate. */
  readonly id?: string;
  /** Messages of one key keep their order where the topic has several lanes. */
  readonly key?: string;
  /** 0 .. 9, 9 is delivered first; 0 where absent. */
  readonly priority?: number;
  /** Not delivered before; 0 where absent. */
  readonly delayMs?: number;
  /** Not delivered after; for ever where absent. */
  readonly ttlMs?: number;
}

export interface PublishItem extends MessageOptions {
  readonly data: unknown;
}

export interface ConsumeOptions extends CallOptions {
  /** A name for fairness among consumers; the client's own where absent. */
  readonly consumer?: string;
  /** Deliveries at most; 1 where absent. */
  readonly max?: number;
  /** How long to wait for a first message; 0 where absent: not at all. */
  readonly waitMs?: number;
  /** How long before what is not acknowledged is delivered again; the topic's where absent. */
  readonly visibilityMs?: number;
}

/** Which delivery is meant: by receipt, or by id alone, which means the current one. A `Delivery` is one. */
export interface DeliveryName {
  readonly id?: string;
  readonly receipt?: string;
}

export interface NackOptions extends WriteOptions {
  /** Not delivered again before; the topic's back-off where absent. */
  readonly delayMs?: number;
  /** Shown with the dead letter that it may become. */
  readonly reason?: string;
}

export interface DeadOptions extends ReadOptions {
  /** 100 where absent. */
  readonly max?: number;
  /** The id of the last dead letter of the page before. */
  readonly after?: string;
}

export interface RequeueOptions extends WriteOptions {
  /** All where absent. */
  readonly ids?: readonly string[];
  /** How many a second at most; as fast as they can where absent. */
  readonly ratePerSecond?: number;
}

export class QueueClient {
  readonly #requester: Requester;
  readonly #consumer: string;

  /** @param consumer who consumes where a call names nobody */
  constructor(requester: Requester, consumer: string) {
    this.#requester = requester;
    this.#consumer = consumer;
  }

  /**
   * Publishes a message; its topic comes to be with the first one.
   * @param data any JSON value
   * @throws {SkeinError} by rejection: TOO_MANY_REQUESTS where the topic is full, INVALID, PAYLOAD_TOO_LARGE,
   * OUTCOME_UNKNOWN, …
   */
  async publish(
    topic: string,
    data: unknown,
    options: MessageOptions & WriteOptions = {},
  ): Promise<Published> {
    const body = { topic, ...itemBody({ ...options, data }) };
    return toPublished(await this.#write("/queue/publish", options, body));
  }

  /**
   * Publishes several messages of one topic. Of a topic with one lane it is all or none.
   * @returns one result an item, in their order
   * @throws {SkeinError} by rejection, as `publish`; PARTIAL_FAILURE (with `details.results`, one an item) where only
   * some could be published: those with ids are safe to publish again
   */
  async publishBatch(
    topic: string,
    items: readonly PublishItem[],
    options: WriteOptions = {},
  ): Promise<readonly Published[]> {
    const body = { topic, messages: items.map(itemBody) };
    return (await this.#write("/queue/publish", options, body))["results"].map(toPublished);
  }

  /**
   * Takes messages: highest priority first, then in order. Each must be acknowledged within its visibility timeout.
   * @returns up to `max`; none after `waitMs` without a message
   */
  async consume(topic: string, options: ConsumeOptions = {}): Promise<readonly Delivery[]> {
    const { consumer = this.#consumer, max = 1, waitMs = 0, visibilityMs } = options;
    const body = {
      topic,
      consumer,
      max,
      ...(visibilityMs === undefined ? {} : { visibility: visibilityMs / 1000 }),
    };
    const wait = { field: "wait", ms: waitMs } as const;
    return (await this.#write("/queue/consume", options, body, { wait }))["messages"]
      .map(toDelivery);
  }

  /**
   * Done with these: they are not delivered again.
   * @returns one result a delivery, in their order
   * @throws {SkeinError} by rejection: NOT_FOUND where the topic is unknown, …
   */
  ack(
    topic: string,
    deliveries: readonly DeliveryName[],
    options: WriteOptions = {},
  ): Promise<readonly SettleResult[]> {
    return this.#settle("/queue/ack", topic, deliveries, options, {});
  }

  /** Hands deliveries back, to be delivered again after a while. Returns and throws as `ack`. */
  nack(
    topic: string,
    deliveries: readonly DeliveryName[],
    options: NackOptions = {},
  ): Promise<readonly SettleResult[]> {
    const { delayMs, reason } = options;
    return this.#settle("/queue/nack", topic, deliveries, options, {
      ...(delayMs === undefined ? {} : { delay: delayMs / 1000 }),
      ...(reason === undefined ? {} : { reason }),
    });
  }

  /** The visibility timeout of these deliveries begins anew. Returns and throws as `ack`. */
  extend(
    topic: string,
    deliveries: readonly DeliveryName[],
    options: WriteOptions & { readonly visibilityMs?: number } = {},
  ): Promise<readonly SettleResult[]> {
    const { visibilityMs } = options;
    return this.#settle("/queue/extend", topic, deliveries, options, {
      ...(visibilityMs === undefined ? {} : { visibility: visibilityMs / 1000 }),
    });
  }

  /**
   * Creates or changes a topic; what is absent stays, or is the default.
   * @throws {SkeinError} by rejection: CONFLICT for another number of lanes than the topic has
   */
  async configure(
    topic: string,
    { lanes, visibilityMs, maxAttempts, dedupWindowMs, backoffMs, paused }: Partial<TopicOptions>,
    options: WriteOptions = {},
  ): Promise<TopicView> {
    return toTopic(
      await this.#write("/queue/topics", options, {
        topic,
        ...(lanes === undefined ? {} : { lanes }),
        ...(visibilityMs === undefined ? {} : { visibility: visibilityMs / 1000 }),
        ...(maxAttempts === undefined ? {} : { max_attempts: maxAttempts }),
        ...(dedupWindowMs === undefined ? {} : { dedup_window: dedupWindowMs / 1000 }),
        ...(backoffMs === undefined ? {} : { backoff: backoffMs.map((delayMs) => delayMs / 1000) }),
        ...(paused === undefined ? {} : { paused }),
      }),
    );
  }

  /** @throws {SkeinError} by rejection: NOT_FOUND where the topic is unknown */
  async stats(topic: string, options: ReadOptions = {}): Promise<TopicView> {
    return toTopic(await this.#read("/queue/stats", { topic }, options));
  }

  /** All topics, in order of name. */
  async topics(options: ReadOptions = {}): Promise<readonly TopicView[]> {
    return (await this.#read("/queue/topics", {}, options))["topics"].map(toTopic);
  }

  /** A page of the topic's dead letters, oldest first. */
  async dead(topic: string, options: DeadOptions = {}): Promise<readonly DeadLetter[]> {
    const { max, after } = options;
    const json = await this.#read("/queue/dead", {
      topic,
      ...(max === undefined ? {} : { limit: String(max) }),
      ...(after === undefined ? {} : { after }),
    }, options);
    return json["messages"].map(toDeadLetter);
  }

  /**
   * Puts dead letters back behind what is ready, with no attempts counted.
   * @returns how many were put back
   */
  async requeue(topic: string, options: RequeueOptions = {}): Promise<number> {
    const { ids, ratePerSecond } = options;
    const body = {
      topic,
      ...(ids === undefined ? { all: true } : { ids }),
      ...(ratePerSecond === undefined ? {} : { rate: ratePerSecond }),
    };
    const answerMs = ratePerSecond === undefined ? SLICED_ANSWER_MS : PACED_ANSWER_MS;
    return (await this.#write("/queue/requeue", options, body, { answerMs }))["requeued"];
  }

  /**
   * Removes messages: those that are ready, the dead letters, or all there are, delayed and in flight too.
   * @returns how many
   */
  async purge(
    topic: string,
    what: "ready" | "dead" | "all",
    options: WriteOptions = {},
  ): Promise<number> {
    const body = { topic, what };
    const answerMs = SLICED_ANSWER_MS;
    return (await this.#write("/queue/purge", options, body, { answerMs }))["purged"];
  }

  async #settle(
    path: string,
    topic: string,
    deliveries: readonly DeliveryName[],
    options: WriteOptions,
    further: Json,
  ): Promise<readonly SettleResult[]> {
    const body = {
      topic,
      deliveries: deliveries.map(({ id, receipt }) => ({ id, receipt })),
      ...further,
    };
    return (await this.#write(path, options, body))["results"].map(toSettleResult);
  }

  #read(
    path: string,
    query: Readonly<Record<string, string>>,
    { stale, signal }: ReadOptions,
  ): Promise<Json> {
    const text = String(
      new URLSearchParams(stale === true ? { ...query, stale: "true" } : { ...query }),
    );
    const call = { method: "GET", path: text === "" ? path : `${path}?${text}` } as const;
    return this.#requester.json({ ...call, retry: "read", signal });
  }

  #write(
    path: string,
    { requestId, signal }: WriteOptions,
    body: Json,
    times: Pick<Call, "wait" | "answerMs"> = {},
  ): Promise<Json> {
    return this.#requester.json({
      method: "POST",
      path,
      body,
      retry: "write",
      requestId,
      signal,
      ...times,
    });
  }
}

function itemBody({ data, id, key, priority, delayMs, ttlMs }: PublishItem): Json {
  return {
    data,
    ...(id === undefined ? {} : { id }),
    ...(key === undefined ? {} : { key }),
    ...(priority === undefined ? {} : { priority }),
    ...(delayMs === undefined ? {} : { delay: delayMs / 1000 }),
    ...(ttlMs === undefined ? {} : { ttl: ttlMs / 1000 }),
  };
}
