/**
 * Slots in the order in which they came, oldest first, 4 bytes each: they are appended at the end, taken at the
 * front, and read at any place. What was taken at the front makes room again once it is half of the whole.
 */
import { assert } from "../assert.ts";

const SIZE_MIN = 4;

export class SlotQueue {
  #slots = new Int32Array(SIZE_MIN);
  #first = 0;
  #end = 0;

  get length(): number {
    return this.#end - this.#first;
  }

  /** @param place from 0, the oldest, up to `length` - 1 */
  at(place: number): number {
    assert(place >= 0 && place < this.length, "a place of the queue is one of its own");
    return this.#slots[this.#first + place]!;
  }

  push(slot: number): void {
    if (this.#end === this.#slots.length) this.#makeRoom();
    this.#slots[this.#end++] = slot;
  }

  /** Takes the oldest one, which must be there. */
  shift(): number {
    const slot = this.at(0);
    this.#first++;
    if (this.#first === this.#end) {
      this.#first = this.#end = 0;
      this.#slots = new Int32Array(SIZE_MIN);
    }
    return slot;
  }

  #makeRoom(): void {
    const { length } = this;
    const isHalfTaken = this.#first >= length && length > 0;
    const slots = isHalfTaken ? this.#slots : new Int32Array(2 * this.#slots.length);
    slots.set(this.#slots.subarray(this.#first, this.#end));
    this.#slots = slots;
    this.#first = 0;
    this.#end = length;
  }
}
