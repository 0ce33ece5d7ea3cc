/**
 * A list of messages, linked through their records: a message is in one list at most. Appending and taking out
 * cost the same wherever it stands.
 */
import { assert } from "../assert.ts";
import { NONE } from "../groups/record_pages.ts";
import type { MessageTable } from "./message_table.ts";

export class MessageList {
  readonly #messages: MessageTable;
  #first = NONE;
  #last = NONE;
  #count = 0;

  constructor(messages: MessageTable) {
    this.#messages = messages;
  }

  get first(): number {
    return this.#first;
  }

  get last(): number {
    return this.#last;
  }

  get count(): number {
    return this.#count;
  }

  append(slot: number): void {
    this.#messages.setPrevious(slot, this.#last);
    this.#messages.setNext(slot, NONE);
    if (this.#last === NONE) this.#first = slot;
    else this.#messages.setNext(this.#last, slot);
    this.#last = slot;
    this.#count++;
  }

  prepend(slot: number): void {
    this.#messages.setNext(slot, this.#first);
    this.#messages.setPrevious(slot, NONE);
    if (this.#first === NONE) this.#last = slot;
    else this.#messages.setPrevious(this.#first, slot);
    this.#first = slot;
    this.#count++;
  }

  remove(slot: number): void {
    const next = this.#messages.next(slot);
    const previous = this.#messages.previous(slot);
    if (previous === NONE) {
      assert(this.#first === slot, "a message without one before it is the list's first");
      this.#first = next;
    } else this.#messages.setNext(previous, next);
    if (next === NONE) this.#last = previous;
    else this.#messages.setPrevious(next, previous);
    this.#count--;
  }

  /** From the first one on. Must not be held across a change. */
  *slots(): Generator<number, void, undefined> {
    for (let at = this.#first; at !== NONE; at = this.#messages.next(at)) yield at;
  }

  /** Throws an AssertionError if links do not meet, or `keyOf` does not rise along the list. */
  checkInvariants(keyOf: (slot: number) => number): void {
    let before = NONE;
    let count = 0;
    for (const slot of this.slots()) {
      assert(this.#messages.previous(slot) === before, "links of neighbours meet");
      assert(before === NONE || keyOf(before) < keyOf(slot), "a list is in its order");
      before = slot;
      count++;
    }
    assert(before === this.#last, "the last one is the end of the list");
    assert(count === this.#count, `the list has ${this.#count} messages, here ${count}`);
  }
}
