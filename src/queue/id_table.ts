/**
 * The ids that callers gave: a record for each (lane, id) that a message carries, or that lies in its lane's
 * deduplication window; gone once neither is so. An id names one message at most: the one that was delivered,
 * died or was published last under it.
 */
import { assert } from "../assert.ts";
import { NONE, RecordPages } from "../groups/record_pages.ts";
import { mixText, SlotIndex } from "../groups/slot_index.ts";

const WORD = { number: 0, windowEndMs: 1 } as const;
const STORED_WORDS = 4;
const HALF = { message: 4, messages: 5, hash: 6, lane: 7 } as const;
/** Of `lane`: the last bit tells whether the record is in the window. */
const IN_WINDOW = 1;
/** The last half links free slots. */
const LINK = { newer: 8, older: 9 } as const;
const LOCAL_WORDS = 1;

export class IdTable extends RecordPages {
  readonly #texts: string[] = [];
  readonly #index = new SlotIndex();

  constructor() {
    super(STORED_WORDS, LOCAL_WORDS);
  }

  /** @returns its record; NONE where the id is not known */
  find(lane: number, text: string): number {
    return this.#index.find(
      mixText(text, lane),
      (slot) => this.text(slot) === text && this.lane(slot) === lane,
    );
  }

  /** @param number orders it in its lane's window */
  add(lane: number, text: string, number: number): number {
    const hash = mixText(text, lane);
    const slot = this.allocate(number);
    this.#texts[slot] = text;
    this.setHalf(slot, HALF.message, NONE);
    this.setHalf(slot, HALF.hash, hash);
    this.setHalf(slot, HALF.lane, lane << 1);
    this.#index.add(hash, slot);
    return slot;
  }

  /** Another message carries this id. */
  carry(slot: number, message: number): void {
    this.setHalf(slot, HALF.messages, this.messages(slot) + 1);
    this.setHalf(slot, HALF.message, message);
  }

  /** A message that carried this id is gone. */
  drop(slot: number, message: number): void {
    this.setHalf(slot, HALF.messages, this.messages(slot) - 1);
    if (this.message(slot) === message) this.setHalf(slot, HALF.message, NONE);
    this.#forgetUnused(slot);
  }

  /** From now on the id means this one of the messages that carry it. */
  mean(slot: number, message: number): void {
    if (this.message(slot) !== message) this.setHalf(slot, HALF.message, message);
  }

  /** @param number its order in the window */
  enterWindow(slot: number, number: number, windowEndMs: number): void {
    this.setWord(slot, WORD.number, number);
    this.setWord(slot, WORD.windowEndMs, windowEndMs);
    this.setHalf(slot, HALF.lane, this.half(slot, HALF.lane) | IN_WINDOW);
  }

  leaveWindow(slot: number): void {
    this.takeFromWindow(slot);
    this.#forgetUnused(slot);
  }

  /** Like `leaveWindow`, but the record stays even if no message carries it: one is about to. */
  takeFromWindow(slot: number): void {
    this.setHalf(slot, HALF.lane, this.half(slot, HALF.lane) & ~IN_WINDOW);
  }

  #forgetUnused(slot: number): void {
    if (this.messages(slot) > 0 || this.isInWindow(slot)) return;
    this.#index.remove(this.half(slot, HALF.hash), slot);
    this.release(slot);
    if (this.live === 0) this.#texts.length = 0;
    else this.#texts[slot] = "";
  }

  text(slot: number): string {
    return this.#texts[slot]!;
  }

  override textOf(slot: number): string {
    return this.text(slot);
  }

  /** Orders it in its lane's window. */
  number(slot: number): number {
    return this.word(slot, WORD.number);
  }

  /** From this group time on the same id is another message. */
  windowEndMs(slot: number): number {
    return this.word(slot, WORD.windowEndMs);
  }

  /** The message that the id means, or NONE. */
  message(slot: number): number {
    return this.half(slot, HALF.message);
  }

  /** How many messages carry it: one, unless the window ended before the message. */
  messages(slot: number): number {
    return this.half(slot, HALF.messages);
  }

  lane(slot: number): number {
    return this.half(slot, HALF.lane) >>> 1;
  }

  isInWindow(slot: number): boolean {
    return (this.half(slot, HALF.lane) & IN_WINDOW) !== 0;
  }

  /** The one that entered the lane's window after it. */
  newer(slot: number): number {
    return this.half(slot, LINK.newer);
  }

  setNewer(slot: number, newer: number): void {
    this.setLocal(slot, LINK.newer, newer);
  }

  older(slot: number): number {
    return this.half(slot, LINK.older);
  }

  setOlder(slot: number, older: number): void {
    this.setLocal(slot, LINK.older, older);
  }

  override clear(): void {
    super.clear();
    this.#texts.length = 0;
    this.#index.clear();
  }

  /** The text of a record that `load` brought. */
  loadText(slot: number, text: string): void {
    while (this.#texts.length < slot) this.#texts.push("");
    this.#texts[slot] = text;
  }

  override endLoading(): void {
    super.endLoading();
    for (const slot of this.slots()) this.#index.add(this.half(slot, HALF.hash), slot);
  }

  checkInvariants(): void {
    this.checkPages();
    this.#index.checkInvariants(this.live, (slot) => mixText(this.text(slot), this.lane(slot)));
    for (const slot of this.slots()) {
      assert(this.find(this.lane(slot), this.text(slot)) === slot, "an id has one record");
      assert(this.messages(slot) > 0 || this.isInWindow(slot), "an id is carried or in the window");
    }
  }
}
