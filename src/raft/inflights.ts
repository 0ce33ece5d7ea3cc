/**
 * The messages with entries that one follower has not answered yet, bounded in number and in bytes. The
 * sender asks `full` first: adding past the bound is a bug. Answers are cumulative, so the messages
 * leave from the front. A ring that grows up to the bound and never shrinks.
 */
import { assert } from "../assert.ts";

export class Inflights {
  readonly #messagesMax: number;
  readonly #bytesMax: number;
  #lastIndexes: number[] = [];
  #sizes: number[] = [];
  #head = 0;
  #count = 0;
  #bytes = 0;

  /**
   * @param messagesMax how many messages may be under way
   * @param bytesMax no further message is sent once this many bytes are under way
   */
  constructor(messagesMax: number, bytesMax: number) {
    assert(messagesMax > 0 && bytesMax > 0, "a window must let one message through");
    this.#messagesMax = messagesMax;
    this.#bytesMax = bytesMax;
  }

  get full(): boolean {
    return this.#count >= this.#messagesMax || this.#bytes >= this.#bytesMax;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * @param lastIndex the last entry of the message that was just sent
   * @param bytes its size
   */
  add(lastIndex: number, bytes: number): void {
    assert(!this.full, "a message past the window");
    if (this.#count === this.#lastIndexes.length) this.#grow();
    const at = (this.#head + this.#count) % this.#lastIndexes.length;
    this.#lastIndexes[at] = lastIndex;
    this.#sizes[at] = bytes;
    this.#count++;
    this.#bytes += bytes;
  }

  /** Every message that ends at or before `index` has arrived. */
  freeTo(index: number): void {
    while (this.#count > 0 && this.#lastIndexes[this.#head]! <= index) {
      this.#bytes -= this.#sizes[this.#head]!;
      this.#head = (this.#head + 1) % this.#lastIndexes.length;
      this.#count--;
    }
  }

  clear(): void {
    this.#head = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  #grow(): void {
    const capacity = Math.min(this.#messagesMax, Math.max(8, this.#count * 2));
    const order = (ring: number[]) => [...ring.slice(this.#head), ...ring.slice(0, this.#head)];
    this.#lastIndexes = order(this.#lastIndexes);
    this.#sizes = order(this.#sizes);
    while (this.#lastIndexes.length < capacity) {
      this.#lastIndexes.push(0);
      this.#sizes.push(0);
    }
    this.#head = 0;
  }
}
