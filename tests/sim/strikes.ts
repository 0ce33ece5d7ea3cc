/**
 * When faults strike and are undone: each kind by itself, as chance has it, until the world is healed.
 */
import type { Random } from "../../src/random.ts";
import { exponentialMs } from "./fault_rates.ts";
import type { Scheduler } from "./virtual_time.ts";

export class Strikes {
  /** How often each kind of fault struck. */
  readonly counts = new Map<string, number>();
  readonly #scheduler: Scheduler;
  readonly #random: Random;
  #isOver = false;

  constructor(scheduler: Scheduler, random: Random) {
    this.#scheduler = scheduler;
    this.#random = random;
  }

  /**
   * @param periodMs mean time between two strikes; Infinity: never
   * @param name of the fault, in the trace and for a person
   */
  every(periodMs: number, name: string, strike: () => void): void {
    if (periodMs === Infinity) return;
    const again = () =>
      this.#scheduler.after(exponentialMs(this.#random, periodMs), null, name, () => {
        if (this.#isOver) return;
        this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
        strike();
        again();
      });
    again();
  }

  /** Undoes something after so long, unless healing has undone it already. */
  after(delayMs: number, undo: () => void): void {
    this.#scheduler.after(delayMs, null, "undo", () => {
      if (!this.#isOver) undo();
    });
  }

  /** Nothing strikes any more, and whoever heals undoes everything. */
  end(): void {
    this.#isOver = true;
  }
}
