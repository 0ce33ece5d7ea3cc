/**
 * Frames on their way out: a queue of bytes, filled frame by frame and emptied in pieces of any size, so
 * that many small frames leave together and a large one is split. Bytes lie in chunks of equal size, and
 * one emptied chunk is kept for reuse. The bound on what may wait is its owner's: ask `bytes` first.
 */
import { assert } from "../assert.ts";
import { FRAME_HEADER_BYTES } from "./frame_decoder.ts";

const CHUNK_BYTES = 64 * 1024;

export class FrameQueue {
  readonly #chunks: Uint8Array[] = [];
  #spare: Uint8Array | null = null;
  /** Where the first chunk's unread bytes begin, and where the last chunk's free space does. */
  #readAt = 0;
  #writeAt = CHUNK_BYTES;
  #bytes = 0;

  /** Bytes that wait, headers included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @param body copied; may be reused by the caller at once */
  append(body: Uint8Array): void {
    const length = body.length;
    assert(length <= 0xffff_ffff, `a frame of ${length} bytes has no header`);
    if (this.#writeAt + FRAME_HEADER_BYTES <= CHUNK_BYTES) {
      this.#writeHeader(this.#chunks[this.#chunks.length - 1]!, this.#writeAt, length);
      this.#writeAt += FRAME_HEADER_BYTES;
    } else {
      const header = new Uint8Array(FRAME_HEADER_BYTES);
      this.#writeHeader(header, 0, length);
      this.#write(header);
    }
    this.#write(body);
    this.#bytes += FRAME_HEADER_BYTES + length;
  }

  /** @param target filled with the oldest bytes, which leave the queue; no longer than `bytes` */
  takeInto(target: Uint8Array): void {
    assert(target.length <= this.#bytes, `${target.length} bytes wanted of ${this.#bytes}`);
    let filled = 0;
    while (filled < target.length) {
      const chunk = this.#chunks[0]!;
      const taken = Math.min(CHUNK_BYTES - this.#readAt, target.length - filled);
      target.set(chunk.subarray(this.#readAt, this.#readAt + taken), filled);
      filled += taken;
      this.#readAt += taken;
      if (this.#readAt === CHUNK_BYTES) this.#dropFirst();
    }
    this.#bytes -= target.length;
    if (this.#bytes === 0) this.#rewind();
  }

  #writeHeader(target: Uint8Array, at: number, length: number): void {
    target[at] = length >>> 24;
    target[at + 1] = length >>> 16;
    target[at + 2] = length >>> 8;
    target[at + 3] = length;
  }

  #write(source: Uint8Array): void {
    let position = 0;
    while (position < source.length) {
      if (this.#writeAt === CHUNK_BYTES) {
        this.#chunks.push(this.#spare ?? new Uint8Array(CHUNK_BYTES));
        this.#spare = null;
        this.#writeAt = 0;
      }
      const written = Math.min(CHUNK_BYTES - this.#writeAt, source.length - position);
      const chunk = this.#chunks[this.#chunks.length - 1]!;
      chunk.set(source.subarray(position, position + written), this.#writeAt);
      this.#writeAt += written;
      position += written;
    }
  }

  #dropFirst(): void {
    this.#spare = this.#chunks.shift()!;
    this.#readAt = 0;
  }

  /** Nothing waits: the one chunk that is left, if any, is written from its start again. */
  #rewind(): void {
    if (this.#chunks.length === 0) {
      this.#writeAt = CHUNK_BYTES;
    } else {
      assert(this.#chunks.length === 1, "an empty queue has no further chunks");
      this.#writeAt = 0;
    }
    this.#readAt = 0;
  }
}
