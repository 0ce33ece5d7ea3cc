/** A clock that moves only when a test says so, and fires what became due, in order. */
import type { Clock, Timer } from "../src/clock.ts";

interface Armed {
  readonly atMs: number;
  readonly sequence: number;
  readonly fire: () => void;
}

export class ManualClock implements Clock {
  #nowMs = 0;
  #sequence = 0;
  readonly #armed = new Set<Armed>();

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  timer(delayMs: number, fire: () => void): Timer {
    const armed = { atMs: this.#nowMs + delayMs, sequence: this.#sequence++, fire };
    this.#armed.add(armed);
    return { cancel: () => void this.#armed.delete(armed) };
  }

  get timers(): number {
    return this.#armed.size;
  }

  /** Moves on by this much; timers fire at their own times on the way. */
  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (let next = this.#next(untilMs); next !== null; next = this.#next(untilMs)) {
      this.#armed.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.fire();
    }
    this.#nowMs = untilMs;
  }

  #next(untilMs: number): Armed | null {
    let next: Armed | null = null;
    for (const armed of this.#armed) {
      if (armed.atMs > untilMs) continue;
      const earlier = next === null || armed.atMs < next.atMs ||
        (armed.atMs === next.atMs && armed.sequence < next.sequence);
      if (earlier) next = armed;
    }
    return next;
  }
}
