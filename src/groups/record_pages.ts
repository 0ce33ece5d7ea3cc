/**
 * Many small records of numbers, outside of the garbage collector's sight: fixed-size records in pages of
 * typed arrays, at *slots* that are given out again. A record has words (doubles) and halves (32-bit integers)
 * over the same bytes: word n is the halves 2n and 2n + 1. The first words are *stored*, that is in snapshots; the
 * rest are links that are made anew after restoring. Word 0 is 0 where the slot is free, and nothing else.
 *
 * Slots are a replica's own: which one a record has must never reach an answer, an effect or a decision.
 */
import { assert } from "../assert.ts";
import { RecordWalk } from "./record_walk.ts";

const PAGE_BITS = 10;
const PAGE_RECORDS = 1 << PAGE_BITS;
const IN_PAGE = PAGE_RECORDS - 1;

/** No slot; also the end of a list. */
export const NONE = -1;

interface Page {
  readonly words: Float64Array;
  readonly halves: Int32Array;
}

// Stored halves are in snapshots as they lie in memory.
assert(new Uint8Array(Uint32Array.of(1).buffer)[0] === 1, "this machine is little-endian");

export class RecordPages {
  readonly storedHalves: number;
  readonly #recordWords: number;
  readonly #recordHalves: number;
  readonly #pages: Page[] = [];
  /** Slots below this one were in use at some time. */
  #high = 0;
  #live = 0;
  /** The first free slot below `#high`; the next one is in its last half. */
  #free = NONE;
  #walk: RecordWalk | null = null;

  /**
   * @param storedWords words of a record that snapshots have
   * @param localWords words behind them; at least one, whose last half links free slots
   */
  constructor(storedWords: number, localWords: number) {
    this.storedHalves = 2 * storedWords;
    this.#recordWords = storedWords + localWords;
    this.#recordHalves = 2 * this.#recordWords;
  }

  /** Records in use. */
  get live(): number {
    return this.#live;
  }

  /** Every record's slot is below this one. */
  get high(): number {
    return this.#high;
  }

  isLive(slot: number): boolean {
    return slot < this.#high && this.word(slot, 0) !== 0;
  }

  /** @param first word 0: what tells a record from a free slot, so not 0. The rest is 0. */
  protected allocate(first: number): number {
    let slot = this.#free;
    if (slot === NONE) {
      slot = this.#high++;
      if (slot >>> PAGE_BITS === this.#pages.length) this.#addPage();
    } else {
      this.#free = this.half(slot, this.#recordHalves - 1);
      const page = this.#pages[slot >>> PAGE_BITS]!;
      const begin = (slot & IN_PAGE) * this.#recordWords;
      page.words.fill(0, begin, begin + this.#recordWords);
    }
    this.#live++;
    this.setWord(slot, 0, first);
    return slot;
  }

  protected release(slot: number): void {
    this.setWord(slot, 0, 0);
    this.setLocal(slot, this.#recordHalves - 1, this.#free);
    this.#free = slot;
    this.#live--;
    if (this.#live > 0 || this.#pages.length === 1) return;
    // Nothing is left: what a flood needed goes back, but for one page.
    this.#pages.length = 1;
    this.#high = 0;
    this.#free = NONE;
    this.#pages[0]!.words.fill(0);
  }

  #addPage(): void {
    const words = new Float64Array(PAGE_RECORDS * this.#recordWords);
    this.#pages.push({ words, halves: new Int32Array(words.buffer) });
  }

  protected word(slot: number, place: number): number {
    return this.#pages[slot >>> PAGE_BITS]!.words[(slot & IN_PAGE) * this.#recordWords + place]!;
  }

  protected half(slot: number, place: number): number {
    return this.#pages[slot >>> PAGE_BITS]!.halves[(slot & IN_PAGE) * this.#recordHalves + place]!;
  }

  /** Changes a stored word: a snapshot under way takes the old form first. */
  protected setWord(slot: number, place: number, value: number): void {
    if (this.#walk !== null) this.#walk.beforeChange(slot);
    this.#pages[slot >>> PAGE_BITS]!.words[(slot & IN_PAGE) * this.#recordWords + place] = value;
  }

  /** Changes a stored half. */
  protected setHalf(slot: number, place: number, value: number): void {
    if (this.#walk !== null) this.#walk.beforeChange(slot);
    this.#pages[slot >>> PAGE_BITS]!.halves[(slot & IN_PAGE) * this.#recordHalves + place] = value;
  }

  /** Changes a half that snapshots do not have. */
  protected setLocal(slot: number, place: number, value: number): void {
    this.#pages[slot >>> PAGE_BITS]!.halves[(slot & IN_PAGE) * this.#recordHalves + place] = value;
  }

  /** @param to takes the stored halves, from `at` on */
  copyOut(slot: number, to: Int32Array, at: number): void {
    const { halves } = this.#pages[slot >>> PAGE_BITS]!;
    const begin = (slot & IN_PAGE) * this.#recordHalves;
    for (let place = 0; place < this.storedHalves; place++) to[at + place] = halves[begin + place]!;
  }

  /** The text that belongs to a record; none, but where a table has one. */
  textOf(_slot: number): string | null {
    return null;
  }

  /**
   * Begins a snapshot of this moment; another one that is under way is void from now on.
   * @param tag begins each of its rows
   */
  snapshot(tag: number): RecordWalk {
    this.#walk?.end();
    const walk = new RecordWalk(this, tag, () => {
      if (this.#walk === walk) this.#walk = null;
    });
    this.#walk = walk;
    return walk;
  }

  /** Takes all records away; a snapshot under way is void. */
  clear(): void {
    this.#walk?.end();
    this.#walk = null;
    this.#pages.length = 0;
    this.#high = 0;
    this.#live = 0;
    this.#free = NONE;
  }

  /** A record of a snapshot, at the slot that it had there. `endLoading` must follow. */
  load(slot: number, from: Int32Array, at: number): void {
    while (slot >>> PAGE_BITS >= this.#pages.length) this.#addPage();
    const { halves } = this.#pages[slot >>> PAGE_BITS]!;
    const begin = (slot & IN_PAGE) * this.#recordHalves;
    for (let place = 0; place < this.storedHalves; place++) {
      halves[begin + place] = from[at + place]!;
    }
    this.#high = Math.max(this.#high, slot + 1);
    this.#live++;
  }

  /** All records of a snapshot are loaded: what lies between them is free. */
  endLoading(): void {
    for (let slot = this.#high - 1; slot >= 0; slot--) {
      if (this.word(slot, 0) !== 0) continue;
      this.setLocal(slot, this.#recordHalves - 1, this.#free);
      this.#free = slot;
    }
  }

  /** The slots of all records. Must not be held across a change. */
  *slots(): Generator<number, void, undefined> {
    for (let slot = 0; slot < this.#high; slot++) if (this.word(slot, 0) !== 0) yield slot;
  }

  /** Throws an AssertionError if a slot is neither in use nor free. */
  checkPages(): void {
    let live = 0;
    for (const _ of this.slots()) live++;
    assert(live === this.#live, `${live} records are in use, not ${this.#live}`);
    let free = 0;
    for (let at = this.#free; at !== NONE; at = this.half(at, this.#recordHalves - 1)) {
      assert(this.word(at, 0) === 0, `the free slot ${at} is not in use`);
      free++;
    }
    assert(live + free === this.#high, `${live} slots in use and ${free} free are all of them`);
  }
}
