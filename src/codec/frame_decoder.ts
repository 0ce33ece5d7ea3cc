/**
 * Cuts a byte stream into frames: a u32 big-endian length, then that many bytes. Fed with chunks of any
 * size; each byte is copied at most once, and a frame that lies whole within a chunk is a view of it. A
 * length past the bound is refused as soon as its four bytes are there, and nothing is allocated for it.
 */
import { assert } from "../assert.ts";

export const FRAME_HEADER_BYTES = 4;

const EMPTY = new Uint8Array(0);

export class FrameDecoder {
  readonly #frameBytesMax: number;
  #chunk: Uint8Array = EMPTY;
  #position = 0;
  /** The length of the frame being read, gathered byte by byte while `#headerBytes` is below four. */
  #length = 0;
  #headerBytes = 0;
  /** The start of a frame that began in an earlier chunk; null while no frame spans chunks. */
  #partial: Uint8Array | null = null;
  #partialBytes = 0;
  #failure: string | null = null;

  /** @param frameBytesMax the largest body that is accepted */
  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** What was wrong with the stream. It cannot be read any further: close it. */
  get failure(): string | null {
    return this.#failure;
  }

  /** @param chunk the stream's next bytes; `next` must have returned null for the chunk before */
  push(chunk: Uint8Array): void {
    assert(this.#position === this.#chunk.length || this.#failure !== null, "a chunk was not read");
    this.#chunk = chunk;
    this.#position = 0;
  }

  /** @returns the body of the next frame, or null when more bytes are needed or the stream has failed */
  next(): Uint8Array | null {
    if (this.#failure !== null || !this.#readHeader()) return null;
    const available = this.#chunk.length - this.#position;
    if (this.#partial === null) {
      if (available >= this.#length) {
        const start = this.#position;
        this.#position += this.#length;
        return this.#finish(this.#chunk.subarray(start, this.#position));
      }
      this.#partial = new Uint8Array(this.#length);
      this.#partialBytes = 0;
    }
    const taken = Math.min(available, this.#length - this.#partialBytes);
    this.#partial.set(
      this.#chunk.subarray(this.#position, this.#position + taken),
      this.#partialBytes,
    );
    this.#position += taken;
    this.#partialBytes += taken;
    return this.#partialBytes === this.#length ? this.#finish(this.#partial) : null;
  }

  /** @returns whether the whole header has been read and its length is allowed */
  #readHeader(): boolean {
    while (this.#headerBytes < FRAME_HEADER_BYTES) {
      if (this.#position === this.#chunk.length) {
        this.#chunk = EMPTY;
        this.#position = 0;
        return false;
      }
      this.#length = this.#length * 256 + this.#chunk[this.#position++]!;
      this.#headerBytes++;
      if (this.#headerBytes === FRAME_HEADER_BYTES && this.#length > this.#frameBytesMax) {
        this.#failure = `a frame of ${this.#length} bytes is larger than ${this.#frameBytesMax}`;
        return false;
      }
    }
    return this.#failure === null;
  }

  #finish(body: Uint8Array): Uint8Array {
    this.#length = 0;
    this.#headerBytes = 0;
    this.#partial = null;
    return body;
  }
}
