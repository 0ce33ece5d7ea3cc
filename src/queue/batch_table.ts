/**
 * The batches in which messages were published: each is one value in the value files, held until its last message
 * is gone. References are this replica's own; what messages have of their batch is alike everywhere.
 */
import { assert } from "../assert.ts";
import { NONE, RecordPages } from "../groups/record_pages.ts";
import type { ValueReference, Values } from "../groups/values.ts";

const WORD = { number: 0, publishedMs: 1, file: 2, offsetBytes: 3 } as const;
const STORED_WORDS = 5;
const HALF = { sizeBytes: 8, messages: 9 } as const;
const LINK = { next: 10, previous: 11 } as const;
/** The last half links free slots. */
const LOCAL_WORDS = 1;

export class BatchTable extends RecordPages {
  readonly #values: Values;
  /** File → the first of its batches, which are linked. */
  readonly #firsts = new Map<number, number>();

  constructor(values: Values) {
    super(STORED_WORDS, LOCAL_WORDS);
    this.#values = values;
  }

  /**
   * Appends the bytes to the value files. A message must follow.
   * @param number of its first message
   */
  add(bytes: Uint8Array, number: number, publishedMs: number): number {
    const slot = this.allocate(number);
    this.setWord(slot, WORD.publishedMs, publishedMs);
    this.#refer(slot, this.#values.append(bytes));
    return slot;
  }

  /** One more message is in it. */
  addMessage(slot: number): void {
    this.setHalf(slot, HALF.messages, this.messages(slot) + 1);
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
    const file = this.word(slot, WORD.file);
    if (next !== NONE) this.setLocal(next, LINK.previous, previous);
    if (previous !== NONE) this.setLocal(previous, LINK.next, next);
    else if (next !== NONE) this.#firsts.set(file, next);
    else this.#firsts.delete(file);
  }

  /** One of its messages is gone; with the last one its bytes are given up. */
  dropMessage(slot: number): void {
    const messages = this.messages(slot) - 1;
    this.setHalf(slot, HALF.messages, messages);
    if (messages > 0) return;
    this.#values.discard(this.reference(slot));
    this.#unlink(slot);
    this.release(slot);
  }

  /** Where its bytes lie at this replica, now. */
  reference(slot: number): ValueReference {
    return {
      file: this.word(slot, WORD.file),
      offsetBytes: this.word(slot, WORD.offsetBytes),
      sizeBytes: this.half(slot, HALF.sizeBytes),
    };
  }

  /** Group time. */
  publishedMs(slot: number): number {
    return this.word(slot, WORD.publishedMs);
  }

  /** How many of its messages are still there. */
  messages(slot: number): number {
    return this.half(slot, HALF.messages);
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

  /** References that came with a snapshot are made good at this replica. */
  override endLoading(): void {
    super.endLoading();
    for (const slot of this.slots()) this.#refer(slot, this.#values.restored(this.reference(slot)));
  }

  checkInvariants(): void {
    this.checkPages();
    let linked = 0;
    for (const [file, first] of this.#firsts) {
      for (let at = first; at !== NONE; at = this.half(at, LINK.next)) {
        assert(this.word(at, WORD.file) === file, "a batch is in the list of its file");
        assert(this.messages(at) > 0, "a batch without a message is gone");
        linked++;
      }
    }
    assert(linked === this.live, `${this.live} batches lie in files, here ${linked}`);
  }
}
