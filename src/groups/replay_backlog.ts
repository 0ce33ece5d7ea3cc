/**
 * How much of all groups' logs a restart of this peer would apply again, because no snapshot holds it yet. A group's part is
 * 1 where a snapshot of it is due for its own sake. Groups are many and most of them small, so together they may
 * stand for a long restart long before any one of them does: then it is the turn of those with the larger parts.
 */
import type { Group } from "./group.ts";

/** Less than that is not worth a file of its own. */
const PART_MIN = 1 / 32;

export class ReplayBacklog {
  readonly #parts = new Map<Group, number>();
  #sum = 0;

  /** @param part what this group stands for now */
  note(group: Group, part: number): void {
    this.#sum += part - (this.#parts.get(group) ?? 0);
    if (part > 0) this.#parts.set(group, part);
    else this.#parts.delete(group);
    // What is rounded away must not add up for years.
    if (this.#parts.size === 0) this.#sum = 0;
  }

  /** It is none of this peer's any more. */
  drop(group: Group): void {
    this.note(group, 0);
  }

  /** Whether all together stand for a snapshot, and this group for no less than the others. */
  isTurnOf(group: Group): boolean {
    const part = this.#parts.get(group) ?? 0;
    return this.#sum >= 1 && part >= Math.max(PART_MIN, this.#sum / this.#parts.size);
  }
}
