/**
 * The batches in which events were stored: each is one value in the value files, held until retention takes it away.
 * References are this replica's own; the rest is alike everywhere. Of each topic the batches are in the order of
 * their offsets, so that the one that has an offset is found by halving.
 */
import { assert } from "../assert.ts";
import { NONE } from "../groups/record_pages.ts";
import { sortBy } from "../groups/slot_sort.ts";
import { ValueRecords } from "../groups/value_records.ts";
import type { Values } from "../groups/values.ts";
import type { SlotQueue } from "./slot_queue.ts";

/** The first one has the topic's index + 1. */
const WORD = { topic: 0, firstOffset: 1, storedMs: 2 } as const;
const OWN_WORDS = 3;

/** The batches of one topic. */
export interface BatchRange {
  /** The topic's index. */
  readonly index: number;
  /** Oldest first. */
  readonly batches: SlotQueue;
  /** Of all of them. */
  bytes: number;
}

export class BatchTable extends ValueRecords {
  constructor(values: Values) {
    super(values, OWN_WORDS);
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
    this.setNumber(slot, at.count);
    this.appendValue(slot, bytes);
    this.#take(range, slot);
  }

  #take(range: BatchRange, slot: number): void {
    range.batches.push(slot);
    range.bytes += this.sizeBytes(slot);
  }

  /** The topic's oldest batch goes, and its bytes are given up. @returns how many events it had */
  dropOldest(range: BatchRange): number {
    const slot = range.batches.shift();
    const count = this.count(slot);
    range.bytes -= this.sizeBytes(slot);
    this.discard(slot);
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

  firstOffset(slot: number): number {
    return this.word(slot, WORD.firstOffset);
  }

  /** Group time. */
  storedMs(slot: number): number {
    return this.word(slot, WORD.storedMs);
  }

  /** How many events it has. */
  count(slot: number): number {
    return this.number(slot);
  }

  /** Batches were loaded: gives each topic its own, and makes their references good. @param rangeOf by the topic's index */
  arrange(rangeOf: (index: number) => BatchRange): void {
    const slots = [...this.slots()];
    sortBy(slots, (slot) => this.firstOffset(slot));
    for (const slot of slots) {
      this.restoreValue(slot);
      this.#take(rangeOf(this.word(slot, WORD.topic) - 1), slot);
    }
  }

  /** @param nextOffsetOf the end of the topic of this index */
  checkInvariants(ranges: Iterable<BatchRange>, nextOffsetOf: (index: number) => number): void {
    this.checkValues();
    let live = 0;
    for (const range of ranges) {
      live += range.batches.length;
      this.#checkRange(range, nextOffsetOf(range.index));
    }
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
