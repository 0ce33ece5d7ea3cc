/**
 * The batches in which events were stored: each is one value in the value files, held until retention takes it away.
 * References are this replica's own; the rest is alike everywhere. Of each topic the batches are in the order of
 * their offsets, so that the one that has an offset is found by halving.
 */
import { assert } from "../assert.ts";
import { NONE, RecordPages } from "../groups/record_pages.ts";
import { sortBy } from "../groups/slot_sort.ts";
import type { ValueReference, Values } from "../groups/values.ts";
import type { SlotQueue } from "./slot_queue.ts";

/** The first word is the topic's index + 1. */
const WORD = { topic: 0, firstOffset: 1, storedMs: 2, file: 3, offsetBytes: 4 } as const;
const STORED_WORDS = 6;
const HALF = { sizeBytes: 10, count: 11 } as const;
/** Of the same file. The last half links free slots as well. */
const LINK = { next: 12, previous: 13 } as const;
const LOCAL_WORDS = 1;

/** The batches of one topic. */
export interface BatchRange {
  /** The topic's index. */
  readonly index: number;
  /** Oldest first. */
  readonly batches: SlotQueue;
  /** Of all of them. */
  bytes: number;
}

export class BatchTable extends RecordPages {
  readonly #values: Values;
  /** File → the first of its batches, which are linked. */
  readonly #firsts = new Map<number, number>();

  constructor(values: Values) {
    super(STORED_WORDS, LOCAL_WORDS);
    this.#values = values;
  }

  /**
   * Appends the bytes to the value files.
   * @param at what is stored, behind all other batches of its topic
   */
  append(
    range: BatchRange,
    bytes: Uint8Array,
    at: { readonly firstOffset: number; readonly count: number; readonly storedMs: number },
  ): void {
    const slot = this.allocate(range.index + 1);
    this.setWord(slot, WORD.firstOffset, at.firstOffset);
    this.setWord(slot, WORD.storedMs, at.storedMs);
    this.setHalf(slot, HALF.count, at.count);
    this.#refer(slot, this.#values.append(bytes));
    this.#take(range, slot);
  }

  #take(range: BatchRange, slot: number): void {
    range.batches.push(slot);
    range.bytes += this.sizeBytes(slot);
  }

  #refer(slot: number, { file, offsetBytes, sizeBytes }: ValueReference): void {
    this.setWord(slot, WORD.file, file);
    this.setWord(slot, WORD.offsetBytes, offsetBytes);
    this.setHalf(slot, HALF.sizeBytes, sizeBytes);
    this.#link(slot);
  }

  #link(slot: number): void {
    const file = this.word(slot, WORD.file);
    const next = this.#firsts.get(file) ?? NONE;
    this.setLocal(slot, LINK.next, next);
    this.setLocal(slot, LINK.previous, NONE);
    if (next !== NONE) this.setLocal(next, LINK.previous, slot);
    this.#firsts.set(file, slot);
  }

  #unlink(slot: number): void {
    const next = this.half(slot, LINK.next);
    const previous = this.half(slot, LINK.previous);
    if (next !== NONE) this.setLocal(next, LINK.previous, previous);
    if (previous !== NONE) this.setLocal(previous, LINK.next, next);
    else if (next !== NONE) this.#firsts.set(this.word(slot, WORD.file), next);
    else this.#firsts.delete(this.word(slot, WORD.file));
  }

  /** The topic's oldest batch goes, and its bytes are given up. @returns how many events it had */
  dropOldest(range: BatchRange): number {
    const slot = range.batches.shift();
    const count = this.count(slot);
    range.bytes -= this.sizeBytes(slot);
    this.#values.discard(this.reference(slot));
    this.#unlink(slot);
    this.release(slot);
    return count;
  }

  /** The place in the topic's order of the batch that has this offset, which must not lie before the oldest one's. */
  placeOf({ batches }: BatchRange, offset: number): number {
    let [low, high] = [0, batches.length];
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.firstOffset(batches.at(middle)) <= offset) low = middle;
      else high = middle;
    }
    return low;
  }

  /** Where its bytes lie at this replica, now. */
  reference(slot: number): ValueReference {
    return {
      file: this.word(slot, WORD.file),
      offsetBytes: this.word(slot, WORD.offsetBytes),
      sizeBytes: this.sizeBytes(slot),
    };
  }

  firstOffset(slot: number): number {
    return this.word(slot, WORD.firstOffset);
  }

  /** Group time. */
  storedMs(slot: number): number {
    return this.word(slot, WORD.storedMs);
  }

  /** How many events it has. */
  count(slot: number): number {
    return this.half(slot, HALF.count);
  }

  sizeBytes(slot: number): number {
    return this.half(slot, HALF.sizeBytes);
  }

  /** See `ValueHolder.valuesIn`. */
  valuesIn(file: number, max: number): readonly ValueReference[] {
    const found: ValueReference[] = [];
    let at = this.#firsts.get(file) ?? NONE;
    for (; at !== NONE && found.length < max; at = this.half(at, LINK.next)) {
      found.push(this.reference(at));
    }
    return found;
  }

  /** See `ValueHolder.moved`. Searches the file's batches from where `valuesIn` begins: moved in its order, it is O(1). */
  moved(from: ValueReference, to: ValueReference): boolean {
    let at = this.#firsts.get(from.file) ?? NONE;
    while (at !== NONE && this.word(at, WORD.offsetBytes) !== from.offsetBytes) {
      at = this.half(at, LINK.next);
    }
    if (at === NONE) return false;
    this.#unlink(at);
    this.#refer(at, to);
    return true;
  }

  override clear(): void {
    super.clear();
    this.#firsts.clear();
  }

  /** Batches were loaded: gives each topic its own, and makes their references good. @param rangeOf by the topic's index */
  arrange(rangeOf: (index: number) => BatchRange): void {
    const slots = [...this.slots()];
    sortBy(slots, (slot) => this.firstOffset(slot));
    for (const slot of slots) {
      this.#refer(slot, this.#values.restored(this.reference(slot)));
      this.#take(rangeOf(this.word(slot, WORD.topic) - 1), slot);
    }
  }

  /** @param nextOffsetOf the end of the topic of this index */
  checkInvariants(ranges: Iterable<BatchRange>, nextOffsetOf: (index: number) => number): void {
    this.checkPages();
    let linked = 0;
    for (const [file, first] of this.#firsts) {
      for (let at = first; at !== NONE; at = this.half(at, LINK.next)) {
        assert(this.word(at, WORD.file) === file, "a batch is in the list of its file");
        linked++;
      }
    }
    let live = 0;
    for (const range of ranges) {
      live += range.batches.length;
      this.#checkRange(range, nextOffsetOf(range.index));
    }
    assert(linked === this.live, `${this.live} batches lie in files, here ${linked}`);
    assert(live === this.live, `${this.live} batches are of topics, here ${live}`);
  }

  #checkRange({ index, batches, bytes }: BatchRange, nextOffset: number): void {
    let [offset, sizeBytes] = [NONE, 0];
    for (let place = 0; place < batches.length; place++) {
      const slot = batches.at(place);
      assert(this.word(slot, WORD.topic) === index + 1, "a batch is of its topic");
      assert(offset === NONE || offset === this.firstOffset(slot), "offsets have no gap");
      assert(this.count(slot) > 0, "a batch has an event");
      offset = this.firstOffset(slot) + this.count(slot);
      sizeBytes += this.sizeBytes(slot);
    }
    assert(offset === NONE || offset === nextOffset, "the last batch ends where the topic does");
    assert(sizeBytes === bytes, "a topic counts its bytes");
  }
}
