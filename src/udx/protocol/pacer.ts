/**
 * When the next packet may leave: a bucket of bytes that fills at the pacing rate. A packet may overdraw it,
 * and what is overdrawn is waited for, so that the rate holds whatever the packets' sizes; what filled while
 * nobody sent is worth a few milliseconds at most.
 */
import { BOUNDS } from "./bounds.ts";

/** A process that was held up for this long may send what it missed. */
const BURST_MS = 10;
const FIRST_BYTES = 25_000;

export class Pacer {
  #tokenBytes = FIRST_BYTES;
  #filledAtMs: number;

  constructor(nowMs: number) {
    this.#filledAtMs = nowMs;
  }

  /** Whether a packet may leave now. */
  maySend(nowMs: number, bytesPerMs: number): boolean {
    const elapsedMs = nowMs - this.#filledAtMs;
    if (elapsedMs > 0) {
      const mostBytes = Math.max(this.#tokenBytes, BURST_MS * bytesPerMs);
      this.#tokenBytes = Math.min(this.#tokenBytes + elapsedMs * bytesPerMs, mostBytes);
      this.#filledAtMs = nowMs;
    }
    return this.#tokenBytes > 0;
  }

  spend(bytes: number): void {
    this.#tokenBytes -= bytes;
  }

  /** When `maySend` turns true, where it was false. */
  nextAtMs(bytesPerMs: number): number {
    const waitMs = -this.#tokenBytes / bytesPerMs;
    return this.#filledAtMs + Math.max(BOUNDS.timerGrainMs, waitMs);
  }
}
