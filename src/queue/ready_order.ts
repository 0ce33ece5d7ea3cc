/**
 * What of one lane is ready, in the order of delivery: priority descending, then order (publication, as a
 * rule). New messages come at the end of their priority's list; one that comes back to a place in the middle
 * stands in a heap beside the list, and the lesser of the two firsts is next. So everything costs O(1), and O(log n)
 * of those that came back.
 */
import { assert } from "../assert.ts";
import { NONE } from "../groups/record_pages.ts";
import { MessageList } from "./message_list.ts";
import type { MessageTable } from "./message_table.ts";
import { type Places, SlotHeap } from "./slot_heap.ts";

export const PRIORITIES = 10;

interface Band {
  readonly list: MessageList;
  /** Null until one comes back to the middle. */
  returned: SlotHeap | null;
}

export class ReadyOrder {
  readonly #messages: MessageTable;
  readonly #places: Places;
  readonly #bands: (Band | null)[] = new Array(PRIORITIES).fill(null);
  #count = 0;

  constructor(messages: MessageTable) {
    this.#messages = messages;
    this.#places = {
      get: (slot) => messages.readyPlace(slot),
      set: (slot, place) => messages.setReadyPlace(slot, place),
    };
  }

  get count(): number {
    return this.#count;
  }

  add(slot: number): void {
    const { list } = this.#bandOf(slot);
    const order = this.#messages.order(slot);
    this.#count++;
    if (list.last === NONE || order > this.#messages.order(list.last)) list.append(slot);
    else if (order < this.#messages.order(list.first)) list.prepend(slot);
    else this.#addToMiddle(slot, order);
  }

  #addToMiddle(slot: number, order: number): void {
    const band = this.#bandOf(slot);
    band.returned ??= new SlotHeap(this.#places);
    band.returned.add(slot, order);
  }

  remove(slot: number): void {
    const band = this.#bandOf(slot);
    this.#count--;
    if (this.#messages.readyPlace(slot) === NONE) band.list.remove(slot);
    else band.returned!.remove(slot);
  }

  /** The next one to be delivered, or NONE. */
  get first(): number {
    if (this.#count === 0) return NONE;
    for (let priority = PRIORITIES - 1; priority >= 0; priority--) {
      const first = this.#firstOf(priority);
      if (first !== NONE) return first;
    }
    return NONE;
  }

  /** The first one of each priority. */
  firsts(): readonly number[] {
    const firsts: number[] = [];
    for (let priority = 0; priority < PRIORITIES; priority++) {
      const first = this.#firstOf(priority);
      if (first !== NONE) firsts.push(first);
    }
    return firsts;
  }

  #firstOf(priority: number): number {
    const band = this.#bands[priority]!;
    if (band === null) return NONE;
    const { list: { first }, returned } = band;
    if (returned === null || returned.size === 0) return first;
    if (first === NONE) return returned.first;
    return returned.firstKey < this.#messages.order(first) ? returned.first : first;
  }

  #bandOf(slot: number): Band {
    const priority = this.#messages.priority(slot);
    return this.#bands[priority] ??= { list: new MessageList(this.#messages), returned: null };
  }

  /** Throws an AssertionError if the order is broken. @returns the slots, in no particular order */
  checkInvariants(): readonly number[] {
    const found: number[] = [];
    const orderOf = (slot: number) => this.#messages.order(slot);
    for (const [priority, band] of this.#bands.entries()) {
      if (band === null) continue;
      band.list.checkInvariants(orderOf);
      band.returned?.checkInvariants(orderOf);
      const slots = [...band.list.slots(), ...band.returned?.slots() ?? []];
      for (const slot of slots) {
        assert(
          this.#messages.priority(slot) === priority,
          "a message stands in its priority's band",
        );
      }
      found.push(...slots);
    }
    assert(found.length === this.#count, `${this.#count} messages are ready, not ${found.length}`);
    return found;
  }
}
