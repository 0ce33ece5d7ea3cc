/**
 * How long the path takes: the smoothed round trip, its variation, the timeout that follows (RFC 6298, with a
 * floor of one second), and the shortest round trip of the last minutes.
 */
import { BOUNDS } from "./bounds.ts";
import { WindowedBest } from "./windowed_best.ts";

export class RoundTrip {
  /** 0 before the first sample. */
  smoothedMs = 0;
  #variationMs = 0;
  #rtoMs: number = BOUNDS.rtoFirstMs;
  readonly #shortest = new WindowedBest(Math.min, BOUNDS.rttMinWindowMs, Infinity);

  get rtoMs(): number {
    return this.#rtoMs;
  }

  /** Infinity before the first sample. */
  get shortestMs(): number {
    return this.#shortest.value;
  }

  /** A round trip that holds the sleep of a machine is cut down to what is usual. */
  clamp(rttMs: number): number {
    if (this.smoothedMs === 0) return Math.min(rttMs, BOUNDS.rttMaxMs);
    const usualMs = this.smoothedMs + 5 * this.#variationMs;
    if (rttMs <= BOUNDS.outlierMs || rttMs <= usualMs) return rttMs;
    return Math.min(usualMs, BOUNDS.rttMaxMs);
  }

  /** @param rttMs of a packet that was sent once */
  sample(nowMs: number, rttMs: number): void {
    this.#shortest.add(nowMs, rttMs);
    if (this.smoothedMs === 0) {
      this.smoothedMs = rttMs;
      this.#variationMs = rttMs / 2;
    } else {
      this.#variationMs += (Math.abs(rttMs - this.smoothedMs) - this.#variationMs) / 4;
      this.smoothedMs += (rttMs - this.smoothedMs) / 8;
    }
    const timeoutMs = Math.max(this.smoothedMs + 4 * this.#variationMs, BOUNDS.rtoMinMs);
    this.#rtoMs = Math.min(timeoutMs, BOUNDS.rtoMaxMs);
  }
}
