/**
 * Group commit for small commands of many callers to one lane: while a sending is under way the next ones gather, and
 * then go together. An idle way is taken at once, so whoever is alone waits for nobody.
 *
 * Those who were answered together mostly ask again together, yet one after the other, each over its own connection. Sent
 * at once, the first of them would go alone and the others wait for it. So after a sending of several the next one waits
 * until as many are there again, for a moment at most.
 */
import { assert } from "../assert.ts";
import type { Clock, Timer } from "../clock.ts";
import { LIMITS } from "../limits.ts";

/** How long those who were answered are waited for: less than a sending takes. */
const RETURN_MS_MAX = 1;

export interface GathererLimits {
  /** Of one sending. A part that is larger goes alone. */
  readonly weightMax: number;
  readonly bytesMax: number;
  /** Of what waits, over all lanes; past it nothing more is to be added. */
  readonly waitingWeightMax: number;
  readonly waitingBytesMax: number;
}

/** Of messages, or names of them, on their way to lanes. */
export const GATHERED: GathererLimits = {
  weightMax: LIMITS.queueBatchMax,
  bytesMax: LIMITS.appendBytesMax,
  waitingWeightMax: LIMITS.pendingProposalsMax,
  waitingBytesMax: LIMITS.pendingProposalBytesMax,
};

/** What one caller adds to a sending. */
export interface GatheredPart {
  readonly weight: number;
  readonly bytes: number;
}

/** Idle lanes are not kept. */
interface Lane<P> {
  readonly waiting: P[];
  underWay: boolean;
  /** How many were answered together, and are waited for. */
  expected: number;
  patience: Timer | null;
}

export class Gatherer<P extends GatheredPart> {
  readonly #clock: Pick<Clock, "timer">;
  readonly #limits: GathererLimits;
  readonly #send: (lane: string, parts: readonly P[]) => Promise<void>;
  readonly #lanes = new Map<string, Lane<P>>();
  #waitingWeight = 0;
  #waitingBytes = 0;

  /** @param send settles every part that it is given; never rejects */
  constructor(
    clock: Pick<Clock, "timer">,
    limits: GathererLimits,
    send: (lane: string, parts: readonly P[]) => Promise<void>,
  ) {
    this.#clock = clock;
    this.#limits = limits;
    this.#send = send;
  }

  get isFull(): boolean {
    const { waitingWeightMax, waitingBytesMax } = this.#limits;
    return this.#waitingWeight >= waitingWeightMax || this.#waitingBytes >= waitingBytesMax;
  }

  /** Adding to one that is full is a bug: ask first. */
  add(name: string, part: P): void {
    assert(!this.isFull, "what gathers is bounded");
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = { waiting: [], underWay: false, expected: 0, patience: null };
      this.#lanes.set(name, lane);
    }
    lane.waiting.push(part);
    this.#waitingWeight += part.weight;
    this.#waitingBytes += part.bytes;
    if (!lane.underWay && lane.waiting.length >= lane.expected) this.#sendWaiting(name, lane);
  }

  #sendWaiting(name: string, lane: Lane<P>): void {
    lane.patience?.cancel();
    lane.patience = null;
    lane.expected = 0;
    if (lane.waiting.length === 0) {
      this.#lanes.delete(name);
      return;
    }
    lane.underWay = true;
    const parts = this.#take(lane);
    this.#send(name, parts).finally(() => {
      lane.underWay = false;
      if (parts.length === 1 || lane.waiting.length >= parts.length) this.#sendWaiting(name, lane);
      else this.#await(name, lane, parts.length);
    });
  }

  #await(name: string, lane: Lane<P>, expected: number): void {
    lane.expected = expected;
    lane.patience = this.#clock.timer(RETURN_MS_MAX, () => this.#sendWaiting(name, lane));
  }

  #take({ waiting }: Lane<P>): readonly P[] {
    const { weightMax, bytesMax } = this.#limits;
    let [count, weight, bytes] = [0, 0, 0];
    for (const part of waiting) {
      const isFull = weight + part.weight > weightMax || bytes + part.bytes > bytesMax;
      if (count > 0 && isFull) break;
      weight += part.weight;
      bytes += part.bytes;
      count++;
    }
    this.#waitingWeight -= weight;
    this.#waitingBytes -= bytes;
    return waiting.splice(0, count);
  }
}
