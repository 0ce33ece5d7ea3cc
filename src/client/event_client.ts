/**
 * The idempotent event log, as a program uses it. Reached as `client.events`; what it guarantees is said in the design,
 * "Events". Whatever was published may be published again: it is stored once.
 */
import type { Json } from "./answers.ts";
import {
  eventBody,
  type EventPageAnswer,
  type EventStatsAnswer,
  type EventToPublish,
  type LoggedEvent,
  type PublishedEvent,
  toEventPage,
  toEventStats,
  toEventTopic,
  toLoggedEvent,
  toPublishedEvent,
} from "./event_answers.ts";
import type { CallOptions, ReadOptions, WriteOptions } from "./lock_client.ts";
import { pause, type Requester } from "./requester.ts";
import { serverSentData } from "./server_sent.ts";
import type { EventTopic } from "../events/events.ts";

export interface PublishEventsOptions extends WriteOptions {
  /** What the first new one of the events must get, all of one topic; absent: whatever comes next. */
  readonly expectedOffset?: number;
}

export interface PageOptions extends ReadOptions {
  /** Only events behind this offset; from the first one that is left where absent. */
  readonly after?: number;
  /** Events of one page at most; 1,000 where absent. */
  readonly limit?: number;
}

export interface ReadEventsOptions extends ReadOptions {
  /** As of a page. */
  readonly after?: number;
}

export interface StreamOptions {
  /** Only events behind this offset; from the first one that is left where absent. */
  readonly after?: number;
  /** Ends the stream quietly. */
  readonly signal?: AbortSignal;
}

const PAGE_EVENTS = 1_000;
/** Peers send something every 10 s. */
const SILENCE_MS_MAX = 35_000;
/** Before it is asked again after a stream in which nothing came. */
const PAUSE_MIN_MS = 50;
const PAUSE_MAX_MS = 1_000;

export class EventClient {
  readonly #requester: Requester;

  constructor(requester: Requester) {
    this.#requester = requester;
  }

  /**
   * Stores an event, unless it is stored already; then its payload is not looked at.
   * @throws {SkeinError} by rejection: INVALID, TOO_MANY_REQUESTS, OUTCOME_UNKNOWN (publish it again), CONFLICT (with
   * `details.next_offset`) where another offset was expected, …
   */
  async publish(
    event: EventToPublish,
    options: PublishEventsOptions = {},
  ): Promise<PublishedEvent> {
    return toPublishedEvent(await this.#publish(eventBody(event), options));
  }

  /**
   * Stores what is new of a batch; of each topic all or nothing. An event that comes twice in it is a duplicate then.
   * @returns one result an event, in their order
   * @throws {SkeinError} by rejection, as `publish`; INVALID names `details.index` and `details.field`, and nothing of
   * the batch was stored; PARTIAL_FAILURE has `details.results`, one an event
   */
  async publishBatch(
    events: readonly EventToPublish[],
    options: PublishEventsOptions = {},
  ): Promise<readonly PublishedEvent[]> {
    const answer = await this.#publish({ events: events.map(eventBody) }, options);
    return answer["results"].map(toPublishedEvent);
  }

  #publish(body: Json, { expectedOffset, requestId, signal }: PublishEventsOptions): Promise<Json> {
    const expected = expectedOffset === undefined ? {} : { expected_offset: expectedOffset };
    const call = { method: "POST", path: "/publish", body: { ...body, ...expected } } as const;
    return this.#requester.json({ ...call, retry: "write", requestId, signal });
  }

  /**
   * One page of a topic; of an unknown one it is empty. It may have fewer events than `limit` before the topic's end as
   * well, where they are large: there are more while the last one is before `nextOffset - 1`.
   */
  async page(topic: string, options: PageOptions = {}): Promise<EventPageAnswer> {
    const { after, limit = PAGE_EVENTS } = options;
    const place = after === undefined ? {} : { after: String(after) };
    const query = { topic, limit: String(limit), ...place };
    return toEventPage(await this.#read("/events", query, options));
  }

  /** All events behind `after` that are there when it begins, page by page; each is read when it is asked for. */
  async *pages(
    topic: string,
    { after, ...options }: PageOptions = {},
  ): AsyncGenerator<readonly LoggedEvent[], void, undefined> {
    let last = after;
    let end: number | null = null;
    for (;;) {
      const place = last === undefined ? {} : { after: last };
      const page: EventPageAnswer = await this.page(topic, { ...options, ...place });
      const until: number = end ??= page.nextOffset;
      const events = page.events.filter(({ offset }) => offset < until);
      if (events.length > 0) yield events;
      last = events.at(-1)?.offset ?? until;
      if (last >= until - 1) return;
    }
  }

  /**
   * The same, event by event.
   * @example
   * ```ts
   * import { SkeinClient } from "./mod.ts";
   *
   * const { events } = new SkeinClient({ urls: ["http://127.0.0.1:8001"] });
   * for await (const { offset, eventId } of events.read("orders")) console.log(offset, eventId);
   * ```
   */
  async *read(
    topic: string,
    options: ReadEventsOptions = {},
  ): AsyncGenerator<LoggedEvent, void, undefined> {
    for await (const events of this.pages(topic, options)) yield* events;
  }

  /**
   * The events that are there and those that come, each once and in order, without an end. Where it is cut off it goes on
   * at whichever peer answers, behind the last event that was given; a peer whose stream ends without an event is left for
   * the next one, since one that is cut off itself still answers. Nothing is read ahead of who iterates slowly.
   * @throws {SkeinError} while iterating, where no peer has answered for as long as the client tries
   */
  async *stream(
    topic: string,
    { after, signal }: StreamOptions = {},
  ): AsyncGenerator<LoggedEvent, void, undefined> {
    let last = after ?? -1;
    try {
      for (let pauseMs = PAUSE_MIN_MS;;) {
        const path = `/events/stream?${new URLSearchParams({ topic, after: String(last) })}`;
        const call = { method: "GET", path, retry: "read", signal } as const;
        const { response, peer } = await this.#requester.open(call);
        const before = last;
        for await (const messages of serverSentData(response.body!, SILENCE_MS_MAX, signal)) {
          for (const message of messages) {
            const event = toLoggedEvent(this.#requester.parse(path, message));
            last = event.offset;
            pauseMs = PAUSE_MIN_MS;
            yield event;
          }
        }
        signal?.throwIfAborted();
        if (last === before) this.#requester.leave(peer);
        await pause(pauseMs, signal);
        pauseMs = Math.min(PAUSE_MAX_MS, 2 * pauseMs);
      }
    } catch (error) {
      if (signal?.aborted !== true) throw error;
    }
  }

  /** @throws {SkeinError} by rejection: NOT_FOUND where nothing was ever published to it */
  async topic(topic: string, options: ReadOptions = {}): Promise<EventTopic> {
    return toEventTopic((await this.#read("/events/topics", { topic }, options))["topics"][0]);
  }

  /** All topics, in order of name. */
  async topics(options: ReadOptions = {}): Promise<readonly EventTopic[]> {
    return (await this.#read("/events/topics", {}, options))["topics"].map(toEventTopic);
  }

  /** Sums over all topics, for ever. */
  async stats(options: ReadOptions = {}): Promise<EventStatsAnswer> {
    return toEventStats(await this.#read("/stats", {}, options));
  }

  #read(
    path: string,
    query: Readonly<Record<string, string>>,
    { stale, signal }: ReadOptions & CallOptions,
  ): Promise<Json> {
    const text = new URLSearchParams(stale === true ? { ...query, stale: "true" } : { ...query });
    const call = { method: "GET", path: text.size === 0 ? path : `${path}?${text}` } as const;
    return this.#requester.json({ ...call, retry: "read", signal });
  }
}
