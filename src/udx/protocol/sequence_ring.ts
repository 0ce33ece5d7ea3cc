/**
 * Values by sequence number, from a first one that only moves up: an array that wraps around and grows to a
 * power of two. A number before the first or past what has been set has no value.
 */
import { after, distance } from "./sequence.ts";

const CAPACITY_FIRST = 16;

export class SequenceRing<T> {
  #slots: (T | undefined)[] = new Array(CAPACITY_FIRST).fill(undefined);
  #first: number;

  constructor(first: number) {
    this.#first = first;
  }

  /** The lowest number that may have a value. */
  get first(): number {
    return this.#first;
  }

  get(sequence: number): T | undefined {
    const at = distance(sequence, this.#first);
    if (at < 0 || at >= this.#slots.length) return undefined;
    return this.#slots[sequence & (this.#slots.length - 1)];
  }

  /** @param sequence at or after the first; the caller bounds how far */
  set(sequence: number, value: T): void {
    const at = distance(sequence, this.#first);
    while (at >= this.#slots.length) this.#grow();
    this.#slots[sequence & (this.#slots.length - 1)] = value;
  }

  /** Takes the value of the first number, if it has one, and moves on to the next. */
  shift(): T | undefined {
    const slot = this.#first & (this.#slots.length - 1);
    const value = this.#slots[slot];
    this.#slots[slot] = undefined;
    this.#first = after(this.#first);
    return value;
  }

  /** No number has a value any more. */
  clear(): void {
    this.#slots = new Array(CAPACITY_FIRST).fill(undefined);
  }

  #grow(): void {
    const old = this.#slots;
    const capacity = old.length * 2;
    this.#slots = new Array(capacity).fill(undefined);
    for (let at = 0; at < old.length; at++) {
      const sequence = after(this.#first, at);
      this.#slots[sequence & (capacity - 1)] = old[sequence & (old.length - 1)];
    }
  }
}
