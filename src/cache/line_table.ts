/**
 * The places of all keys at this peer: found by key and by partition, and in the order of use. Lines that may be read
 * count against the bounds of entries and bytes; what is owed has a bound of its own, and what is asked for none.
 */
import { assert } from "../assert.ts";
import { RecencyList } from "../groups/recency_list.ts";
import { LIMITS } from "../limits.ts";
import { canRead } from "./line.ts";
import { LineSlot } from "./line_slot.ts";
import type { PartitionLines } from "./partition_lines.ts";

/** What a line takes beside its key and its value, about. */
const LINE_BYTES = 400;
const UTF16_BYTES = 2;

export interface TableBounds {
  readonly entriesMax: number;
  readonly bytesMax: number;
}

export class LineTable {
  readonly #bounds: TableBounds;
  readonly #slots = new Map<string, LineSlot>();
  readonly #recent = new RecencyList<LineSlot>();
  #lines = 0;
  #owed = 0;
  #owedBytes = 0;
  #bytes = 0;

  constructor(bounds: TableBounds) {
    this.#bounds = bounds;
  }

  /** Lines that are not Invalid. */
  get lines(): number {
    return this.#lines;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether so much was handed over or evicted, and is not confirmed, that nothing further should be asked for. */
  get owesMuch(): boolean {
    return this.#owed >= LIMITS.cacheOwedMax || this.#owedBytes >= LIMITS.cacheOwedBytesMax;
  }

  get linesMax(): number {
    return this.#bounds.entriesMax;
  }

  find(key: string): LineSlot | undefined {
    return this.#slots.get(key);
  }

  add(key: string, partition: PartitionLines): LineSlot {
    assert(!this.#slots.has(key), "a key has one place");
    const slot = new LineSlot(key, partition);
    this.#slots.set(key, slot);
    partition.slots.add(slot);
    return slot;
  }

  /** The line was used. */
  touch(slot: LineSlot): void {
    this.#recent.push(slot);
  }

  /** The line is another one than before: counts it, and forgets the place where it is of no more use. */
  changed(slot: LineSlot): void {
    const isLine = canRead(slot.line);
    if (isLine && !slot.listed) {
      this.#recent.push(slot);
      this.#lines++;
    } else if (!isLine && slot.listed) {
      this.#recent.remove(slot);
      this.#lines--;
    }
    this.#countOwed(slot);
    const bytes = isLine ? bytesOf(slot) : 0;
    this.#bytes += bytes - slot.bytes;
    slot.bytes = bytes;
    this.forgetIfEmpty(slot);
  }

  #countOwed(slot: LineSlot): void {
    const { owed } = slot.line;
    const bytes = owed === null ? null : owed.content.value.length;
    this.#owed += Number(bytes !== null) - Number(slot.owedBytes !== null);
    this.#owedBytes += (bytes ?? 0) - (slot.owedBytes ?? 0);
    slot.owedBytes = bytes;
  }

  forgetIfEmpty(slot: LineSlot): void {
    if (!slot.isEmpty || !slot.partition.slots.delete(slot)) return;
    this.#slots.delete(slot.key);
  }

  /** The line to be given up next, while there are too many; null: there are not, or all are in use. */
  surplus(): LineSlot | null {
    const { entriesMax, bytesMax } = this.#bounds;
    if (this.#lines <= entriesMax && this.#bytes <= bytesMax) return null;
    for (const slot of this.#recent) if (slot.line.ask === null) return slot;
    return null;
  }

  /** All lines, the one that was not used for longest first. */
  [Symbol.iterator](): Iterator<LineSlot> {
    return this.#recent[Symbol.iterator]();
  }
}

function bytesOf({ key, line }: LineSlot): number {
  return LINE_BYTES + key.length * UTF16_BYTES + (line.content?.value?.length ?? 0);
}
