/**
 * Keys in the order in which their time is over: a binary heap of (time, key). A key's time may change as often as it
 * likes: what was put in before is found to be out of date when it comes up, or when too much of it has gathered.
 */

interface Due {
  readonly dueMs: number;
  readonly key: string;
}

/** So much that is out of date does not matter. */
const SLACK = 1_024;

export class DueOrder {
  #heap: Due[] = [];
  readonly #dueMsOf: (key: string) => number | null;

  /** @param dueMsOf when a key's time is over, as it now is; null: never, or the key is gone */
  constructor(dueMsOf: (key: string) => number | null) {
    this.#dueMsOf = dueMsOf;
  }

  /** To be called whenever a key's time became another. */
  add(key: string, dueMs: number): void {
    this.#heap.push({ dueMs, key });
    this.#up(this.#heap.length - 1);
  }

  /** Gives room back. @param live how many keys have a time at all */
  tidy(live: number): void {
    if (this.#heap.length <= 2 * live + SLACK) return;
    const current = this.#heap.filter((due) => this.#isCurrent(due));
    this.#heap = [];
    for (const { key, dueMs } of current) this.add(key, dueMs);
  }

  /** Takes the first key whose time is over; the caller then changes or ends it. Null: none. */
  take(timeMs: number): string | null {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.dueMs > timeMs) return null;
      this.#removeFirst();
      if (this.#isCurrent(first)) return first.key;
    }
  }

  /** Whether some key's time may be over. */
  mayHave(timeMs: number): boolean {
    const first = this.#heap[0];
    return first !== undefined && first.dueMs <= timeMs;
  }

  clear(): void {
    this.#heap = [];
  }

  #isCurrent({ key, dueMs }: Due): boolean {
    return this.#dueMsOf(key) === dueMs;
  }

  #removeFirst(): void {
    const last = this.#heap.pop()!;
    if (this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#down();
  }

  #up(start: number): void {
    for (let at = start; at > 0;) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #down(): void {
    for (let at = 0;;) {
      const left = 2 * at + 1;
      let first = at;
      if (left < this.#heap.length && this.#isBefore(left, first)) first = left;
      if (left + 1 < this.#heap.length && this.#isBefore(left + 1, first)) first = left + 1;
      if (first === at) return;
      this.#swap(at, first);
      at = first;
    }
  }

  #isBefore(one: number, other: number): boolean {
    const [left, right] = [this.#heap[one]!, this.#heap[other]!];
    return left.dueMs < right.dueMs || (left.dueMs === right.dueMs && left.key < right.key);
  }

  #swap(one: number, other: number): void {
    [this.#heap[one], this.#heap[other]] = [this.#heap[other]!, this.#heap[one]!];
  }
}
