/**
 * Leases and the like end in group time, unasked: where this peer leads a group whose machine has a
 * deadline, it appends a `tick` entry when the deadline has come, asleep or not. Deadlines that are
 * close together share one entry.
 */
import type { Clock, Timer } from "../clock.ts";
import type { Group } from "./group.ts";

/** How late an expiry may be for the sake of sharing an entry; the design allows 500 ms. */
const SPACING_MS = 50;

export class Expiry {
  readonly #clock: Clock;
  readonly #groups: () => Iterable<Group>;
  /** Groups whose tick entry is under way. */
  readonly #proposed = new Set<Group>();
  #timer: Timer | null = null;
  #timerAtMs = Infinity;
  #stopped = false;

  constructor(clock: Clock, groups: () => Iterable<Group>) {
    this.#clock = clock;
    this.#groups = groups;
  }

  /** Deadlines may have changed. Cheap where the timer that runs is early enough. */
  arm(): void {
    if (this.#stopped) return;
    let delayMs = Infinity;
    for (const group of this.#groups()) {
      if (!group.leads || this.#proposed.has(group)) continue;
      const deadlineMs = group.machine.nextDeadlineMs();
      if (deadlineMs !== null) delayMs = Math.min(delayMs, deadlineMs - group.timeMs());
    }
    if (delayMs === Infinity) return;
    const atMs = this.#clock.monotonicMs() + Math.max(SPACING_MS, delayMs);
    if (atMs >= this.#timerAtMs) return;
    this.#timer?.cancel();
    this.#timerAtMs = atMs;
    this.#timer = this.#clock.timer(Math.max(SPACING_MS, delayMs), () => this.#fire());
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #fire(): void {
    this.#timer = null;
    this.#timerAtMs = Infinity;
    for (const group of this.#groups()) {
      if (!group.leads || this.#proposed.has(group)) continue;
      const deadlineMs = group.machine.nextDeadlineMs();
      if (deadlineMs === null || deadlineMs > group.timeMs()) continue;
      this.#proposed.add(group);
      group.propose(group.machine.tickPayload, () => {
        this.#proposed.delete(group);
        this.arm();
      });
    }
    this.arm();
  }
}
