/**
 * The leader's side of consuming, for all lanes that this peer leads: takes up what consumers' peers ask, and wakes
 * those who wait when an applied entry says that something is ready. Bounded in those who wait for one lane, and at
 * this peer: past that 429.
 */
import { SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { ReadyEffect } from "./answers.ts";
import { CANCEL_METHOD, CONSUME_METHOD, decodeQuestion, encodeAnswer } from "./consume_messages.ts";
import { LaneDesk } from "./lane_desk.ts";
import type { QueueCounters } from "./queue_counters.ts";
import type { QueueEdges } from "./queue_edges.ts";
import type { PeerId } from "../raft/entry.ts";
import { Waiter } from "./waiter.ts";

interface Open {
  readonly waiter: Waiter;
  readonly desk: LaneDesk;
}

export class DeliveryDesk {
  readonly #edges: QueueEdges;
  readonly #counters: QueueCounters;
  /** Lanes for which somebody waits. */
  readonly #desks = new Map<string, LaneDesk>();
  /** By the wait's id. */
  readonly #open = new Map<string, Open>();

  /** Answers what other peers, and this one, ask from now on. */
  constructor(edges: QueueEdges, counters: QueueCounters) {
    this.#edges = edges;
    this.#counters = counters;
    edges.groups.answer(CONSUME_METHOD, (group, body, timeoutMs) => {
      return this.#consume(group, body, timeoutMs);
    });
    edges.groups.answer(CANCEL_METHOD, (_group, wait) => {
      this.#cancel(wait);
      return Promise.resolve(null);
    });
  }

  /** Consumers that wait here, of all peers. */
  get waiting(): number {
    return this.#open.size;
  }

  async #consume(group: number, body: unknown, timeoutMs: number): Promise<unknown> {
    const question = decodeQuestion(body);
    if (this.#open.size >= LIMITS.queueWaitersTotalMax) throw tooMany("at this peer");
    const { topic, lane } = question.address;
    const desk = this.#deskOf(group, topic, lane);
    if (desk.open >= LIMITS.queueWaitersMax) throw tooMany(`for ${topic}`);
    const waiter = new Waiter(question, this.#edges.clock.monotonicMs(), timeoutMs);
    this.#open.set(question.wait, { waiter, desk });
    desk.open++;
    try {
      desk.take(waiter);
      return encodeAnswer(await waiter.answer);
    } finally {
      desk.open--;
      this.#open.delete(question.wait);
    }
  }

  #deskOf(group: number, topic: string, lane: number): LaneDesk {
    const name = deskName(group, topic, lane);
    const known = this.#desks.get(name);
    if (known !== undefined) return known;
    const desk = new LaneDesk(this.#edges, this.#counters, group, { topic, lane }, () => {
      if (this.#desks.get(name) === desk) this.#desks.delete(name);
    });
    this.#desks.set(name, desk);
    return desk;
  }

  /** What is not open has its answer, or was never here. */
  #cancel(wait: unknown): void {
    const open = typeof wait === "string" ? this.#open.get(wait) : undefined;
    if (open !== undefined) open.desk.cancel(open.waiter);
  }

  /** An entry was applied here that made something ready. */
  ready(group: number, { topic, lane }: ReadyEffect): void {
    if (this.#desks.size === 0) return;
    this.#desks.get(deskName(group, topic, lane))?.wake();
  }

  /** The state was replaced by a snapshot: anything may be ready. */
  restored(group: number): void {
    for (const desk of this.#desks.values()) if (desk.group === group) desk.wake();
  }

  /** Who waits for a lane of a group that this peer does not lead any more is told so. */
  notLed(group: number, leader: PeerId | null): void {
    const error = new SkeinError("NOT_LEADER", `this peer does not lead group ${group}`, {
      leader,
    });
    for (const desk of this.#desks.values()) if (desk.group === group) desk.sendAway(error);
  }

  /** Nobody is answered here any more. */
  close(reason: SkeinError): void {
    for (const desk of this.#desks.values()) desk.sendAway(reason);
  }
}

function deskName(group: number, topic: string, lane: number): string {
  return `${group} ${lane} ${topic}`;
}

function tooMany(where: string): SkeinError {
  return new SkeinError("TOO_MANY_REQUESTS", `too many consumers wait ${where}`);
}
