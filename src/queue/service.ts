/**
 * The queue as callers at this peer use it, over the partitions of the cluster: publishes and settles by proposals,
 * consumes and reads by questions to the lanes' leaders, and answers such questions where this peer leads. The rules
 * are in the machine; what is kept here is lost with the process, and costs no message.
 */
import { SkeinError } from "../errors.ts";
import type { RequestKey } from "../groups/groups.ts";
import type { Effect } from "../groups/machine.ts";
import type { QueueEffect } from "./answers.ts";
import { Consumers } from "./consumers.ts";
import { DeliveryDesk } from "./delivery_desk.ts";
import { LaneAnswers } from "./lane_answers.ts";
import { Pauses } from "./pauses.ts";
import { Publisher } from "./publisher.ts";
import type {
  ConsumeRequest,
  DeadLetter,
  Delivery,
  PublishedItem,
  PublishRequest,
  Queue,
  ReadOptions,
  SettleRequest,
  SettleResult,
  TopicView,
} from "./queue.ts";
import { QueueCounters, type QueueStatistics } from "./queue_counters.ts";
import type { QueueEdges } from "./queue_edges.ts";
import { QueueLog } from "./queue_log.ts";
import { checkDeliveries, checkRefusal, checkVisibility } from "./queue_requests.ts";
import { Settler, type Settling } from "./settler.ts";
import type { TopicChanges } from "./topic_options.ts";
import { TopicReads } from "./topic_reads.ts";
import { TopicRoutes } from "./topic_routes.ts";
import { TopicUpkeep } from "./topic_upkeep.ts";

export class QueueService implements Queue {
  readonly counters = new QueueCounters();
  readonly #edges: QueueEdges;
  readonly #publisher: Publisher;
  readonly #consumers: Consumers;
  readonly #settler: Settler;
  readonly #reads: TopicReads;
  readonly #upkeep: TopicUpkeep;
  readonly #desk: DeliveryDesk;
  readonly #log: QueueLog;
  readonly #pauses: Pauses;
  /** Groups that this peer leads. */
  readonly #led = new Set<number>();

  /** Answers questions of the queue from now on. */
  constructor(edges: QueueEdges) {
    this.#edges = edges;
    const routes = new TopicRoutes();
    this.#reads = new TopicReads(edges, routes, new LaneAnswers(edges));
    this.#settler = new Settler(edges, (topic) => this.#reads.lanesOf(topic));
    this.#publisher = new Publisher(edges, routes, this.counters);
    this.#consumers = new Consumers(edges, routes, this.#settler, this.counters);
    this.#pauses = new Pauses(edges.clock);
    this.#upkeep = new TopicUpkeep(edges, routes, this.#reads, this.#pauses);
    this.#desk = new DeliveryDesk(edges, this.counters);
    this.#log = new QueueLog(edges.clock, edges.logger);
  }

  /** Consumers that are held open at this peer, and those of all peers that wait for lanes that it leads. */
  get consumers(): { readonly open: number; readonly waiting: number } {
    return { open: this.#consumers.open, waiting: this.#desk.waiting };
  }

  /** Takes time that grows with the number of partitions only. */
  statistics(): QueueStatistics {
    let messages = 0;
    for (const group of this.#led) messages += this.#edges.replicaOf(group)?.queue.count ?? 0;
    const { open, waiting } = this.consumers;
    return { ...this.counters, messages, consumers: open, waiting };
  }

  /** A replica of a partition came to be at this peer. */
  attach(group: number): void {
    if (this.#edges.groups.status(group)?.role === "leader") this.#led.add(group);
    this.#edges.groups.listen(group, {
      effects: (effects, _context, replayed) => this.#effects(group, effects, replayed),
      restored: () => this.#desk.restored(group),
      status: (status) => {
        if (status.role === "leader") this.#led.add(group);
        else this.#led.delete(group);
        if (status.role !== "leader") this.#desk.notLed(group, status.leader);
      },
    });
  }

  /** This peer's replica was removed for good: who waits for its lanes asks elsewhere. */
  detach(group: number): void {
    this.#led.delete(group);
    this.#desk.notLed(group, null);
  }

  /** What is applied again after a start was told and counted before; but whoever waits here came since. */
  #effects(group: number, effects: readonly Effect[], replayed: boolean): void {
    const isNews = !replayed && this.#led.has(group);
    for (const effect of effects as readonly QueueEffect[]) {
      switch (effect.kind) {
        case "ready":
          this.#desk.ready(group, effect);
          break;
        case "redelivery":
          if (!isNews) break;
          this.counters.redelivered += effect.count;
          this.#log.redelivered(effect);
          break;
        case "deadLetter":
          if (!isNews) break;
          this.counters.deadLettered += effect.count;
          this.#log.deadLettered(effect);
          break;
      }
    }
  }

  publish(request: PublishRequest): Promise<readonly PublishedItem[]> {
    return this.#publisher.publish(request);
  }

  consume(request: ConsumeRequest): Promise<readonly Delivery[]> {
    return this.#consumers.consume(request);
  }

  async acknowledge(request: SettleRequest): Promise<readonly SettleResult[]> {
    const results = await this.#settle(request, (name) => ({ kind: "acknowledge", ...name }));
    this.counters.acknowledged += settledCount(results);
    return results;
  }

  async refuse(
    request: SettleRequest & { readonly delayMs: number | null; readonly reason: string | null },
  ): Promise<readonly SettleResult[]> {
    const { reason } = request;
    checkRefusal(request.delayMs, reason);
    const delayMs = request.delayMs === null ? null : Math.round(request.delayMs);
    const results = await this.#settle(request, (name) => {
      return { kind: "refuse", ...name, delayMs, reason };
    });
    this.counters.refused += settledCount(results);
    return results;
  }

  async extend(
    request: SettleRequest & { readonly visibilityMs: number | null },
  ): Promise<readonly SettleResult[]> {
    checkVisibility(request.visibilityMs);
    const visibilityMs = request.visibilityMs === null ? null : Math.round(request.visibilityMs);
    return await this.#settle(request, (name) => ({ kind: "extend", ...name, visibilityMs }));
  }

  async #settle(
    { topic, deliveries, request }: SettleRequest,
    command: Settling,
  ): Promise<readonly SettleResult[]> {
    checkDeliveries(topic, deliveries);
    const timeoutMs = this.#edges.timeouts.proposeMs;
    return await this.#settler.settle({ topic, deliveries, request, timeoutMs, command });
  }

  async configure(
    topic: string,
    options: TopicChanges,
    request: RequestKey | null,
  ): Promise<TopicView> {
    await this.#upkeep.configure(topic, options, request);
    return await this.#reads.stats(topic, { stale: false });
  }

  stats(topic: string, options: ReadOptions): Promise<TopicView> {
    return this.#reads.stats(topic, options);
  }

  topics(options: ReadOptions): Promise<readonly TopicView[]> {
    return this.#reads.topics(options);
  }

  dead(
    topic: string,
    page: { readonly max: number; readonly after: string | null },
    options: ReadOptions,
  ): Promise<readonly DeadLetter[]> {
    return this.#reads.dead(topic, page, options);
  }

  requeue(
    topic: string,
    which: { readonly ids: readonly string[] | null; readonly ratePerSecond: number | null },
    request: RequestKey | null,
    signal: AbortSignal | null,
  ): Promise<number> {
    return this.#upkeep.requeue(topic, { ...which, request, signal });
  }

  purge(
    topic: string,
    what: "ready" | "dead" | "all",
    request: RequestKey | null,
  ): Promise<number> {
    return this.#upkeep.purge(topic, what, request);
  }

  /**
   * This peer is about to stop: nobody waits here any more, and long work ends. Whatever need not wait is served as ever.
   * @returns resolves when those who waited have left their leaders, or soon
   */
  async drain(): Promise<void> {
    this.#pauses.end(new SkeinError("SHUTTING_DOWN", "this peer is about to stop"));
    await this.#consumers.drain();
  }

  /** Nobody is answered here any more. @param reason what those are told who wait */
  close(reason: SkeinError): void {
    this.#pauses.end(reason);
    this.#consumers.close(reason);
    this.#desk.close(reason);
  }
}

function settledCount(results: readonly SettleResult[]): number {
  return results.reduce((count, { ok }) => count + Number(ok), 0);
}
