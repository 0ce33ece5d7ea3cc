/**
 * Those who wait for messages of one lane, in the order in which they began to wait, wherever they waited before. Who
 * comes anew stands last; one who asks again, after a round or a change of leader, gets back in between.
 */
import type { Waiter } from "./waiter.ts";

export class WaitingLine {
  readonly #waiters: Waiter[] = [];

  get size(): number {
    return this.#waiters.length;
  }

  get first(): Waiter | undefined {
    return this.#waiters[0];
  }

  add(waiter: Waiter): void {
    let place = this.#waiters.length;
    while (place > 0 && this.#waiters[place - 1]!.sinceMs > waiter.sinceMs) place--;
    this.#waiters.splice(place, 0, waiter);
    waiter.waits = true;
  }

  remove(waiter: Waiter): void {
    if (!waiter.waits) return;
    this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
    waiter.waits = false;
  }

  /**
   * Takes those in front who may share one entry: without request ids, and with one visibility timeout.
   * @param wanted how many messages they should be able to take together; one more than enough may be taken
   */
  takeAlike(wanted: number): readonly Waiter[] {
    const first = this.#waiters[0];
    if (first === undefined) return [];
    let [count, room] = [1, first.question.max];
    if (first.question.request === null) {
      for (; count < this.#waiters.length && room < wanted; count++) {
        const { question } = this.#waiters[count]!;
        if (!isAlike(question, first.question)) break;
        room += question.max;
      }
    }
    return this.#taken(this.#waiters.splice(0, count));
  }

  /** Takes the first one who may have what was delivered for this one. */
  takeLike({ question }: Waiter): Waiter | null {
    const place = this.#waiters.findIndex((waiter) => isAlike(waiter.question, question));
    return place < 0 ? null : this.#taken(this.#waiters.splice(place, 1))[0]!;
  }

  takeAll(): readonly Waiter[] {
    return this.#taken(this.#waiters.splice(0));
  }

  #taken(waiters: readonly Waiter[]): readonly Waiter[] {
    for (const waiter of waiters) waiter.waits = false;
    return waiters;
  }
}

/** What was delivered under a request id belongs to that request alone. */
function isAlike(one: Waiter["question"], other: Waiter["question"]): boolean {
  return one.request === null && other.request === null && one.visibilityMs === other.visibilityMs;
}
