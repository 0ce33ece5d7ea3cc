/**
 * The event log as callers at this peer use it, over the partitions of the cluster: publishes by proposals, reads at its
 * own replicas behind a barrier, or by questions to leaders, and answers such questions where this peer leads. The rules
 * are in the machine; what is kept here is lost with the process, and costs no event.
 */
import { SkeinError } from "../errors.ts";
import type { Effect } from "../groups/machine.ts";
import type { EventEffect } from "./answers.ts";
import { DuplicateLog } from "./duplicate_log.ts";
import { EventAnswers } from "./event_answers.ts";
import { EventCounters, type EventStatistics } from "./event_counters.ts";
import type { EventEdges } from "./event_edges.ts";
import { EventNews } from "./event_news.ts";
import { EventPublisher } from "./event_publisher.ts";
import { EventReader } from "./event_reader.ts";
import type {
  EventPage,
  EventReadOptions,
  Events,
  EventStats,
  EventTopic,
  PageRequest,
  PublishedEvent,
  PublishEventsRequest,
  StoredEvent,
} from "./events.ts";
import { Retainer } from "./retainer.ts";

export class EventService implements Events {
  readonly counters = new EventCounters();
  readonly #edges: EventEdges;
  readonly #publisher: EventPublisher;
  readonly #reader: EventReader;
  readonly #news: EventNews;
  readonly #retainer: Retainer;
  readonly #log: DuplicateLog;
  /** Groups that this peer leads. */
  readonly #led = new Set<number>();

  /** Answers questions of the event log from now on. */
  constructor(edges: EventEdges) {
    this.#edges = edges;
    this.#news = new EventNews(edges.clock);
    const answers = new EventAnswers(edges, this.#news);
    this.#log = new DuplicateLog(edges.clock, edges.logger);
    this.#publisher = new EventPublisher(edges, this.counters, this.#log);
    this.#reader = new EventReader(edges, answers, this.counters);
    this.#retainer = new Retainer(edges, this.counters, this.#led);
  }

  /**
   * Every metric asks. Sums take time that grows with the number of topics in the partitions that this peer leads, so they
   * are made when they are read.
   */
  statistics(): EventStatistics {
    const sum = (of: (stats: EventStats) => number) => {
      const replicas = [...this.#led].map((group) => this.#edges.replicaOf(group));
      return replicas.reduce((sum, replica) => sum + (replica ? of(replica.events.stats()) : 0), 0);
    };
    return {
      ...this.counters,
      tails: this.#reader.tails,
      get events() {
        return sum(({ events }) => events);
      },
      get identities() {
        return sum(({ identities }) => identities);
      },
    };
  }

  /** A replica of a partition came to be at this peer. */
  attach(group: number): void {
    if (this.#edges.groups.status(group)?.role === "leader") this.#led.add(group);
    this.#edges.groups.listen(group, {
      effects: (effects) => this.#effects(group, effects),
      restored: () => this.#news.wakeGroup(group),
      status: ({ role }) => {
        if (role === "leader") this.#led.add(group);
        else this.#led.delete(group);
      },
    });
  }

  /** This peer's replica was removed for good: who waits at it asks elsewhere. */
  detach(group: number): void {
    this.#led.delete(group);
    this.#news.wakeGroup(group);
  }

  #effects(group: number, effects: readonly Effect[]): void {
    for (const effect of effects as readonly EventEffect[]) {
      if (effect.kind === "eventsStored") this.#news.wake(group, effect.topic);
    }
  }

  publish(request: PublishEventsRequest): Promise<readonly PublishedEvent[]> {
    return this.#publisher.publish(request);
  }

  page(topic: string, page: PageRequest, options: EventReadOptions): Promise<EventPage> {
    return this.#reader.page(topic, page, options);
  }

  pages(
    topic: string,
    after: number | null,
    options: EventReadOptions,
  ): AsyncIterable<readonly StoredEvent[]> {
    return this.#reader.pages(topic, after, options);
  }

  tail(
    topic: string,
    after: number | null,
    signal: AbortSignal,
  ): AsyncIterable<readonly StoredEvent[]> {
    return this.#reader.tail(topic, after, signal);
  }

  topic(topic: string, options: EventReadOptions): Promise<EventTopic> {
    return this.#reader.topic(topic, options);
  }

  topics(options: EventReadOptions): Promise<readonly EventTopic[]> {
    return this.#reader.topics(options);
  }

  stats(options: EventReadOptions): Promise<EventStats> {
    return this.#reader.stats(options);
  }

  /** This peer is about to stop: streams without an end go elsewhere. Whatever need not wait is served as ever. */
  drain(): void {
    this.#reader.close(new SkeinError("SHUTTING_DOWN", "this peer is about to stop"));
  }

  /** Nobody is answered here any more. @param reason what those are told who wait */
  close(reason: SkeinError): void {
    this.#retainer.close();
    this.#log.close();
    this.#reader.close(reason);
    this.#news.wakeAll();
  }
}
