/**
 * The deduplication window of one lane: the ids that were published in it lately, oldest first. When an id
 * leaves is fixed when it enters, so changing the window's length changes nothing for those that are in it. What is
 * over may stay for a while: it is no duplicate any more, and leaves first where room is needed. So when the oldest
 * are cleared away changes nothing that anybody can see.
 */
import { assert } from "../assert.ts";
import { NONE } from "../groups/record_pages.ts";
import type { IdTable } from "./id_table.ts";

export interface Entrance {
  /** Of the message; orders the window. */
  readonly number: number;
  readonly timeMs: number;
  /** How long it is remembered. */
  readonly windowMs: number;
  /** So many are remembered at most. */
  readonly max: number;
}

/** So many leave at most for one that enters: where the bound was lowered, the window shrinks step by step. */
const MAKE_ROOM_MAX = 16;

export class DedupWindow {
  readonly #ids: IdTable;
  #oldest = NONE;
  #newest = NONE;
  #count = 0;

  constructor(ids: IdTable) {
    this.#ids = ids;
  }

  /** Those that are over included. */
  get count(): number {
    return this.#count;
  }

  /**
   * An id was published.
   * @param id its record, which is not in the window
   * @returns how many left early to make room
   */
  enter(id: number, { number, timeMs, windowMs, max }: Entrance): number {
    if (windowMs === 0 || max === 0) return 0;
    let evicted = 0;
    for (let left = MAKE_ROOM_MAX; left > 0 && this.#count >= max; left--) {
      if (this.#ids.windowEndMs(this.#oldest) > timeMs) evicted++;
      this.#dropOldest();
    }
    this.#ids.enterWindow(id, number, timeMs + windowMs);
    this.append(id);
    return evicted;
  }

  /** Puts an id that is marked as being in the window at its end. */
  append(id: number): void {
    this.#ids.setNewer(id, NONE);
    this.#ids.setOlder(id, this.#newest);
    if (this.#newest === NONE) this.#oldest = id;
    else this.#ids.setNewer(this.#newest, id);
    this.#newest = id;
    this.#count++;
  }

  /** Takes an id out because it is published anew: its record stays, for the new message to carry it. */
  take(id: number): void {
    this.#unlink(id);
    this.#ids.takeFromWindow(id);
  }

  /** Forgets those at the old end that are over, so many at most. */
  clearAway(timeMs: number, max: number): void {
    for (let left = max; left > 0 && this.#oldest !== NONE; left--) {
      if (this.#ids.windowEndMs(this.#oldest) > timeMs) return;
      this.#dropOldest();
    }
  }

  #dropOldest(): void {
    const id = this.#oldest;
    this.#unlink(id);
    this.#ids.leaveWindow(id);
  }

  #unlink(id: number): void {
    const newer = this.#ids.newer(id);
    const older = this.#ids.older(id);
    if (older === NONE) this.#oldest = newer;
    else this.#ids.setNewer(older, newer);
    if (newer === NONE) this.#newest = older;
    else this.#ids.setOlder(newer, older);
    this.#count--;
  }

  checkInvariants(): void {
    let count = 0;
    let last = NONE;
    for (let at = this.#oldest; at !== NONE; at = this.#ids.newer(at)) {
      assert(this.#ids.isInWindow(at), "what is in the window is marked so");
      assert(last === NONE || this.#ids.number(last) < this.#ids.number(at), "oldest first");
      last = at;
      count++;
    }
    assert(last === this.#newest, "the newest is the end of the window");
    assert(count === this.#count, `the window has ${this.#count} ids, here ${count}`);
  }
}
