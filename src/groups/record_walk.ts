/**
 * One snapshot of a table of records that is under way. The slots that were in use at its beginning are pulled
 * in their order, a block at a time; a record that changes before it was pulled leaves its old form first
 * (copy-on-write). A block is a row of a snapshot: `[tag, bytes, texts]`, the bytes being 32-bit integers,
 * little-endian: per record its slot and its stored halves. `texts` is null where the table has none.
 */
import { assert } from "../assert.ts";
import type { RecordPages } from "./record_pages.ts";

export type RecordBlock = readonly [number, Uint8Array, readonly string[] | null];

/** Records a block: about 30 KB, so that no pull takes long. */
const BLOCK_RECORDS = 512;

/** The records that are walked over, as far as the walk needs them. */
type Records = Pick<RecordPages, "storedHalves" | "high" | "isLive" | "copyOut" | "textOf">;

export class RecordWalk implements Iterator<RecordBlock, undefined> {
  readonly #records: Records;
  readonly #tag: number;
  readonly #onEnd: () => void;
  /** Slots from here on came to be later. */
  readonly #high: number;
  /** A bit for each slot that left its old form, or was not in use. */
  readonly #settled: Uint8Array;
  readonly #full: RecordBlock[] = [];
  #block: Int32Array;
  #texts: string[] = [];
  #filled = 0;
  /** Slots below were pulled. */
  #cursor = 0;
  #state: "running" | "complete" | "void" = "running";

  constructor(records: Records, tag: number, onEnd: () => void) {
    this.#records = records;
    this.#tag = tag;
    this.#onEnd = onEnd;
    this.#high = records.high;
    this.#settled = new Uint8Array((records.high + 7) >>> 3);
    this.#block = this.#newBlock();
  }

  #newBlock(): Int32Array {
    return new Int32Array(BLOCK_RECORDS * (1 + this.#records.storedHalves));
  }

  /** This slot is about to be changed, freed or used. */
  beforeChange(slot: number): void {
    if (slot < this.#cursor || slot >= this.#high) return;
    const bit = 1 << (slot & 7);
    if ((this.#settled[slot >>> 3]! & bit) !== 0) return;
    this.#settled[slot >>> 3]! |= bit;
    if (this.#records.isLive(slot)) this.#take(slot);
  }

  #take(slot: number): void {
    const at = this.#filled * (1 + this.#records.storedHalves);
    this.#block[at] = slot;
    this.#records.copyOut(slot, this.#block, at + 1);
    const text = this.#records.textOf(slot);
    if (text !== null) this.#texts.push(text);
    if (++this.#filled === BLOCK_RECORDS) this.#close();
  }

  #close(): void {
    const { buffer } = this.#block;
    const sizeBytes = 4 * this.#filled * (1 + this.#records.storedHalves);
    const texts = this.#texts.length > 0 ? this.#texts : null;
    this.#full.push([this.#tag, new Uint8Array(buffer, 0, sizeBytes), texts]);
    this.#block = this.#newBlock();
    this.#texts = [];
    this.#filled = 0;
  }

  next(): IteratorResult<RecordBlock, undefined> {
    assert(this.#state !== "void", "a snapshot is pulled to its end before the next one begins");
    while (this.#full.length === 0 && this.#cursor < this.#high) {
      const slot = this.#cursor++;
      const isSettled = (this.#settled[slot >>> 3]! & (1 << (slot & 7))) !== 0;
      if (!isSettled && this.#records.isLive(slot)) this.#take(slot);
    }
    if (this.#full.length === 0 && this.#filled > 0) this.#close();
    const block = this.#full.shift();
    if (block !== undefined) return { done: false, value: block };
    if (this.#state === "running") this.#finish("complete");
    return { done: true, value: undefined };
  }

  return(): IteratorResult<RecordBlock, undefined> {
    if (this.#state === "running") this.#finish("void");
    return { done: true, value: undefined };
  }

  /** Another snapshot began, or the table was emptied. */
  end(): void {
    if (this.#state === "running") this.#state = "void";
  }

  #finish(state: "complete" | "void"): void {
    this.#state = state;
    this.#onEnd();
  }
}

/**
 * Loads one block into an empty table.
 * @param taken called for each slot with its text, after its record is loaded
 */
export function loadBlock(
  records: Pick<RecordPages, "storedHalves" | "load">,
  [, bytes, texts]: RecordBlock,
  taken?: (slot: number, text: string) => void,
): void {
  const halves = new Int32Array(bytes.slice().buffer);
  const step = 1 + records.storedHalves;
  assert(halves.length % step === 0, "a block of a snapshot holds whole records");
  for (let at = 0, place = 0; at < halves.length; at += step, place++) {
    const slot = halves[at]!;
    records.load(slot, halves, at + 1);
    if (texts !== null) taken?.(slot, texts[place]!);
  }
}
