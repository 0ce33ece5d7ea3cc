/**
 * A map of which a snapshot of exactly one moment can be taken while it goes on changing. The snapshot is
 * pulled row by row; what changes before it has been pulled leaves its old form for it (copy-on-write). While
 * no snapshot is under way an operation costs one comparison more than on a plain `Map`.
 *
 * Values may be replaced with `set`, or changed in place after a call of `touch`. Rows come in no particular
 * order: nothing that must be equal on all replicas may rest on the order of this map.
 */
import { assert } from "../assert.ts";

export class SnapshotMap<K, V, Row = readonly [K, V]> {
  readonly #map = new Map<K, V>();
  readonly #rowOf: (key: K, value: V) => Row;
  #walk: Walk<K, V, Row> | null = null;

  /** @param rowOf the snapshot's form of one element; must not share what is changed in place later */
  constructor(rowOf: (key: K, value: V) => Row) {
    this.#rowOf = rowOf;
  }

  get size(): number {
    return this.#map.size;
  }

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  has(key: K): boolean {
    return this.#map.has(key);
  }

  /** Must not be held across a change of this map. */
  values(): IterableIterator<V> {
    return this.#map.values();
  }

  entries(): IterableIterator<[K, V]> {
    return this.#map.entries();
  }

  set(key: K, value: V): void {
    if (this.#walk !== null) this.#walk.beforeChange(key);
    this.#map.set(key, value);
  }

  delete(key: K): boolean {
    if (this.#walk !== null) this.#walk.beforeChange(key);
    return this.#map.delete(key);
  }

  /** Must be called before the value of this key is changed in place. */
  touch(key: K): void {
    if (this.#walk !== null) this.#walk.beforeChange(key);
  }

  /** Takes all elements away; a snapshot under way is void. */
  clear(): void {
    this.#walk?.end();
    this.#walk = null;
    this.#map.clear();
  }

  /**
   * Begins a snapshot of this moment. One at a time: another one that is under way is void from now on.
   * `return()` ends it early.
   */
  snapshot(): IterableIterator<Row> {
    this.#walk?.end();
    const walk = new Walk(this.#map, this.#rowOf, () => {
      if (this.#walk === walk) this.#walk = null;
    });
    this.#walk = walk;
    return walk;
  }
}

/**
 * One snapshot under way. A key is settled once its row was pulled or saved, or when it is newer than the
 * snapshot; each key that existed at the beginning gives exactly one row.
 */
class Walk<K, V, Row> implements IterableIterator<Row> {
  readonly #map: ReadonlyMap<K, V>;
  readonly #rowOf: (key: K, value: V) => Row;
  readonly #onEnd: () => void;
  readonly #live: Iterator<[K, V]>;
  readonly #settled = new Set<K>();
  /** Old forms that wait to be pulled. */
  readonly #saved: Row[] = [];
  /** Rows that are still to be pulled, saved ones included. */
  #remaining: number;
  #state: "running" | "complete" | "void" = "running";

  constructor(map: ReadonlyMap<K, V>, rowOf: (key: K, value: V) => Row, onEnd: () => void) {
    this.#map = map;
    this.#rowOf = rowOf;
    this.#onEnd = onEnd;
    // A Map's iterator is live: it skips what is deleted and meets what is added, which is settled then.
    this.#live = map.entries();
    this.#remaining = map.size;
  }

  beforeChange(key: K): void {
    if (this.#settled.has(key)) return;
    this.#settled.add(key);
    const value = this.#map.get(key);
    if (value !== undefined) this.#saved.push(this.#rowOf(key, value));
  }

  next(): IteratorResult<Row> {
    assert(this.#state !== "void", "a snapshot is pulled to its end before the next one begins");
    if (this.#remaining === 0) {
      this.#finish("complete");
      return { done: true, value: undefined };
    }
    this.#remaining--;
    const saved = this.#saved.pop();
    if (saved !== undefined) return { done: false, value: saved };
    for (;;) {
      const step = this.#live.next();
      assert(step.done !== true, "every key of the beginning is either saved or still there");
      const [key, value] = step.value;
      if (this.#settled.has(key)) continue;
      this.#settled.add(key);
      return { done: false, value: this.#rowOf(key, value) };
    }
  }

  return(): IteratorResult<Row> {
    if (this.#state === "running") this.#finish("void");
    return { done: true, value: undefined };
  }

  /** Another snapshot began, or the map was emptied. */
  end(): void {
    if (this.#state === "running") this.#state = "void";
  }

  [Symbol.iterator](): IterableIterator<Row> {
    return this;
  }

  #finish(state: "complete" | "void"): void {
    this.#state = state;
    this.#onEnd();
  }
}
