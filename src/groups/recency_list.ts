/**
 * Elements in the order in which something last happened to them, oldest first: what is to be forgotten
 * after a fixed time is then at the front. Linked through the elements themselves, so that moving one to the
 * back costs nothing to speak of and allocates nothing.
 */
import { assert } from "../assert.ts";

/** What an element of a `RecencyList<T>` must have; the list alone writes it. */
export interface Linked<T> {
  older: T | null;
  newer: T | null;
  listed: boolean;
}

export class RecencyList<T extends Linked<T>> {
  #oldest: T | null = null;
  #newest: T | null = null;

  get oldest(): T | null {
    return this.#oldest;
  }

  /** Puts the element at the back, wherever it was. */
  push(element: T): void {
    if (this.#newest === element) return;
    if (element.listed) this.remove(element);
    element.listed = true;
    element.older = this.#newest;
    if (this.#newest === null) this.#oldest = element;
    else this.#newest.newer = element;
    this.#newest = element;
  }

  remove(element: T): void {
    assert(element.listed, "only what is in the list is removed from it");
    if (element.older === null) this.#oldest = element.newer;
    else element.older.newer = element.newer;
    if (element.newer === null) this.#newest = element.older;
    else element.newer.older = element.older;
    element.older = null;
    element.newer = null;
    element.listed = false;
  }

  clear(): void {
    this.#oldest = null;
    this.#newest = null;
  }

  *[Symbol.iterator](): Generator<T, void, undefined> {
    for (let at = this.#oldest; at !== null; at = at.newer) yield at;
  }
}
