/**
 * Group commit for small commands of many callers to one place, a _lane_: while a sending is under way the next ones
 * gather, and then go together. An idle way is taken at once, so whoever is alone waits for nobody.
 *
 * Those who were answered together mostly ask again together, yet one after the other, each over its own connection. Sent
 * at once, the first of them would go alone and the others wait for it; and callers would fall apart into two halves, of
 * which one waits while the other is under way. So after a sending of several the next one waits until all are there
 * again, those that it answered and those that gathered meanwhile, for as long as it took at most: what they wait for
 * company they gain by not waiting for each other.
 *
 * While sendings fail slowly, as without a leader, those behind them wait no longer than one alone would try.
 */
import { assert } from "../assert.ts";
import type { Clock, Timer } from "../clock.ts";
import { SkeinError } from "../errors.ts";

/** Where sendings take long, company is not waited for that long. */
const PATIENCE_MS_MAX = 10;

export interface GathererLimits {
  /** Of one sending. A part that is larger goes alone. */
  readonly weightMax: number;
  readonly bytesMax: number;
  /** Of what waits, over all lanes; past it nothing more is to be added. */
  readonly waitingWeightMax: number;
  readonly waitingBytesMax: number;
  /** Whoever waited longer when its turn comes is not sent any more. */
  readonly waitingMsMax: number;
}

/** What one caller adds to a sending. */
export interface GatheredPart {
  readonly weight: number;
  readonly bytes: number;
}

interface Waiting<P> {
  readonly part: P;
  readonly sinceMs: number;
}

/** What becomes of a part. */
export interface GathererEdges<P> {
  /** Settles every part that it is given; never rejects. */
  send(lane: string, parts: readonly P[]): Promise<void>;
  /** It waited too long, and is not sent. */
  refuse(part: P, reason: SkeinError): void;
}

/** Idle lanes are not kept. */
interface Lane<P> {
  readonly waiting: Waiting<P>[];
  underWay: boolean;
  /** How many are to be there when the next sending goes. */
  expected: number;
  patience: Timer | null;
}

export class Gatherer<P extends GatheredPart> {
  readonly #clock: Pick<Clock, "monotonicMs" | "timer">;
  readonly #limits: GathererLimits;
  readonly #edges: GathererEdges<P>;
  readonly #lanes = new Map<string, Lane<P>>();
  #waitingWeight = 0;
  #waitingBytes = 0;

  constructor(
    clock: Pick<Clock, "monotonicMs" | "timer">,
    limits: GathererLimits,
    edges: GathererEdges<P>,
  ) {
    this.#clock = clock;
    this.#limits = limits;
    this.#edges = edges;
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
    lane.waiting.push({ part, sinceMs: this.#clock.monotonicMs() });
    this.#waitingWeight += part.weight;
    this.#waitingBytes += part.bytes;
    if (!lane.underWay && lane.waiting.length >= lane.expected) this.#sendWaiting(name, lane);
  }

  #sendWaiting(name: string, lane: Lane<P>): void {
    lane.patience?.cancel();
    lane.patience = null;
    lane.expected = 0;
    this.#refuseLate(lane);
    if (lane.waiting.length === 0) {
      this.#lanes.delete(name);
      return;
    }
    lane.underWay = true;
    const parts = this.#take(lane);
    const leftOver = lane.waiting.length;
    const beganMs = this.#clock.monotonicMs();
    this.#edges.send(name, parts).finally(() => {
      lane.underWay = false;
      // What one sending had no room for fills the next one, more or less: it goes on.
      if (parts.length === 1 || leftOver > 0) this.#sendWaiting(name, lane);
      else this.#await(name, lane, parts.length, this.#clock.monotonicMs() - beganMs);
    });
  }

  #await(name: string, lane: Lane<P>, answered: number, tookMs: number): void {
    lane.expected = answered + lane.waiting.length;
    const patienceMs = Math.min(tookMs, PATIENCE_MS_MAX);
    lane.patience = this.#clock.timer(patienceMs, () => this.#sendWaiting(name, lane));
  }

  #take({ waiting }: Lane<P>): readonly P[] {
    const { weightMax, bytesMax } = this.#limits;
    let [count, weight, bytes] = [0, 0, 0];
    for (const { part } of waiting) {
      const isFull = weight + part.weight > weightMax || bytes + part.bytes > bytesMax;
      if (count > 0 && isFull) break;
      weight += part.weight;
      bytes += part.bytes;
      count++;
    }
    return this.#taken(waiting.splice(0, count));
  }

  #refuseLate({ waiting }: Lane<P>): void {
    const latestMs = this.#clock.monotonicMs() - this.#limits.waitingMsMax;
    const onTime = waiting.findIndex(({ sinceMs }) => sinceMs >= latestMs);
    const late = this.#taken(waiting.splice(0, onTime < 0 ? waiting.length : onTime));
    if (late.length === 0) return;
    const reason = new SkeinError("UNAVAILABLE", "what was sent there before takes too long");
    for (const part of late) this.#edges.refuse(part, reason);
  }

  #taken(waiting: readonly Waiting<P>[]): readonly P[] {
    return waiting.map(({ part }) => {
      this.#waitingWeight -= part.weight;
      this.#waitingBytes -= part.bytes;
      return part;
    });
  }
}
