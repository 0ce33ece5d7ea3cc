/**
 * Lets callers wait until a group's leader may have changed, so that a retry comes at once after an
 * election and not at the end of a back-off.
 */
import type { Clock } from "../clock.ts";
import type { GroupId } from "../storage/storage.ts";

export class LeaderWatch {
  readonly #clock: Clock;
  readonly #watching = new Map<GroupId, Set<() => void>>();
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * @param changed called at every change from now on
   * @returns ends that
   */
  watch(group: GroupId, changed: () => void): () => void {
    const watching = this.#watching.get(group) ?? new Set();
    this.#watching.set(group, watching);
    watching.add(changed);
    return () => {
      watching.delete(changed);
      if (watching.size === 0 && this.#watching.get(group) === watching) {
        this.#watching.delete(group);
      }
    };
  }

  /** Resolves at the next change, or after the delay; at once when nobody waits for anything any more. */
  wait(group: GroupId, delayMs: number): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      const finish = () => {
        timer.cancel();
        unwatch();
        resolve();
      };
      const unwatch = this.watch(group, finish);
      const timer = this.#clock.timer(delayMs, finish);
    });
  }

  changed(group: GroupId): void {
    for (const changed of [...this.#watching.get(group) ?? []]) changed();
  }

  /** Something changed that may concern every group. */
  allChanged(): void {
    for (const group of [...this.#watching.keys()]) this.changed(group);
  }

  /** The end: whoever waits goes on now. */
  close(): void {
    this.#closed = true;
    this.allChanged();
  }
}
