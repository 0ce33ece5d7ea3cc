/**
 * Who waits at this peer for new events of a topic, woken by what its own replica applies. Each is woken once, and looks
 * for itself what there is: that a topic has more is only a reason to read.
 */
import type { Clock } from "../clock.ts";
import { SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

export class EventNews {
  readonly #clock: Pick<Clock, "timer">;
  /** Group → topic → who waits. */
  readonly #waiting = new Map<number, Map<string, Set<() => void>>>();
  #count = 0;

  constructor(clock: Pick<Clock, "timer">) {
    this.#clock = clock;
  }

  /** How many wait. */
  get count(): number {
    return this.#count;
  }

  /**
   * @param signal ends the wait
   * @returns resolves with the next news of the topic, or when the time is over
   * @throws {SkeinError} by rejection: TOO_MANY_REQUESTS where too many wait already
   */
  wait(group: number, topic: string, waitMs: number, signal: AbortSignal | null): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    if (this.#count >= LIMITS.eventTailsMax) {
      const message = "too many wait at this peer for new events";
      return Promise.reject(new SkeinError("TOO_MANY_REQUESTS", message));
    }
    return new Promise((resolve) => {
      const waiting = this.#of(group, topic);
      const wake = () => {
        if (!waiting.delete(wake)) return;
        this.#count--;
        if (waiting.size === 0) this.#forget(group, topic, waiting);
        timer.cancel();
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const timer = this.#clock.timer(waitMs, wake);
      signal?.addEventListener("abort", wake);
      waiting.add(wake);
      this.#count++;
    });
  }

  #of(group: number, topic: string): Set<() => void> {
    let topics = this.#waiting.get(group);
    if (topics === undefined) this.#waiting.set(group, topics = new Map());
    let waiting = topics.get(topic);
    if (waiting === undefined) topics.set(topic, waiting = new Set());
    return waiting;
  }

  #forget(group: number, topic: string, waiting: ReadonlySet<() => void>): void {
    const topics = this.#waiting.get(group);
    if (topics?.get(topic) !== waiting) return;
    topics.delete(topic);
    if (topics.size === 0) this.#waiting.delete(group);
  }

  /** There are new events of this topic. */
  wake(group: number, topic: string): void {
    for (const wake of [...this.#waiting.get(group)?.get(topic) ?? []]) wake();
  }

  /** Whatever was known of this group may be otherwise now. */
  wakeGroup(group: number): void {
    for (const topic of [...this.#waiting.get(group)?.keys() ?? []]) this.wake(group, topic);
  }

  /** Nobody waits here any more. */
  wakeAll(): void {
    for (const group of [...this.#waiting.keys()]) this.wakeGroup(group);
  }
}
