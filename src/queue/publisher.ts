/**
 * Publishes: deals a batch out to the lanes of its topic, proposes each lane's part to its partition, and puts the
 * results together in the callers' order. Learns from refusals how many lanes the topic has, and deals again what was
 * refused for that.
 */
import { assert } from "../assert.ts";
import { SkeinError } from "../errors.ts";
import type { RequestKey } from "../groups/groups.ts";
import type { PublishedAnswer } from "./answers.ts";
import { givenId } from "./message_names.ts";
import type { PublishedItem, PublishItem, PublishRequest } from "./queue.ts";
import { PublishSender } from "./publish_sender.ts";
import type { QueueCounters } from "./queue_counters.ts";
import { groupOf, type QueueEdges } from "./queue_edges.ts";
import { checkItems, checkName } from "./queue_requests.ts";
import { partRequest } from "./request_parts.ts";
import type { TopicRoutes } from "./topic_routes.ts";

/** A topic is learned by one refusal; what is forgotten meanwhile is learned by the next. */
const ROUNDS_MAX = 4;

/** What goes to one lane: places in the batch. */
interface Part {
  readonly lane: number;
  readonly places: readonly number[];
}

export class Publisher {
  readonly #edges: QueueEdges;
  readonly #routes: TopicRoutes;
  readonly #counters: QueueCounters;
  readonly #sender: PublishSender;

  constructor(edges: QueueEdges, routes: TopicRoutes, counters: QueueCounters) {
    this.#edges = edges;
    this.#sender = new PublishSender(edges);
    this.#routes = routes;
    this.#counters = counters;
  }

  /** See `Queue.publish`. */
  async publish({ topic, items, request }: PublishRequest): Promise<readonly PublishedItem[]> {
    checkName("topic", topic);
    checkItems(items);
    const batch = new Batch(items);
    for (let round = 0; round < ROUNDS_MAX && batch.open.length > 0; round++) {
      const parts = this.#deal(topic, batch, request);
      await Promise.all(parts.map((part) => this.#publishPart(topic, batch, part, request)));
    }
    return batch.outcome();
  }

  #deal(topic: string, { items, open }: Batch, request: RequestKey | null): readonly Part[] {
    const lanes = this.#routes.settingsOf(topic)?.options.lanes ?? 1;
    if (lanes === 1) return [{ lane: 0, places: open }];
    const laneOf = this.#routes.dealer(lanes, request);
    const places = new Map<number, number[]>();
    for (const place of open) {
      const lane = laneOf(items[place]!, place);
      const others = places.get(lane);
      if (others === undefined) places.set(lane, [place]);
      else others.push(place);
    }
    return Array.from(places, ([lane, places]) => ({ lane, places }));
  }

  async #publishPart(
    topic: string,
    batch: Batch,
    { lane, places }: Part,
    request: RequestKey | null,
  ): Promise<void> {
    const address = this.#routes.addressOf(topic, lane);
    const key = partRequest(request, address);
    try {
      const answer = await this.#sender.send(address, batch.itemsAt(places), key);
      batch.published(places, answer, { group: groupOf(this.#edges, topic, lane), lane });
      this.#counters.duplicates += answer.duplicates.length;
      this.#counters.published += places.length - answer.duplicates.length;
    } catch (error) {
      if (!(error instanceof SkeinError)) throw error;
      if (this.#routes.learnFrom(topic, error)) batch.refused(error);
      else batch.failed(places, error);
    }
  }
}

/** What became of each message so far. */
class Batch {
  readonly items: readonly PublishItem[];
  /** Places that are neither published nor failed. */
  open: readonly number[];
  readonly #results: (PublishedItem | undefined)[];
  #publishedCount = 0;
  /** The error that tells most: one that leaves open what happened before one that does not. */
  #error: SkeinError | null = null;
  /** Why messages are still open. */
  #refusal: SkeinError | null = null;

  constructor(items: readonly PublishItem[]) {
    this.items = items;
    this.open = Array.from(items, (_, place) => place);
    this.#results = new Array(items.length).fill(undefined);
  }

  itemsAt(places: readonly number[]): readonly PublishItem[] {
    if (places.length === this.items.length) return this.items;
    return places.map((place) => this.items[place]!);
  }

  /** @param places where those stand that were published, in the order of the command */
  published(
    places: readonly number[],
    { first, duplicates }: PublishedAnswer,
    at: { readonly group: number; readonly lane: number },
  ): void {
    let number = first;
    let nextDuplicate = 0;
    for (const [index, place] of places.entries()) {
      const duplicate = duplicates[nextDuplicate] === index;
      if (duplicate) nextDuplicate++;
      const own = this.items[place]!.id;
      assert(own !== null || !duplicate, "only a message with an id can be a duplicate");
      const id = own ?? givenId(at, number);
      if (!duplicate) number++;
      this.#results[place] = { ok: true, id, duplicate };
    }
    this.#publishedCount += places.length;
    this.#close();
  }

  failed(places: readonly number[], error: SkeinError): void {
    const { code, message } = error;
    for (const place of places) this.#results[place] = { ok: false, code, message };
    if (this.#error === null || code === "OUTCOME_UNKNOWN") this.#error = error;
    this.#close();
  }

  /** These stay open: the next round knows better. */
  refused(error: SkeinError): void {
    this.#refusal = error;
  }

  #close(): void {
    this.open = this.open.filter((place) => this.#results[place] === undefined);
  }

  /**
   * @returns one result an item, where at least one was published
   * @throws {SkeinError} where none was
   */
  outcome(): readonly PublishedItem[] {
    const error = this.#error ?? this.#refusal;
    if (this.#publishedCount === 0) {
      assert(error !== null, "what is not published was refused");
      throw error;
    }
    return this.#results.map((result) => {
      return result ?? { ok: false, code: error!.code, message: error!.message };
    });
  }
}
