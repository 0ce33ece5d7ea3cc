/**
 * Group commit for small commands of many callers to one lane: while a few are under way the next ones gather, and then
 * go together. No timer: an idle way is taken at once, so whoever is alone waits for nobody.
 */

export interface GathererLimits {
  /** Sendings of one lane that are under way at once. */
  readonly underWayMax: number;
  /** Of one sending. A part that is larger goes alone. */
  readonly weightMax: number;
  readonly bytesMax: number;
}

/** What one caller adds to a sending. */
export interface GatheredPart {
  readonly weight: number;
  readonly bytes: number;
}

interface Lane<P> {
  readonly waiting: P[];
  underWay: number;
}

export class Gatherer<P extends GatheredPart> {
  readonly #limits: GathererLimits;
  readonly #send: (lane: string, parts: readonly P[]) => Promise<void>;
  /** Lanes that have something under way. */
  readonly #lanes = new Map<string, Lane<P>>();
  #waitingWeight = 0;
  #waitingBytes = 0;

  /** @param send settles every part that it is given; never rejects */
  constructor(
    limits: GathererLimits,
    send: (lane: string, parts: readonly P[]) => Promise<void>,
  ) {
    this.#limits = limits;
    this.#send = send;
  }

  /** What waits to be sent, over all lanes. */
  get waiting(): GatheredPart {
    return { weight: this.#waitingWeight, bytes: this.#waitingBytes };
  }

  add(name: string, part: P): void {
    let lane = this.#lanes.get(name);
    if (lane === undefined) this.#lanes.set(name, lane = { waiting: [], underWay: 0 });
    lane.waiting.push(part);
    this.#waitingWeight += part.weight;
    this.#waitingBytes += part.bytes;
    this.#sendWaiting(name, lane);
  }

  #sendWaiting(name: string, lane: Lane<P>): void {
    while (lane.waiting.length > 0 && lane.underWay < this.#limits.underWayMax) {
      lane.underWay++;
      this.#send(name, this.#take(lane)).finally(() => {
        lane.underWay--;
        this.#sendWaiting(name, lane);
        if (lane.underWay === 0) this.#lanes.delete(name);
      });
    }
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
