/**
 * Events as callers read them: pages, whole topics, streams without an end, topics and sums. A stream reads the next page
 * when it is asked for it, so a slow reader holds one page and slows nobody.
 */
import { SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import {
  type EventAnswers,
  STATS_METHOD,
  TOPIC_METHOD,
  TOPICS_METHOD,
  type TopicsPage,
} from "./event_answers.ts";
import type { EventCounters } from "./event_counters.ts";
import { type EventEdges, groupOfTopic } from "./event_edges.ts";
import { checkAfter, checkPage, checkTopic } from "./event_requests.ts";
import type {
  EventPage,
  EventReadOptions,
  EventStats,
  EventTopic,
  PageRequest,
  StoredEvent,
} from "./events.ts";
import { unpackPage } from "./page_reader.ts";

const PAGE_LIMIT = LIMITS.eventPageMax;

export class EventReader {
  readonly #edges: EventEdges;
  readonly #answers: EventAnswers;
  readonly #counters: EventCounters;
  readonly #closing = new AbortController();
  #tails = 0;

  constructor(edges: EventEdges, answers: EventAnswers, counters: EventCounters) {
    this.#edges = edges;
    this.#answers = answers;
    this.#counters = counters;
  }

  /** Streams without an end that are open here. */
  get tails(): number {
    return this.#tails;
  }

  /** See `Events.page`. */
  async page(topic: string, page: PageRequest, options: EventReadOptions): Promise<EventPage> {
    checkTopic(topic);
    checkPage(page);
    return this.#read(unpackPage(await this.#answers.page(topic, page, options)));
  }

  #read(page: EventPage): EventPage {
    this.#counters.read += page.events.length;
    return page;
  }

  /** See `Events.pages`. */
  async *pages(
    topic: string,
    after: number | null,
    options: EventReadOptions,
  ): AsyncGenerator<readonly StoredEvent[], void, undefined> {
    checkAfter(after);
    let last = after;
    let end: number | null = null;
    for (;;) {
      const page = await this.page(topic, { after: last, limit: PAGE_LIMIT }, options);
      end ??= page.nextOffset;
      const events = upTo(page.events, end);
      if (events.length > 0) yield events;
      last = events.at(-1)?.offset ?? end;
      if (last >= end - 1) return;
    }
  }

  /** See `Events.tail`. */
  async *tail(
    topic: string,
    after: number | null,
    signal: AbortSignal,
  ): AsyncGenerator<readonly StoredEvent[], void, undefined> {
    checkTopic(topic);
    checkAfter(after);
    if (this.#tails >= LIMITS.eventTailsMax) {
      throw new SkeinError("TOO_MANY_REQUESTS", "too many streams of events are open at this peer");
    }
    const ended = AbortSignal.any([signal, this.#closing.signal]);
    this.#tails++;
    try {
      for (let last = after; !ended.aborted;) {
        const { events } = await this.#next(topic, last, ended);
        if (events.length === 0) continue;
        last = events.at(-1)!.offset;
        yield events;
      }
    } finally {
      this.#tails--;
    }
    if (!signal.aborted) throw this.#closing.signal.reason;
  }

  /** What comes next; nothing where none came in one round, or the stream has ended. */
  async #next(topic: string, after: number | null, ended: AbortSignal): Promise<EventPage> {
    const { roundMs } = this.#edges.timeouts;
    const options = { stale: false, waitMs: roundMs, signal: ended };
    const asking = this.#answers.page(topic, { after, limit: PAGE_LIMIT }, options);
    const page = await unlessEnded(asking, ended);
    return page === null ? NOTHING : this.#read(unpackPage(page));
  }

  /** See `Events.topic`. */
  async topic(topic: string, { stale }: EventReadOptions): Promise<EventTopic> {
    checkTopic(topic);
    const group = groupOfTopic(this.#edges, topic);
    const found = await this.#answers.ask(group, TOPIC_METHOD, [topic], stale);
    if (found !== null) return found as EventTopic;
    throw new SkeinError("NOT_FOUND", `there is no topic ${topic} of events`, { topic });
  }

  /** See `Events.topics`. */
  async topics(options: EventReadOptions): Promise<readonly EventTopic[]> {
    const topics = await Promise.all(this.#groups().map((group) => this.#topicsIn(group, options)));
    return topics.flat().sort((a, b) => a.topic < b.topic ? -1 : 1);
  }

  async #topicsIn(group: number, { stale }: EventReadOptions): Promise<readonly EventTopic[]> {
    const found: EventTopic[] = [];
    for (;;) {
      const page = await this.#answers.ask(group, TOPICS_METHOD, [found.length], stale);
      const { topics, more } = page as TopicsPage;
      found.push(...topics);
      if (!more) return found;
    }
  }

  /** See `Events.stats`. */
  async stats({ stale }: EventReadOptions): Promise<EventStats> {
    const parts = await Promise.all(
      this.#groups().map((group) => {
        return this.#answers.ask(group, STATS_METHOD, [], stale) as Promise<EventStats>;
      }),
    );
    const sum = (of: (part: EventStats) => number) => parts.reduce((sum, one) => sum + of(one), 0);
    return {
      topics: sum(({ topics }) => topics),
      received: sum(({ received }) => received),
      unique: sum(({ unique }) => unique),
      duplicates: sum(({ duplicates }) => duplicates),
      events: sum(({ events }) => events),
      bytes: sum(({ bytes }) => bytes),
      identities: sum(({ identities }) => identities),
    };
  }

  #groups(): readonly number[] {
    return Array.from({ length: this.#edges.partitions }, (_, place) => place + 1);
  }

  /** Streams without an end end with this. */
  close(reason: SkeinError): void {
    this.#closing.abort(reason);
  }
}

const NOTHING: EventPage = { events: [], firstOffset: 0, nextOffset: 0 };

function upTo(events: readonly StoredEvent[], end: number): readonly StoredEvent[] {
  const last = events.at(-1);
  if (last === undefined || last.offset < end) return events;
  return events.filter(({ offset }) => offset < end);
}

/** @returns null where the signal came first; what the work comes to then is nobody's */
function unlessEnded<T>(work: Promise<T>, ended: AbortSignal): Promise<T | null> {
  if (ended.aborted) {
    work.catch(() => {});
    return Promise.resolve(null);
  }
  return new Promise((resolve, reject) => {
    const end = () => resolve(null);
    ended.addEventListener("abort", end);
    work.then(resolve, reject).finally(() => ended.removeEventListener("abort", end));
  });
}
