/**
 * Lets callers wait until a group's leader may have changed, so that a retry comes at once after an
 * election and not at the end of a back-off.
 */
import type { Clock } from "../clock.ts";

export class LeaderWatch {
  readonly #clock: Clock;
  readonly #waiting = new Map<number, Set<() => void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves at the next `changed(group)`, or after the delay. */
  wait(group: number, delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(group) ?? new Set();
      this.#waiting.set(group, waiting);
      const finish = () => {
        timer.cancel();
        waiting.delete(finish);
        resolve();
      };
      const timer = this.#clock.timer(delayMs, finish);
      waiting.add(finish);
    });
  }

  changed(group: number): void {
    for (const finish of [...this.#waiting.get(group) ?? []]) finish();
  }
}
