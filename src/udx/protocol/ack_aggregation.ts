/**
 * How many more packets a bunch of acknowledgements names than the bandwidth explains: a receiver or a link
 * that gathers them leaves the sender idle in between, unless its window is larger by as much. Kept for
 * five to ten rounds, in two halves.
 */

const ROUNDS = 5;
/** However bunched, more than this at the bandwidth is never added. */
const EXTRA_MS_MAX = 100;

export class AckAggregation {
  readonly #extra: [number, number] = [0, 0];
  #half: 0 | 1 = 0;
  #rounds = 0;
  #epochAtMs: number;
  #epochPackets = 0;

  constructor(nowMs: number) {
    this.#epochAtMs = nowMs;
  }

  restart(nowMs: number): void {
    this.#epochAtMs = nowMs;
    this.#epochPackets = 0;
  }

  update(
    nowMs: number,
    acknowledged: number,
    { roundStarted, bandwidth, windowPackets }: {
      readonly roundStarted: boolean;
      readonly bandwidth: number;
      readonly windowPackets: number;
    },
  ): void {
    if (roundStarted && ++this.#rounds >= ROUNDS) {
      this.#rounds = 0;
      this.#half = this.#half === 0 ? 1 : 0;
      this.#extra[this.#half] = 0;
    }
    let expected = bandwidth * (nowMs - this.#epochAtMs);
    if (this.#epochPackets <= expected) {
      this.restart(nowMs);
      expected = 0;
    }
    this.#epochPackets += acknowledged;
    const extra = Math.min(Math.floor(this.#epochPackets - expected), windowPackets);
    if (extra > this.#extra[this.#half]) this.#extra[this.#half] = extra;
  }

  extraPackets(bandwidth: number): number {
    const most = Math.floor(bandwidth * EXTRA_MS_MAX);
    return Math.min(Math.max(this.#extra[0], this.#extra[1]), most);
  }
}
