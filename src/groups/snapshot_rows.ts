/**
 * Rows of a snapshot in chunks: each row is a msgpack-able value, behind its length in bytes (u32); a chunk
 * holds whole rows. Encoding pulls from a source of rows (see `snapshot_map.ts`), a chunk's worth at a time,
 * so that no call takes long.
 */
import { assert } from "../assert.ts";
import { decode, encodeShared } from "../codec/msgpack.ts";

/** A chunk is closed once it is this long; some hundred rows, well below a millisecond of encoding. */
const CHUNK_BYTES = 64 * 1024;
const LENGTH_BYTES = 4;
/** Snapshots are checked by checksum before they are read: a row may be as large as one resource is. */
const ROW_BOUNDS = { depthMax: 64, valuesMax: Number.MAX_SAFE_INTEGER };

/** Pulls rows and gives chunks. `return` passes on to the rows, so that copy-on-write ends. */
export class RowChunks implements Iterator<Uint8Array, undefined> {
  readonly #rows: Iterator<unknown>;
  readonly #buffer: ChunkBuffer = new ChunkBuffer();

  constructor(rows: Iterator<unknown>) {
    this.#rows = rows;
  }

  next(): IteratorResult<Uint8Array, undefined> {
    while (this.#buffer.length < CHUNK_BYTES) {
      const step = this.#rows.next();
      if (step.done === true) break;
      this.#buffer.add(encodeShared(step.value));
    }
    if (this.#buffer.length === 0) return { done: true, value: undefined };
    return { done: false, value: this.#buffer.take() };
  }

  return(): IteratorResult<Uint8Array, undefined> {
    this.#rows.return?.();
    return { done: true, value: undefined };
  }
}

class ChunkBuffer {
  #bytes = new Uint8Array(2 * CHUNK_BYTES);
  length = 0;

  add(row: Uint8Array): void {
    const end = this.length + LENGTH_BYTES + row.length;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(2 * end);
      larger.set(this.#bytes.subarray(0, this.length));
      this.#bytes = larger;
    }
    new DataView(this.#bytes.buffer).setUint32(this.length, row.length);
    this.#bytes.set(row, this.length + LENGTH_BYTES);
    this.length = end;
  }

  /** @returns bytes of the caller's own */
  take(): Uint8Array {
    const bytes = this.#bytes.slice(0, this.length);
    this.length = 0;
    return bytes;
  }
}

/**
 * @param chunks as `RowChunks` gave them
 * @returns the rows, in their order
 */
export function* readRows(chunks: Iterable<Uint8Array>): Generator<unknown, void, undefined> {
  for (const chunk of chunks) {
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
    for (let at = 0; at < chunk.length;) {
      const end = at + LENGTH_BYTES + view.getUint32(at);
      assert(end <= chunk.length, "a chunk of a snapshot holds whole rows");
      const row = decode(chunk.subarray(at + LENGTH_BYTES, end), ROW_BOUNDS);
      assert(row.ok, "a row of a verified snapshot can be decoded");
      yield row.value;
      at = end;
    }
  }
}

/**
 * @param sources snapshots that have begun already, so that all are of the same moment
 * @returns their rows, one source after the other
 */
export function joinRows(...sources: readonly Iterator<unknown>[]): Iterator<unknown> {
  let current = 0;
  return {
    next() {
      for (; current < sources.length; current++) {
        const step = sources[current]!.next();
        if (step.done !== true) return step;
      }
      return { done: true, value: undefined };
    },
    return() {
      for (const source of sources) source.return?.();
      return { done: true, value: undefined };
    },
  };
}
