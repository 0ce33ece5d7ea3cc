/**
 * An event log for tests of the HTTP face: a list a topic, which keeps what the log promises (once, offsets without
 * gaps, an offset that is expected), and remembers what it was asked.
 */
import { SkeinError } from "../../src/errors.ts";
import type { EventStatistics } from "../../src/events/event_counters.ts";
import { checkPublish } from "../../src/events/event_requests.ts";
import type {
  EventPage,
  Events,
  EventStats,
  EventTopic,
  PageRequest,
  PublishedEvent,
  PublishEventsRequest,
  StoredEvent,
} from "../../src/events/events.ts";

/** Where an event has no timestamp of its own. */
export const ARRIVED_AT = "2026-01-01T00:00:01.000Z";
const PAGE_EVENTS = 2;

/** What the peer around it counted. */
export const EVENT_STATISTICS: EventStatistics = {
  events: 13,
  identities: 14,
  tails: 2,
  received: 21,
  stored: 15,
  duplicates: 6,
  read: 30,
  trimmed: 2,
  forgotten: 1,
};

export class FakeEvents implements Events {
  readonly published: PublishEventsRequest[] = [];
  /** In place of what it does with a batch that is right. */
  publishWith: ((request: PublishEventsRequest) => Promise<readonly PublishedEvent[]>) | null =
    null;
  /** What streams end with once they have given what is there; null: they wait for more. */
  tailsEndWith: SkeinError | null = null;
  tailsOpen = 0;
  readonly #topics = new Map<string, { events: StoredEvent[]; received: number }>();
  #stored = Promise.withResolvers<void>();

  async publish(request: PublishEventsRequest): Promise<readonly PublishedEvent[]> {
    checkPublish(request);
    this.published.push(request);
    return await (this.publishWith?.(request) ?? this.#publish(request));
  }

  #publish(request: PublishEventsRequest): Promise<readonly PublishedEvent[]> {
    const { items, expectedOffset } = request;
    const nextOffset = this.#log(items[0]!.topic).events.length;
    if (expectedOffset !== null && expectedOffset !== nextOffset) {
      const details = { expected_offset: expectedOffset, next_offset: nextOffset };
      return Promise.reject(new SkeinError("CONFLICT", `not ${expectedOffset}`, details));
    }
    const results = items.map(({ topic, timestamp, ...event }) => {
      const log = this.#log(topic);
      log.received++;
      const found = log.events.find(({ eventId }) => eventId === event.eventId);
      if (found !== undefined) return { ok: true, offset: found.offset, duplicate: true } as const;
      const offset = log.events.length;
      log.events.push({ ...event, timestamp: timestamp ?? ARRIVED_AT, offset });
      return { ok: true, offset, duplicate: false } as const;
    });
    this.#stored.resolve();
    this.#stored = Promise.withResolvers();
    return Promise.resolve(results);
  }

  #log(topic: string): { events: StoredEvent[]; received: number } {
    const log = this.#topics.get(topic) ?? { events: [], received: 0 };
    this.#topics.set(topic, log);
    return log;
  }

  #behind(topic: string, after: number | null): readonly StoredEvent[] {
    return (this.#topics.get(topic)?.events ?? []).filter(({ offset }) => offset > (after ?? -1));
  }

  page(topic: string, { after, limit }: PageRequest): Promise<EventPage> {
    const events = this.#behind(topic, after).slice(0, limit);
    const nextOffset = this.#topics.get(topic)?.events.length ?? 0;
    return Promise.resolve({ events, firstOffset: 0, nextOffset });
  }

  async *pages(topic: string, after: number | null) {
    const events = this.#behind(topic, after);
    for (let at = 0; at < events.length; at += PAGE_EVENTS) {
      yield events.slice(at, at + PAGE_EVENTS);
    }
  }

  async *tail(topic: string, after: number | null, signal: AbortSignal) {
    const aborted = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => aborted.resolve());
    this.tailsOpen++;
    try {
      for (let last = after; !signal.aborted;) {
        const stored = this.#stored.promise;
        const events = this.#behind(topic, last);
        if (events.length > 0) {
          last = events.at(-1)!.offset;
          yield events;
        } else if (this.tailsEndWith !== null) throw this.tailsEndWith;
        else await Promise.race([stored, aborted.promise]);
      }
    } finally {
      this.tailsOpen--;
    }
  }

  topic(topic: string): Promise<EventTopic> {
    const log = this.#topics.get(topic);
    if (log !== undefined) return Promise.resolve(viewOf(topic, log));
    return Promise.reject(new SkeinError("NOT_FOUND", `there is no topic ${topic} of events`));
  }

  topics(): Promise<readonly EventTopic[]> {
    const views = Array.from(this.#topics, ([topic, log]) => viewOf(topic, log));
    return Promise.resolve(views.sort((a, b) => a.topic < b.topic ? -1 : 1));
  }

  async stats(): Promise<EventStats> {
    const topics = await this.topics();
    const sum = (of: (topic: EventTopic) => number) =>
      topics.reduce((sum, one) => sum + of(one), 0);
    const unique = sum((topic) => topic.unique);
    return {
      topics: topics.length,
      received: sum(({ received }) => received),
      unique,
      duplicates: sum(({ duplicates }) => duplicates),
      events: unique,
      bytes: sum(({ bytes }) => bytes),
      identities: unique,
    };
  }
}

function viewOf(
  topic: string,
  { events, received }: { readonly events: readonly StoredEvent[]; readonly received: number },
): EventTopic {
  return {
    topic,
    firstOffset: 0,
    nextOffset: events.length,
    bytes: events.reduce((sum, { payload }) => sum + payload.length, 0),
    received,
    unique: events.length,
    duplicates: received - events.length,
  };
}
