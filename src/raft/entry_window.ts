/**
 * The newest entries of the log, which stay in memory: what is not durable or not applied yet, and as
 * much of the rest as a bound of bytes allows, for followers that lag a little. Older entries are read
 * from storage. The window is a contiguous tail: it ends at the log's last entry, or is empty.
 */
import { assert } from "../assert.ts";
import { type Entry, entryBytes } from "./entry.ts";

export class EntryWindow {
  #entries: Entry[] = [];
  #firstIndex: number;
  #bytes = 0;

  /** @param firstIndex the index that the first entry will have */
  constructor(firstIndex: number) {
    this.#firstIndex = firstIndex;
  }

  /** The first entry in memory; one past the log's end when there is none. */
  get firstIndex(): number {
    return this.#firstIndex;
  }

  /** One past the last entry. */
  get endIndex(): number {
    return this.#firstIndex + this.#entries.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(entry: Entry): void {
    assert(entry.index === this.endIndex, `entry ${entry.index} pushed at ${this.endIndex}`);
    this.#entries.push(entry);
    this.#bytes += entryBytes(entry);
  }

  get(index: number): Entry {
    const entry = this.#entries[index - this.#firstIndex];
    assert(entry !== undefined, `entry ${index} is not in memory (from ${this.#firstIndex})`);
    return entry;
  }

  /** The entries `fromIndex` up to, not including, `toIndex`. All must be here. */
  slice(fromIndex: number, toIndex: number): readonly Entry[] {
    assert(
      fromIndex >= this.#firstIndex && toIndex <= this.endIndex,
      `entries ${fromIndex}..${toIndex} are not all in memory`,
    );
    return this.#entries.slice(fromIndex - this.#firstIndex, toIndex - this.#firstIndex);
  }

  /** As `slice`, but ends before `bytesMax` would be passed; holds at least one entry. */
  take(fromIndex: number, toIndex: number, bytesMax: number): readonly Entry[] {
    if (this.#bytes <= bytesMax) return this.slice(fromIndex, toIndex);
    let bytes = 0;
    let end = fromIndex;
    while (end < toIndex) {
      bytes += entryBytes(this.get(end));
      if (bytes > bytesMax && end > fromIndex) break;
      end++;
    }
    return this.slice(fromIndex, end);
  }

  /** Forgets this entry and all after it; the next one pushed has this index. */
  truncateFrom(index: number): void {
    if (index < this.#firstIndex) return this.reset(index);
    for (const removed of this.#entries.splice(index - this.#firstIndex)) {
      this.#bytes -= entryBytes(removed);
    }
  }

  /**
   * Past `bytesMax`, forgets the oldest entries up to and including `toIndex` until an eighth of the bound
   * is free again, so that moving the rest is paid for by many entries.
   */
  evict(bytesMax: number, toIndex: number): void {
    if (this.#bytes <= bytesMax) return;
    const wanted = bytesMax - (bytesMax >>> 3);
    let count = 0;
    while (this.#bytes > wanted && this.#firstIndex + count <= toIndex) {
      const entry = this.#entries[count];
      if (entry === undefined) break;
      this.#bytes -= entryBytes(entry);
      count++;
    }
    this.#entries.splice(0, count);
    this.#firstIndex += count;
  }

  /** Empties the window; the next entry pushed has this index. */
  reset(firstIndex: number): void {
    this.#entries = [];
    this.#firstIndex = firstIndex;
    this.#bytes = 0;
  }

  checkInvariants(): void {
    let bytes = 0;
    for (const [at, entry] of this.#entries.entries()) {
      assert(entry.index === this.#firstIndex + at, `entry ${entry.index} is out of place`);
      bytes += entryBytes(entry);
    }
    assert(bytes === this.#bytes, `the window counts ${this.#bytes} bytes and holds ${bytes}`);
  }
}
