/**
 * The keys of one partition: their versions, values and times, and for a while those that were removed. Small values lie
 * here, large ones in value files. What was removed is remembered by its version, so that a write from before the
 * removal is known to be over; what is forgotten raises `floor`, above which no forgotten removal lies.
 */
import { assert } from "../assert.ts";
import { SnapshotMap } from "../groups/snapshot_map.ts";
import type { ValueReference, Values } from "../groups/values.ts";
import { LIMITS } from "../limits.ts";
import { DueOrder } from "./due_order.ts";
import { isSettled, type Version } from "./version.ts";

export interface StoredValue {
  readonly version: Version;
  /** Null: it lies at `reference`, or was removed. */
  readonly inline: Uint8Array | null;
  readonly reference: ValueReference | null;
  readonly isRemoved: boolean;
  /** When it ends, or a removal is forgotten; null: never. */
  readonly dueMs: number | null;
}

/** `[key, term, counter, write, inline, file, offset, size, isRemoved, dueMs]` */
type ValueRow = readonly [
  string,
  number,
  number,
  number,
  Uint8Array | null,
  number,
  number,
  number,
  boolean,
  number | null,
];

export class ValueTable {
  readonly #values: Values;
  readonly #map = new SnapshotMap<string, StoredValue, ValueRow>(rowOf);
  readonly #due = new DueOrder((key) => this.#map.get(key)?.dueMs ?? null);
  /** File → offset → key. */
  readonly #byFile = new Map<number, Map<number, string>>();
  #removals = 0;
  #timed = 0;
  #bytes = 0;
  floor: Version | null = null;

  constructor(values: Values) {
    this.#values = values;
  }

  /** Keys that have a value. */
  get count(): number {
    return this.#map.size - this.#removals;
  }

  /** Of keys and values. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Removals that are remembered. */
  get removals(): number {
    return this.#removals;
  }

  get(key: string): StoredValue | undefined {
    return this.#map.get(key);
  }

  /** @param value bytes that the caller never changes later */
  put(key: string, version: Version, value: Uint8Array, expiresMs: number | null): void {
    this.#take(key);
    const isInline = value.length <= LIMITS.cacheInlineBytesMax;
    this.#keep(key, {
      version,
      // A copy: the bytes are a view of a whole entry of the log.
      inline: isInline ? value.slice() : null,
      reference: isInline ? null : this.#values.append(value),
      isRemoved: false,
      dueMs: expiresMs,
    });
  }

  /** Past the bound it is forgotten at once: then nobody can tell of a write what came after it. */
  remove(key: string, version: Version, forgetMs: number): void {
    this.#take(key);
    if (this.#removals >= LIMITS.cacheRemovalsMax) return this.#raiseFloor(version);
    const gone = { inline: null, reference: null, isRemoved: true, dueMs: forgetMs };
    this.#keep(key, { version, ...gone });
  }

  /** Ends what is over, and forgets removals, but not much at a time. */
  clearAway(timeMs: number, max: number): void {
    for (let count = 0; count < max; count++) {
      const key = this.#due.take(timeMs);
      if (key === null) break;
      const { version, isRemoved } = this.#map.get(key)!;
      if (isRemoved) this.#forget(key, version);
      else this.remove(key, version, timeMs + LIMITS.cacheRemovalKeepMs);
    }
    this.#due.tidy(this.#timed);
  }

  /** Whether there may be something to clear away. */
  hasDue(timeMs: number): boolean {
    return this.#due.mayHave(timeMs);
  }

  #forget(key: string, version: Version): void {
    this.#take(key);
    this.#raiseFloor(version);
  }

  #raiseFloor(version: Version): void {
    if (!isSettled(version, this.floor)) this.floor = version;
  }

  /** Takes a key away, whatever it is. */
  #take(key: string): void {
    const stored = this.#map.get(key);
    if (stored === undefined) return;
    if (stored.reference !== null) {
      this.#unlink(stored.reference);
      this.#values.discard(stored.reference);
    }
    this.#count(key, stored, -1);
    this.#map.delete(key);
  }

  #keep(key: string, stored: StoredValue): void {
    this.#map.set(key, stored);
    this.#count(key, stored, 1);
    if (stored.reference !== null) this.#link(stored.reference, key);
    if (stored.dueMs !== null) this.#due.add(key, stored.dueMs);
  }

  #count(key: string, { inline, reference, isRemoved, dueMs }: StoredValue, sign: 1 | -1): void {
    this.#bytes += sign * (key.length + (inline?.length ?? reference?.sizeBytes ?? 0));
    if (isRemoved) this.#removals += sign;
    if (dueMs !== null) this.#timed += sign;
  }

  #link({ file, offsetBytes }: ValueReference, key: string): void {
    let inFile = this.#byFile.get(file);
    if (inFile === undefined) this.#byFile.set(file, inFile = new Map());
    inFile.set(offsetBytes, key);
  }

  #unlink({ file, offsetBytes }: ValueReference): void {
    const inFile = this.#byFile.get(file)!;
    inFile.delete(offsetBytes);
    if (inFile.size === 0) this.#byFile.delete(file);
  }

  /** As `ValueHolder.valuesIn`. */
  valuesIn(file: number, max: number): readonly ValueReference[] {
    const found: ValueReference[] = [];
    for (const key of this.#byFile.get(file)?.values() ?? []) {
      if (found.length >= max) break;
      found.push(this.#map.get(key)!.reference!);
    }
    return found;
  }

  /** As `ValueHolder.moved`. */
  moved(from: ValueReference, to: ValueReference): boolean {
    const key = this.#byFile.get(from.file)?.get(from.offsetBytes);
    if (key === undefined) return false;
    this.#unlink(from);
    this.#link(to, key);
    this.#map.set(key, { ...this.#map.get(key)!, reference: to });
    return true;
  }

  snapshot(): IterableIterator<ValueRow> {
    return this.#map.snapshot();
  }

  clear(): void {
    this.#map.clear();
    this.#due.clear();
    this.#byFile.clear();
    this.#removals = this.#timed = this.#bytes = 0;
    this.floor = null;
  }

  /** @param row of a verified snapshot */
  load(row: unknown): void {
    const [key, term, counter, write, inline, file, offsetBytes, sizeBytes, isRemoved, dueMs] =
      row as ValueRow;
    const isInFile = inline === null && !isRemoved;
    this.#keep(key, {
      version: { term, counter, write },
      inline: inline === null ? null : inline.slice(),
      reference: isInFile ? this.#values.restored({ file, offsetBytes, sizeBytes }) : null,
      isRemoved,
      dueMs,
    });
  }

  checkInvariants(): void {
    let [removals, timed, bytes, linked] = [0, 0, 0, 0];
    for (const [key, { inline, reference, isRemoved, dueMs }] of this.#map.entries()) {
      const places = [inline, reference].filter((place) => place !== null).length;
      assert(places === (isRemoved ? 0 : 1), `${key} has one value, or is removed`);
      if (isRemoved) removals++;
      if (dueMs !== null) timed++;
      bytes += key.length + (inline?.length ?? reference?.sizeBytes ?? 0);
      if (reference === null) continue;
      linked++;
      const found = this.#byFile.get(reference.file)?.get(reference.offsetBytes);
      assert(found === key, `${key} is found by where its value lies`);
    }
    assert(removals === this.#removals, `${removals} removals are ${this.#removals}`);
    assert(timed === this.#timed, `${timed} keys with a time are ${this.#timed}`);
    assert(bytes === this.#bytes, `${bytes} bytes are ${this.#bytes}`);
    const links = [...this.#byFile.values()].reduce((sum, { size }) => sum + size, 0);
    assert(links === linked, `${links} links lead to ${linked} values`);
  }
}

function rowOf(key: string, stored: StoredValue): ValueRow {
  const { version: { term, counter, write }, inline, reference, isRemoved, dueMs } = stored;
  const { file, offsetBytes, sizeBytes } = reference ?? { file: 0, offsetBytes: 0, sizeBytes: 0 };
  return [key, term, counter, write, inline, file, offsetBytes, sizeBytes, isRemoved, dueMs];
}
