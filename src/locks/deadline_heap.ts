/**
 * What ends by itself, soonest first: a binary heap by (deadline, sequence). Elements know their place in it,
 * so that one that ends otherwise (a release, most often) is taken out without a search, and nothing that is
 * over stays behind.
 */
import { assert } from "../assert.ts";

export interface Timed {
  /** Group time at which it ends. Changed only through `DeadlineHeap.move`. */
  deadlineMs: number;
  /** Orders what ends at the same time. */
  readonly sequence: number;
  /** The place in the heap, -1 outside of it. The heap alone writes it. */
  place: number;
}

export class DeadlineHeap<T extends Timed> {
  readonly #elements: T[] = [];

  get size(): number {
    return this.#elements.length;
  }

  /** The one that ends first. */
  first(): T | null {
    return this.#elements[0] ?? null;
  }

  add(element: T): void {
    assert(element.place === -1, "an element is in the heap once");
    this.#elements.push(element);
    this.#rise(element, this.#elements.length - 1);
  }

  remove(element: T): void {
    const place = element.place;
    assert(this.#elements[place] === element, "an element knows its place in the heap");
    const last = this.#elements.pop()!;
    element.place = -1;
    if (last !== element) this.#settle(last, place);
  }

  /** Gives the element another deadline. */
  move(element: T, deadlineMs: number): void {
    assert(this.#elements[element.place] === element, "an element knows its place in the heap");
    element.deadlineMs = deadlineMs;
    this.#settle(element, element.place);
  }

  clear(): void {
    this.#elements.length = 0;
  }

  /** Throws an AssertionError if the order is broken. */
  checkInvariants(): void {
    for (const [place, element] of this.#elements.entries()) {
      assert(
        element.place === place,
        `the element at ${place} says that it is at ${element.place}`,
      );
      const parent = this.#elements[(place - 1) >> 1];
      assert(parent === undefined || !isBefore(element, parent), "no element is before its parent");
    }
  }

  #settle(element: T, place: number): void {
    const parent = this.#elements[(place - 1) >> 1];
    if (place > 0 && isBefore(element, parent!)) this.#rise(element, place);
    else this.#sink(element, place);
  }

  #rise(element: T, place: number): void {
    const elements = this.#elements;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = elements[above]!;
      if (!isBefore(element, parent)) break;
      elements[place] = parent;
      parent.place = place;
      place = above;
    }
    elements[place] = element;
    element.place = place;
  }

  #sink(element: T, place: number): void {
    const elements = this.#elements;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= elements.length) break;
      const right = elements[below + 1];
      if (right !== undefined && isBefore(right, elements[below]!)) below++;
      const child = elements[below]!;
      if (!isBefore(child, element)) break;
      elements[place] = child;
      child.place = place;
      place = below;
    }
    elements[place] = element;
    element.place = place;
  }
}

function isBefore(a: Timed, b: Timed): boolean {
  return a.deadlineMs < b.deadlineMs ||
    (a.deadlineMs === b.deadlineMs && a.sequence < b.sequence);
}
