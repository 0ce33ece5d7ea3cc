/**
 * How many lines of one kind a log may take: a flood is cut to so many a second. What went without a line is counted, and
 * told before the next one.
 */
import type { Clock } from "./clock.ts";

export interface LineBudgetOptions {
  readonly linesPerSecond: number;
  /** So many at once, after a pause. */
  readonly linesMax: number;
  /** Logs how much went without a line since the last one. */
  tellUntold(count: number): void;
}

export class LineBudget {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #options: LineBudgetOptions;
  #lines: number;
  #filledMs: number;
  #untold = 0;

  constructor(clock: Pick<Clock, "monotonicMs">, options: LineBudgetOptions) {
    this.#clock = clock;
    this.#options = options;
    this.#lines = options.linesMax;
    this.#filledMs = clock.monotonicMs();
  }

  /**
   * @param count how much the line would tell of
   * @returns whether it may be written, and is counted as such
   */
  take(count: number): boolean {
    const { linesPerSecond, linesMax } = this.#options;
    const nowMs = this.#clock.monotonicMs();
    const filled = (nowMs - this.#filledMs) * linesPerSecond / 1_000;
    this.#lines = Math.min(linesMax, this.#lines + filled);
    this.#filledMs = nowMs;
    if (this.#lines < 1) {
      this.#untold += count;
      return false;
    }
    this.#lines--;
    this.tellUntold();
    return true;
  }

  /** Says now how much went without a line, if any did. */
  tellUntold(): void {
    if (this.#untold > 0) this.#options.tellUntold(this.#untold);
    this.#untold = 0;
  }
}
