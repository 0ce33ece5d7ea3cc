/**
 * Records each of which has one value in the value files: where it lies at this replica, and which others lie in the
 * same file. How a record is laid out, in words: its owner's, the file, the offset, and one with the size in its first
 * half and a number of the owner's in its second; behind them, not in snapshots, the links.
 */
import { assert } from "../assert.ts";
import { NONE, RecordPages } from "./record_pages.ts";
import type { ValueReference, Values } from "./values.ts";

/** File, offset, and size beside the owner's number. */
const STORED_WORDS = 3;
/** Records of the same file are linked. The last half links free slots as well. */
const LOCAL_WORDS = 1;

export class ValueRecords extends RecordPages {
  readonly #values: Values;
  readonly #fileWord: number;
  readonly #offsetWord: number;
  readonly #sizeHalf: number;
  readonly #nextHalf: number;
  readonly #previousHalf: number;
  /** File → the first of its records. */
  readonly #firsts = new Map<number, number>();

  /** @param ownWords words before those of the value, the first of which tells a record from a free slot */
  constructor(values: Values, ownWords: number) {
    super(ownWords + STORED_WORDS, LOCAL_WORDS);
    this.#values = values;
    this.#fileWord = ownWords;
    this.#offsetWord = ownWords + 1;
    this.#sizeHalf = 2 * (ownWords + 2);
    this.#nextHalf = this.storedHalves;
    this.#previousHalf = this.storedHalves + 1;
  }

  /** Appends the value of a record that was allocated just now. */
  protected appendValue(slot: number, bytes: Uint8Array): void {
    this.#refer(slot, this.#values.append(bytes));
  }

  /** The record goes, and its value is given up. */
  protected discard(slot: number): void {
    this.#values.discard(this.reference(slot));
    this.#unlink(slot);
    this.release(slot);
  }

  /** Makes the reference good that came with a snapshot. */
  protected restoreValue(slot: number): void {
    this.#refer(slot, this.#values.restored(this.reference(slot)));
  }

  /** The owner's number. */
  protected number(slot: number): number {
    return this.half(slot, this.#sizeHalf + 1);
  }

  protected setNumber(slot: number, value: number): void {
    this.setHalf(slot, this.#sizeHalf + 1, value);
  }

  /** Where its bytes lie at this replica, now. */
  reference(slot: number): ValueReference {
    return {
      file: this.word(slot, this.#fileWord),
      offsetBytes: this.word(slot, this.#offsetWord),
      sizeBytes: this.sizeBytes(slot),
    };
  }

  sizeBytes(slot: number): number {
    return this.half(slot, this.#sizeHalf);
  }

  #refer(slot: number, { file, offsetBytes, sizeBytes }: ValueReference): void {
    this.setWord(slot, this.#fileWord, file);
    this.setWord(slot, this.#offsetWord, offsetBytes);
    this.setHalf(slot, this.#sizeHalf, sizeBytes);
    this.#link(slot, file);
  }

  #link(slot: number, file: number): void {
    const next = this.#firsts.get(file) ?? NONE;
    this.setLocal(slot, this.#nextHalf, next);
    this.setLocal(slot, this.#previousHalf, NONE);
    if (next !== NONE) this.setLocal(next, this.#previousHalf, slot);
    this.#firsts.set(file, slot);
  }

  #unlink(slot: number): void {
    const next = this.half(slot, this.#nextHalf);
    const previous = this.half(slot, this.#previousHalf);
    const file = this.word(slot, this.#fileWord);
    if (next !== NONE) this.setLocal(next, this.#previousHalf, previous);
    if (previous !== NONE) this.setLocal(previous, this.#nextHalf, next);
    else if (next !== NONE) this.#firsts.set(file, next);
    else this.#firsts.delete(file);
  }

  /** See `ValueHolder.valuesIn`. */
  valuesIn(file: number, max: number): readonly ValueReference[] {
    const found: ValueReference[] = [];
    let at = this.#firsts.get(file) ?? NONE;
    for (; at !== NONE && found.length < max; at = this.half(at, this.#nextHalf)) {
      found.push(this.reference(at));
    }
    return found;
  }

  /** See `ValueHolder.moved`. Searches the file's records from where `valuesIn` begins: moved in its order, it is O(1). */
  moved(from: ValueReference, to: ValueReference): boolean {
    let at = this.#firsts.get(from.file) ?? NONE;
    while (at !== NONE && this.word(at, this.#offsetWord) !== from.offsetBytes) {
      at = this.half(at, this.#nextHalf);
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

  protected checkValues(): void {
    this.checkPages();
    let linked = 0;
    for (const [file, first] of this.#firsts) {
      for (let at = first; at !== NONE; at = this.half(at, this.#nextHalf)) {
        assert(
          this.word(at, this.#fileWord) === file,
          "a record is in the list of its value's file",
        );
        linked++;
      }
    }
    assert(linked === this.live, `${this.live} records have values, here ${linked}`);
  }
}
