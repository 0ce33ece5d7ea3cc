/**
 * Slots by a number each, the least first: a binary heap whose keys lie beside the slots, so that sifting touches
 * no record. A slot's place in it is kept in its record, so that one that leaves otherwise is taken out without
 * a search. Which of two equal keys comes first is not defined: nothing may rest on it.
 */
import { assert } from "../assert.ts";
import { NONE } from "../groups/record_pages.ts";

const SIZE_MIN = 16;
/** So many are popped one by one before it is worth looking at all. */
const POPS_MIN = 1_024;
const POPS_PART = 16;

/** Where a slot's place is kept. */
export interface Places {
  get(slot: number): number;
  set(slot: number, place: number): void;
}

export class SlotHeap {
  readonly #places: Places;
  #keys = new Float64Array(SIZE_MIN);
  #slots = new Int32Array(SIZE_MIN);
  #size = 0;

  constructor(places: Places) {
    this.#places = places;
  }

  get size(): number {
    return this.#size;
  }

  /** The slot with the least key, or NONE. */
  get first(): number {
    return this.#size === 0 ? NONE : this.#slots[0]!;
  }

  /** The least key; Infinity where there is none. */
  get firstKey(): number {
    return this.#size === 0 ? Infinity : this.#keys[0]!;
  }

  add(slot: number, key: number): void {
    assert(this.#places.get(slot) === NONE, "a slot is in the heap once");
    if (this.#size === this.#slots.length) this.#resize(2 * this.#size);
    this.#rise(slot, key, this.#size++);
  }

  remove(slot: number): void {
    const place = this.#places.get(slot);
    assert(this.#slots[place] === slot && place < this.#size, "a slot knows its place in the heap");
    this.#places.set(slot, NONE);
    const last = --this.#size;
    const [lastSlot, lastKey] = [this.#slots[last]!, this.#keys[last]!];
    if (lastSlot !== slot) this.#settle(lastSlot, lastKey, place);
    const { length } = this.#slots;
    if (length > SIZE_MIN && 8 * this.#size < length) this.#resize(length >>> 2);
  }

  /** Gives a slot of the heap another key. */
  move(slot: number, key: number): void {
    const place = this.#places.get(slot);
    assert(this.#slots[place] === slot && place < this.#size, "a slot knows its place in the heap");
    this.#settle(slot, key, place);
  }

  /**
   * Takes out all whose key is at most this one, in no particular order. Where they are many it looks once at
   * all, which is much cheaper than one by one.
   */
  takeUpTo(key: number): number[] {
    const taken: number[] = [];
    const popsMax = Math.max(POPS_MIN, this.#size / POPS_PART);
    while (this.firstKey <= key && taken.length < popsMax) {
      taken.push(this.first);
      this.remove(this.first);
    }
    if (this.firstKey <= key) this.#partition(key, taken);
    return taken;
  }

  #partition(key: number, taken: number[]): void {
    let kept = 0;
    for (let place = 0; place < this.#size; place++) {
      const slot = this.#slots[place]!;
      if (this.#keys[place]! <= key) {
        taken.push(slot);
        this.#places.set(slot, NONE);
        continue;
      }
      this.#slots[kept] = slot;
      this.#keys[kept] = this.#keys[place]!;
      this.#places.set(slot, kept);
      kept++;
    }
    this.#size = kept;
    for (let place = (kept >>> 1) - 1; place >= 0; place--) {
      this.#sink(this.#slots[place]!, this.#keys[place]!, place);
    }
    const wanted = Math.max(SIZE_MIN, 2 ** Math.ceil(Math.log2(kept + 1)));
    if (wanted < this.#slots.length) this.#resize(wanted);
  }

  clear(): void {
    this.#size = 0;
    this.#resize(SIZE_MIN);
  }

  /** The slots, in no particular order. */
  *slots(): Generator<number, void, undefined> {
    for (let place = 0; place < this.#size; place++) yield this.#slots[place]!;
  }

  /** Throws an AssertionError if the order is broken, or a key is not what it should be. */
  checkInvariants(keyOf: (slot: number) => number): void {
    for (let place = 0; place < this.#size; place++) {
      const slot = this.#slots[place]!;
      assert(this.#places.get(slot) === place, `the slot at ${place} knows its place`);
      assert(this.#keys[place] === keyOf(slot), `the key at ${place} is its slot's`);
      const above = (place - 1) >> 1;
      assert(place === 0 || this.#keys[above]! <= this.#keys[place]!, "none is before its parent");
    }
  }

  #resize(size: number): void {
    const keys = new Float64Array(Math.max(SIZE_MIN, size));
    const slots = new Int32Array(keys.length);
    keys.set(this.#keys.subarray(0, this.#size));
    slots.set(this.#slots.subarray(0, this.#size));
    this.#keys = keys;
    this.#slots = slots;
  }

  #settle(slot: number, key: number, place: number): void {
    if (place > 0 && key < this.#keys[(place - 1) >> 1]!) this.#rise(slot, key, place);
    else this.#sink(slot, key, place);
  }

  #rise(slot: number, key: number, place: number): void {
    const keys = this.#keys;
    const slots = this.#slots;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if (keys[above]! <= key) break;
      keys[place] = keys[above]!;
      slots[place] = slots[above]!;
      this.#places.set(slots[place]!, place);
      place = above;
    }
    keys[place] = key;
    slots[place] = slot;
    this.#places.set(slot, place);
  }

  #sink(slot: number, key: number, place: number): void {
    const keys = this.#keys;
    const slots = this.#slots;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= this.#size) break;
      if (below + 1 < this.#size && keys[below + 1]! < keys[below]!) below++;
      if (keys[below]! >= key) break;
      keys[place] = keys[below]!;
      slots[place] = slots[below]!;
      this.#places.set(slots[place]!, place);
      place = below;
    }
    keys[place] = key;
    slots[place] = slot;
    this.#places.set(slot, place);
  }
}
