/**
 * One consumer's request at the peer that it came to: asks the leaders of the topic's lanes for messages, in rounds,
 * until there are some or its wait is over. A leader that is lost is asked again, or the next one is: what was delivered
 * by an answer that was lost comes back to the queue when its visibility timeout is over. Where the topic has several
 * lanes, one after the other is asked for what it has; if none has any, all are waited for, and the first that has
 * something wins.
 */
import type { Clock } from "../clock.ts";
import { SkeinError } from "../errors.ts";
import { murmur3 } from "../ring/murmur3.ts";
import { type HandBack, LaneQuestion } from "./lane_question.ts";
import type { ConsumeRequest, Delivery } from "./queue.ts";
import { groupOf, type QueueEdges } from "./queue_edges.ts";
import { laneRequest } from "./request_parts.ts";
import type { TopicRoutes } from "./topic_routes.ts";

const RETRY_MS = 50;
/** Refusals from which something is learned. */
const LESSONS_MAX = 4;

export interface LongPollEdges {
  readonly queue: QueueEdges;
  readonly routes: TopicRoutes;
  readonly handBack: HandBack;
  /** Names a question, unlike any other in the cluster. */
  mintWait(): string;
}

/** How lanes are asked in one round. */
interface Round {
  readonly waitMs: number;
  readonly waitedMs: number;
  readonly last: boolean;
}

export class LongPoll {
  readonly #edges: LongPollEdges;
  readonly #request: ConsumeRequest;
  readonly #waitMs: number;
  readonly #clock: Clock;
  readonly #questions = new Set<LaneQuestion>();
  readonly #left = Promise.withResolvers<never>();
  #hasLeft = false;
  #lessons = 0;

  /** @param waitMs how long to wait at most; the request's, or less where this peer is about to stop */
  constructor(edges: LongPollEdges, request: ConsumeRequest, waitMs: number) {
    this.#edges = edges;
    this.#request = request;
    this.#waitMs = Math.round(waitMs);
    this.#clock = edges.queue.clock;
    this.#left.promise.catch(() => {});
  }

  /**
   * @returns what was delivered; none once the wait is over
   * @throws {SkeinError} by rejection; and what `leave` gave
   */
  async run(): Promise<readonly Delivery[]> {
    const beganMs = this.#clock.monotonicMs();
    const { roundMs } = this.#edges.queue.timeouts;
    for (;;) {
      if (this.#hasLeft) return await this.#left.promise;
      const waitedMs = Math.floor(this.#clock.monotonicMs() - beganMs);
      const leftMs = Math.max(0, this.#waitMs - waitedMs);
      const waitMs = Math.min(leftMs, roundMs);
      const last = waitMs === leftMs;
      try {
        const deliveries = await this.#round({ waitMs, waitedMs, last });
        if (deliveries.length > 0 || last) return deliveries;
      } catch (error) {
        if (this.#hasLeft) throw error;
        const passedMs = this.#clock.monotonicMs() - beganMs;
        if (!await this.#goesOn(error, passedMs)) throw error;
      }
    }
  }

  /**
   * Nobody waits for it here any more: `run` rejects, and what is delivered all the same is handed back.
   * @returns resolves when that is done
   */
  async leave(reason: unknown): Promise<void> {
    this.#hasLeft = true;
    this.#left.reject(reason);
    await Promise.all(Array.from(this.#questions, (question) => question.cancel()));
  }

  /** Whether another attempt is worth it, once that may be made. */
  async #goesOn(error: unknown, passedMs: number): Promise<boolean> {
    if (!(error instanceof SkeinError)) return false;
    if (this.#edges.routes.learnFrom(this.#request.topic, error)) {
      return this.#lessons++ < LESSONS_MAX;
    }
    if (!this.#isPassing(error, passedMs)) return false;
    const paused = Promise.withResolvers<void>();
    const timer = this.#clock.timer(RETRY_MS, paused.resolve);
    try {
      await Promise.race([paused.promise, this.#left.promise]);
      return true;
    } finally {
      timer.cancel();
    }
  }

  #isPassing({ code }: SkeinError, passedMs: number): boolean {
    switch (code) {
      case "OUTCOME_UNKNOWN":
        // The leader may have been lost at any time: one that waits for nothing may ask the next one too.
        return passedMs < Math.max(this.#waitMs, this.#edges.queue.timeouts.proposeMs);
      case "NO_LEADER":
      case "NOT_LEADER":
      case "UNAVAILABLE":
        return passedMs < this.#waitMs;
      default:
        return false;
    }
  }

  async #round(round: Round): Promise<readonly Delivery[]> {
    const lanes = this.#edges.routes.settingsOf(this.#request.topic)?.options.lanes ?? 1;
    if (lanes === 1) return await this.#first([0], round);
    const now = { ...round, waitMs: 0, last: false };
    const order = this.#order(lanes);
    for (const lane of order) {
      const deliveries = await this.#first([lane], now).catch((error) => {
        // One that cannot be reached does not keep the others' messages back.
        if (this.#hasLeft || !(error instanceof SkeinError)) throw error;
        return [];
      });
      if (deliveries.length > 0) return deliveries;
    }
    return await this.#first(order, round);
  }

  /** A request under an id of its caller's meets the lane first where it may have met messages before. */
  #order(lanes: number): readonly number[] {
    const { request } = this.#request;
    const first = request === null
      ? this.#edges.routes.nextLane(lanes)
      : murmur3(request.kind === "caller" ? request.id : `${request.sequence}`) % lanes;
    return Array.from({ length: lanes }, (_, place) => (first + place) % lanes);
  }

  /** @returns what the first of these lanes has that has something; none where no lane has */
  async #first(lanes: readonly number[], round: Round): Promise<readonly Delivery[]> {
    const questions = lanes.map((lane) => this.#ask(lane, round));
    const { promise, resolve, reject } = Promise.withResolvers<readonly Delivery[]>();
    let open = questions.length;
    let failure: unknown = null;
    const ended = () => {
      if (--open > 0) return;
      if (failure === null) resolve([]);
      else reject(failure);
    };
    for (const question of questions) {
      question.answered.then(() => {
        const deliveries = question.claim();
        if (deliveries.length === 0) return ended();
        for (const other of questions) if (other !== question) void other.cancel();
        resolve(deliveries);
      }).catch((error) => {
        failure ??= error;
        ended();
      });
    }
    try {
      return await Promise.race([promise, this.#left.promise]);
    } finally {
      for (const question of questions) this.#questions.delete(question);
    }
  }

  #ask(lane: number, { waitMs, waitedMs, last }: Round): LaneQuestion {
    const { topic, consumer, max, visibilityMs, request } = this.#request;
    const { queue, routes, handBack } = this.#edges;
    const question = new LaneQuestion(queue, groupOf(queue, topic, lane), {
      wait: this.#edges.mintWait(),
      address: routes.addressOf(topic, lane),
      consumer,
      max,
      visibilityMs: visibilityMs === null ? null : Math.round(visibilityMs),
      waitMs,
      waitedMs,
      last,
      request: laneRequest(request, lane),
    }, handBack);
    this.#questions.add(question);
    return question;
  }
}
