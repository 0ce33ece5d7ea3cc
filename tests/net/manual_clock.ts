/** A clock that stands still until a test moves it; timers fire in the order of their deadlines. */
import type { Clock, Timer } from "../../src/clock.ts";

interface Pending {
  readonly atMs: number;
  readonly fire: () => void;
}

export class ManualClock implements Clock {
  #nowMs = 1_000;
  readonly #pending = new Set<Pending>();

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  timer(delayMs: number, fire: () => void): Timer {
    const pending = { atMs: this.#nowMs + delayMs, fire };
    this.#pending.add(pending);
    return { cancel: () => void this.#pending.delete(pending) };
  }

  /** Timers that were started and neither fired nor cancelled. */
  get timers(): number {
    return this.#pending.size;
  }

  /** Moves on by this much, firing what falls due on the way. */
  advance(spanMs: number): void {
    const endMs = this.#nowMs + spanMs;
    while (true) {
      const [due] = [...this.#pending].filter(({ atMs }) => atMs <= endMs)
        .sort((left, right) => left.atMs - right.atMs);
      if (due === undefined) break;
      this.#pending.delete(due);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.fire();
    }
    this.#nowMs = endMs;
  }
}
