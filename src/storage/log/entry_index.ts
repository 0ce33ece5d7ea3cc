/**
 * Where the entries of one group lie on disk: a row for each record of entries, in the order of their
 * indices, in typed columns (28 bytes a record, however many entries it holds).
 *
 * A row covers `count` entries from its first one on. Rows do not overlap; they are contiguous except
 * while a log is replayed in which compaction has moved the older entries behind the newer ones.
 */
import { assert } from "../../assert.ts";

/** A place in the log: the segment's number, and the offset of the record in it. */
export type Position = number;

const OFFSETS = 0x1_0000_0000;

export function positionOf(segment: number, offset: number): Position {
  return segment * OFFSETS + offset;
}

export function segmentOf(position: Position): number {
  return Math.floor(position / OFFSETS);
}

export function offsetOf(position: Position): number {
  return position % OFFSETS;
}

export interface IndexRow {
  readonly firstIndex: number;
  readonly count: number;
  readonly term: number;
  readonly position: Position;
  /** Of the whole record, its frame included. */
  readonly sizeBytes: number;
}

/** Is told of every record that becomes live (positive) or dead (negative). */
export type LiveBytes = (segment: number, changeBytes: number) => void;

const ROWS_MIN = 16;

export class EntryIndex {
  readonly live: LiveBytes;
  #first = new Float64Array(ROWS_MIN);
  #position = new Float64Array(ROWS_MIN);
  #count = new Uint32Array(ROWS_MIN);
  #term = new Uint32Array(ROWS_MIN);
  #size = new Uint32Array(ROWS_MIN);
  /** Rows lie in `#head .. #end - 1`. */
  #head = 0;
  #end = 0;

  constructor(live: LiveBytes) {
    this.live = live;
  }

  get rows(): number {
    return this.#end - this.#head;
  }

  /** Null where there is no entry. */
  get lastIndex(): number | null {
    if (this.rows === 0) return null;
    return this.#first[this.#end - 1]! + this.#count[this.#end - 1]! - 1;
  }

  /** @param at 0 for the first row */
  row(at: number): IndexRow {
    const place = this.#head + at;
    assert(at >= 0 && place < this.#end, `row ${at} of ${this.rows}`);
    return {
      firstIndex: this.#first[place]!,
      count: this.#count[place]!,
      term: this.#term[place]!,
      position: this.#position[place]!,
      sizeBytes: this.#size[place]!,
    };
  }

  /** @returns the row that covers an entry, or null */
  find(index: number): IndexRow | null {
    const at = this.#lowerBound(index + 1) - 1;
    if (at < this.#head || index >= this.#first[at]! + this.#count[at]!) return null;
    return this.row(at - this.#head);
  }

  /** Adds entries behind the last one. */
  append(
    firstIndex: number,
    count: number,
    term: number,
    position: Position,
    sizeBytes: number,
  ): void {
    if (this.#end === this.#first.length) this.#makeRoom();
    this.#set(this.#end++, { firstIndex, count, term, position, sizeBytes });
    this.live(segmentOf(position), sizeBytes);
  }

  /** Drops the entries at and after an index. */
  truncate(fromIndex: number): void {
    while (this.rows > 0 && this.#first[this.#end - 1]! >= fromIndex) this.#kill(--this.#end);
    if (this.rows === 0) return;
    const last = this.#end - 1;
    this.#count[last] = Math.min(this.#count[last]!, fromIndex - this.#first[last]!);
  }

  /** Drops records whose entries all lie at or before an index. */
  dropThrough(index: number): void {
    while (this.rows > 0 && this.#first[this.#head]! + this.#count[this.#head]! - 1 <= index) {
      this.#kill(this.#head++);
    }
  }

  clear(): void {
    this.truncate(0);
  }

  /**
   * The entries of this row lie here from now on; rows that it covers wholly go. What a neighbour has
   * in common with it is taken from the neighbour.
   */
  rewrite(row: IndexRow): void {
    const endIndex = row.firstIndex + row.count;
    const from = this.#lowerBound(row.firstIndex);
    let to = from;
    while (to < this.#end && this.#first[to]! + this.#count[to]! <= endIndex) this.#kill(to++);
    if (to < this.#end && this.#first[to]! < endIndex) {
      const overlap = endIndex - this.#first[to]!;
      this.#first[to] = endIndex;
      this.#count[to] = this.#count[to]! - overlap;
    }
    if (from > this.#head) {
      const before = from - 1;
      const beforeEnd = this.#first[before]! + this.#count[before]!;
      assert(beforeEnd <= endIndex, "records are rewritten to their end");
      this.#count[before] = Math.min(this.#count[before]!, row.firstIndex - this.#first[before]!);
    }
    this.#set(this.#replace(from, to), row);
    this.live(segmentOf(row.position), row.sizeBytes);
  }

  /**
   * @returns bounds (the end not included) of the first entries after `afterIndex` that lie in a segment,
   * whole records up to about `bytesMax`; null when none does
   */
  stretchIn(
    segment: number,
    afterIndex: number,
    bytesMax: number,
  ): { readonly firstIndex: number; readonly endIndex: number } | null {
    let firstIndex: number | null = null;
    let endIndex = 0;
    let bytes = 0;
    for (let at = this.#head; at < this.#end; at++) {
      const rowEnd = this.#first[at]! + this.#count[at]!;
      const inside = rowEnd > afterIndex + 1 && segmentOf(this.#position[at]!) === segment;
      if (firstIndex !== null && (!inside || bytes >= bytesMax)) break;
      if (!inside) continue;
      firstIndex ??= Math.max(this.#first[at]!, afterIndex + 1);
      endIndex = rowEnd;
      bytes += this.#size[at]!;
    }
    return firstIndex === null ? null : { firstIndex, endIndex };
  }

  /** @returns an index that should be covered and is not, or null when all are contiguous */
  gapAfter(baseIndex: number): number | null {
    let expected = baseIndex + 1;
    for (let at = this.#head; at < this.#end; at++) {
      if (this.#first[at]! > expected) return expected;
      expected = this.#first[at]! + this.#count[at]!;
    }
    return null;
  }

  #set(at: number, row: IndexRow): void {
    this.#first[at] = row.firstIndex;
    this.#position[at] = row.position;
    this.#count[at] = row.count;
    this.#term[at] = row.term;
    this.#size[at] = row.sizeBytes;
  }

  #kill(at: number): void {
    this.live(segmentOf(this.#position[at]!), -this.#size[at]!);
  }

  /** @returns the first place whose row begins at or after an index */
  #lowerBound(index: number): number {
    let low = this.#head;
    let high = this.#end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#first[middle]! < index) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Makes exactly one free place of `from .. to - 1`. @returns it */
  #replace(from: number, to: number): number {
    if (to === from && this.#end === this.#first.length) {
      const head = this.#head;
      this.#makeRoom();
      from -= head;
      to -= head;
    }
    for (const column of this.#columns()) column.copyWithin(from + 1, to, this.#end);
    this.#end += 1 - (to - from);
    return from;
  }

  /** Moves the rows to the front, into columns at least twice as long as there are rows. */
  #makeRoom(): void {
    const rows = this.rows;
    const capacity = Math.max(ROWS_MIN, rows * 2);
    const moved = <T extends Float64Array | Uint32Array>(from: T, into: T): T => {
      into.set(from.subarray(this.#head, this.#end));
      return into;
    };
    this.#first = moved(this.#first, new Float64Array(capacity));
    this.#position = moved(this.#position, new Float64Array(capacity));
    this.#count = moved(this.#count, new Uint32Array(capacity));
    this.#term = moved(this.#term, new Uint32Array(capacity));
    this.#size = moved(this.#size, new Uint32Array(capacity));
    this.#head = 0;
    this.#end = rows;
  }

  #columns(): (Float64Array | Uint32Array)[] {
    return [this.#first, this.#position, this.#count, this.#term, this.#size];
  }
}
