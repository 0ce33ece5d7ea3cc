/**
 * The batches in which messages were published: each is one value in the value files, held until its last message
 * is gone. References are this replica's own; what messages have of their batch is alike everywhere.
 */
import { assert } from "../assert.ts";
import { ValueRecords } from "../groups/value_records.ts";
import type { Values } from "../groups/values.ts";

/** The first one has the number of its first message. */
const WORD = { number: 0, publishedMs: 1 } as const;
const OWN_WORDS = 2;

export class BatchTable extends ValueRecords {
  constructor(values: Values) {
    super(values, OWN_WORDS);
  }

  /**
   * Appends the bytes to the value files. A message must follow.
   * @param number of its first message
   */
  add(bytes: Uint8Array, number: number, publishedMs: number): number {
    const slot = this.allocate(number);
    this.setWord(slot, WORD.publishedMs, publishedMs);
    this.appendValue(slot, bytes);
    return slot;
  }

  /** One more message is in it. */
  addMessage(slot: number): void {
    this.setNumber(slot, this.messages(slot) + 1);
  }

  /** One of its messages is gone; with the last one its bytes are given up. */
  dropMessage(slot: number): void {
    const messages = this.messages(slot) - 1;
    this.setNumber(slot, messages);
    if (messages > 0) return;
    this.discard(slot);
  }

  /** Group time. */
  publishedMs(slot: number): number {
    return this.word(slot, WORD.publishedMs);
  }

  /** How many of its messages are still there. */
  messages(slot: number): number {
    return this.number(slot);
  }

  /** References that came with a snapshot are made good at this replica. */
  override endLoading(): void {
    super.endLoading();
    for (const slot of this.slots()) this.restoreValue(slot);
  }

  checkInvariants(): void {
    this.checkValues();
    for (const slot of this.slots()) {
      assert(this.messages(slot) > 0, "a batch without a message is gone");
    }
  }
}
