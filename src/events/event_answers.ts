/**
 * Answers what peers ask of the partitions that this one leads: pages of events, also for those who wait for new ones, a
 * topic, all topics, and sums. What must be linearizable waits for a read barrier first; a stale read takes what this
 * replica has applied.
 */
import { SkeinError } from "../errors.ts";
import { listOf, replicaToRead } from "../groups/answering.ts";
import { malformed } from "../groups/group_errors.ts";
import { LIMITS } from "../limits.ts";
import { isCount, isName } from "./commands.ts";
import { type EventEdges, type EventReplica, groupOfTopic } from "./event_edges.ts";
import type { EventNews } from "./event_news.ts";
import type { EventStats, EventTopic } from "./events.ts";
import { type PackedPage, readPage } from "./page_reader.ts";

/** `[topic, after, limit, waitMs, stale]` → `PackedPage`, empty where nothing new came within the wait */
export const PAGE_METHOD = "events.page";
/** `[topic, stale]` → `EventTopic`, or null where it is not known */
export const TOPIC_METHOD = "events.topic";
/** `[from, stale]` → `TopicsPage` of those behind `from` others */
export const TOPICS_METHOD = "events.topics";
/** `[stale]` → `EventStats` */
export const STATS_METHOD = "events.stats";

/** Topics of one answer, which must fit a frame. */
const TOPICS_PAGE = 1_000;
/** Reading and sending take their time as well. */
const WAIT_MARGIN_MS = 1_000;
const RETRY_MS = 50;

export interface TopicsPage {
  readonly topics: readonly EventTopic[];
  readonly more: boolean;
}

export class EventAnswers {
  readonly #edges: EventEdges;
  readonly #news: EventNews;

  /** Answers from now on. */
  constructor(edges: EventEdges, news: EventNews) {
    this.#edges = edges;
    this.#news = news;
    const { groups } = edges;
    groups.answer(PAGE_METHOD, (group, body, timeoutMs) => this.#page(group, body, timeoutMs));
    groups.answer(TOPIC_METHOD, (group, body, timeoutMs) => this.#topic(group, body, timeoutMs));
    groups.answer(TOPICS_METHOD, (group, body, timeoutMs) => this.#topics(group, body, timeoutMs));
    groups.answer(STATS_METHOD, (group, body, timeoutMs) => this.#stats(group, body, timeoutMs));
  }

  /**
   * One page, from this peer's own replica where it has one, else from the leader.
   * @param waitMs how long to wait for events where there are none
   * @param signal ends the wait; the page may be empty then
   */
  async page(
    topic: string,
    { after, limit }: { readonly after: number | null; readonly limit: number },
    { stale, waitMs = 0, signal = null }: {
      readonly stale: boolean;
      readonly waitMs?: number;
      readonly signal?: AbortSignal | null;
    },
  ): Promise<PackedPage> {
    const { timeouts: { readMs } } = this.#edges;
    const group = groupOfTopic(this.#edges, topic);
    if (this.#edges.replicaOf(group) === null) {
      const question = [topic, after, limit, waitMs, stale];
      return await this.#askLeader(group, PAGE_METHOD, question, waitMs + readMs) as PackedPage;
    }
    const replica = await replicaToRead(this.#edges, group, { stale, timeoutMs: readMs });
    return await this.#waitedPage(group, replica, { topic, after, limit }, waitMs, signal);
  }

  async #waitedPage(
    group: number,
    replica: EventReplica,
    { topic, after, limit }: {
      readonly topic: string;
      readonly after: number | null;
      readonly limit: number;
    },
    waitMs: number,
    signal: AbortSignal | null,
  ): Promise<PackedPage> {
    const page = await readPage(replica, topic, { after, limit });
    if (page.count > 0 || waitMs <= 0) return page;
    // What came while the page was read woke nobody.
    const wanted = Math.max(page.offset, (after ?? -1) + 1);
    if (replica.events.nextOffset(topic) <= wanted) {
      await this.#news.wait(group, topic, waitMs, signal);
    }
    const later = this.#edges.replicaOf(group);
    return later === null ? page : await readPage(later, topic, { after, limit });
  }

  /** Asks the group's leader; or this peer's own replica where that is enough and there is one. */
  async ask(
    group: number,
    method: typeof TOPIC_METHOD | typeof TOPICS_METHOD | typeof STATS_METHOD,
    body: readonly unknown[],
    stale: boolean,
  ): Promise<unknown> {
    const { timeouts: { readMs } } = this.#edges;
    const question = [...body, stale];
    if (!stale || this.#edges.replicaOf(group) === null) {
      return await this.#askLeader(group, method, question, readMs);
    }
    switch (method) {
      case TOPIC_METHOD:
        return await this.#topic(group, question, readMs);
      case TOPICS_METHOD:
        return await this.#topics(group, question, readMs);
      case STATS_METHOD:
        return await this.#stats(group, question, readMs);
    }
  }

  /** Reading does no harm: a question that may have been heard is asked again, of whoever leads then. */
  async #askLeader(
    group: number,
    method: string,
    question: readonly unknown[],
    timeoutMs: number,
  ): Promise<unknown> {
    const { clock, groups } = this.#edges;
    const untilMs = clock.monotonicMs() + timeoutMs;
    for (;;) {
      const leftMs = Math.max(0, untilMs - clock.monotonicMs());
      try {
        return await groups.ask(group, method, question, leftMs);
      } catch (error) {
        const isLost = error instanceof SkeinError && error.code === "OUTCOME_UNKNOWN";
        if (!isLost || clock.monotonicMs() + RETRY_MS >= untilMs) throw error;
        await new Promise<void>((resolve) => clock.timer(RETRY_MS, resolve));
      }
    }
  }

  async #page(group: number, body: unknown, timeoutMs: number): Promise<PackedPage> {
    const [topic, after, limit, waitMs, stale] = listOf(body);
    const isSound = isName(topic) && isCount(limit) && limit >= 1 &&
      limit <= LIMITS.eventPageMax && (after === null || after === -1 || isCount(after)) &&
      isCount(waitMs);
    if (!isSound) throw malformed();
    const replica = await replicaToRead(this.#edges, group, { stale, timeoutMs });
    const patienceMs = Math.min(waitMs, timeoutMs - WAIT_MARGIN_MS);
    return await this.#waitedPage(group, replica, { topic, after, limit }, patienceMs, null);
  }

  async #topic(group: number, body: unknown, timeoutMs: number): Promise<EventTopic | null> {
    const [topic, stale] = listOf(body);
    if (!isName(topic)) throw malformed();
    const { events } = await replicaToRead(this.#edges, group, { stale, timeoutMs });
    return events.topic(topic) ?? null;
  }

  async #topics(group: number, body: unknown, timeoutMs: number): Promise<TopicsPage> {
    const [from, stale] = listOf(body);
    if (!isCount(from)) throw malformed();
    const { events } = await replicaToRead(this.#edges, group, { stale, timeoutMs });
    const topics: EventTopic[] = [];
    for (const topic of events.topics(from)) {
      if (topics.length === TOPICS_PAGE) return { topics, more: true };
      topics.push(topic);
    }
    return { topics, more: false };
  }

  async #stats(group: number, body: unknown, timeoutMs: number): Promise<EventStats> {
    const [stale] = listOf(body);
    const { events } = await replicaToRead(this.#edges, group, { stale, timeoutMs });
    return events.stats();
  }
}
