/**
 * A ceiling for the window on paths of a millisecond or two: there, what is lost is lost because the receiver's
 * buffer was full while its process was not running, and the model, which cannot tell so short round trips,
 * would fill it again and again. On longer paths loss says little, and there is no ceiling.
 */

const SHORT_MS = 2;
const LOSS_RATE_MAX = 0.02;
const BACK_OFF = 0.8;
const CEILING_MIN_PACKETS = 16;
const STEP_PACKETS = 2;

export class ShortPathCeiling {
  #packets = Infinity;
  #lost = 0;
  #acknowledged = 0;

  get packets(): number {
    return this.#packets;
  }

  /** @param windowPackets that were allowed until now */
  update(
    { lost, acknowledged, roundStarted, shortestRttMs, windowPackets }: {
      readonly lost: number;
      readonly acknowledged: number;
      readonly roundStarted: boolean;
      readonly shortestRttMs: number;
      readonly windowPackets: number;
    },
  ): void {
    this.#lost += lost;
    this.#acknowledged += acknowledged;
    if (!roundStarted) return;
    const lostMuch = this.#lost > LOSS_RATE_MAX * (this.#lost + this.#acknowledged);
    this.#lost = 0;
    this.#acknowledged = 0;
    if (shortestRttMs > SHORT_MS) this.#packets = Infinity;
    else if (lostMuch) {
      const lower = Math.floor(Math.min(this.#packets, windowPackets) * BACK_OFF);
      this.#packets = Math.max(lower, CEILING_MIN_PACKETS);
    } else this.#packets += STEP_PACKETS;
  }
}
