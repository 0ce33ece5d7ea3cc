/**
 * Publishes: deals a batch out to its topics, proposes each topic's part to its partition, and puts the results together
 * in the caller's order. Tells operators of each duplicate.
 */
import { assert } from "../assert.ts";
import { SkeinError } from "../errors.ts";
import type { RequestKey } from "../groups/groups.ts";
import { requestPart } from "../groups/request_part.ts";
import { isoTime } from "../iso_time.ts";
import type { PublishedAnswer } from "./answers.ts";
import type { DuplicateLog } from "./duplicate_log.ts";
import type { EventCounters } from "./event_counters.ts";
import type { EventEdges } from "./event_edges.ts";
import { checkPublish } from "./event_requests.ts";
import { EventSender } from "./event_sender.ts";
import type { EventItem, PublishedEvent, PublishEventsRequest } from "./events.ts";
import { packEvents } from "./packed_events.ts";

/** What goes to one topic: places in the batch. */
interface Part {
  readonly topic: string;
  readonly places: number[];
  readonly request: RequestKey | null;
}

export class EventPublisher {
  readonly #edges: EventEdges;
  readonly #counters: EventCounters;
  readonly #log: DuplicateLog;
  readonly #sender: EventSender;

  constructor(edges: EventEdges, counters: EventCounters, log: DuplicateLog) {
    this.#edges = edges;
    this.#counters = counters;
    this.#log = log;
    this.#sender = new EventSender(edges);
  }

  /** See `Events.publish`. */
  async publish(request: PublishEventsRequest): Promise<readonly PublishedEvent[]> {
    checkPublish(request);
    const batch = new Batch(request.items);
    const parts = partsOf(request);
    const arrivedAt = isoTime(this.#edges.clock.wallMs());
    await Promise.all(parts.map((part) => {
      return this.#publishPart(batch, part, request.expectedOffset, arrivedAt);
    }));
    return batch.outcome();
  }

  async #publishPart(
    batch: Batch,
    { topic, places, request }: Part,
    expectedOffset: number | null,
    arrivedAt: string,
  ): Promise<void> {
    const contents = places.map((place) => {
      const { eventId, timestamp, source, payload } = batch.items[place]!;
      return { eventId, timestamp: timestamp ?? arrivedAt, source, payload };
    });
    try {
      const events = packEvents(contents);
      const answer = await this.#sender.send({ topic, events, expectedOffset, request });
      batch.published(places, answer);
      this.#tell(topic, contents, answer);
    } catch (error) {
      if (!(error instanceof SkeinError)) throw error;
      batch.failed(places, error);
    }
  }

  #tell(
    topic: string,
    contents: readonly { readonly eventId: string }[],
    { duplicates, offsets }: PublishedAnswer,
  ): void {
    this.#counters.received += contents.length;
    this.#counters.stored += contents.length - duplicates.length;
    this.#counters.duplicates += duplicates.length;
    for (const [index, place] of duplicates.entries()) {
      this.#log.tell(topic, contents[place]!.eventId, offsets[index]!);
    }
  }
}

/** The parts of a batch, in the order in which their topics come in it. */
function partsOf({ items, request }: PublishEventsRequest): readonly Part[] {
  const parts = new Map<string, Part>();
  for (const [place, { topic }] of items.entries()) {
    const part = parts.get(topic);
    if (part !== undefined) part.places.push(place);
    else parts.set(topic, { topic, places: [place], request: partRequest(request, parts.size) });
  }
  return [...parts.values()];
}

/** The id of what a batch has for its n-th topic: two of them may share a partition, and its table of request ids. */
function partRequest(request: RequestKey | null, part: number): RequestKey | null {
  return request === null || part === 0 ? request : requestPart(request, part);
}

/** What became of each event so far. */
class Batch {
  readonly items: readonly EventItem[];
  readonly #results: PublishedEvent[];
  #publishedCount = 0;
  /** The error that tells most: one that leaves open what happened before one that does not. */
  #error: SkeinError | null = null;

  constructor(items: readonly EventItem[]) {
    this.items = items;
    this.#results = new Array(items.length);
  }

  /** @param places where those stand that were published, in the order of the command */
  published(places: readonly number[], { first, duplicates, offsets }: PublishedAnswer): void {
    let [offset, next] = [first, 0];
    for (const [index, place] of places.entries()) {
      const duplicate = duplicates[next] === index;
      const own = duplicate ? offsets[next++]! : offset++;
      this.#results[place] = { ok: true, offset: own, duplicate };
    }
    this.#publishedCount += places.length;
  }

  failed(places: readonly number[], error: SkeinError): void {
    const { code, message } = error;
    for (const place of places) this.#results[place] = { ok: false, code, message };
    if (this.#error === null || code === "OUTCOME_UNKNOWN") this.#error = error;
  }

  /**
   * @returns one result an item, where at least one was published
   * @throws {SkeinError} where none was
   */
  outcome(): readonly PublishedEvent[] {
    if (this.#publishedCount > 0) return this.#results;
    assert(this.#error !== null, "what is not published was refused");
    throw this.#error;
  }
}
