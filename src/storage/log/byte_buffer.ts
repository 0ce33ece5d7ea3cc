/**
 * Bytes being written and read: one growing buffer with the few number forms of the log's format.
 * Integers of fixed size are little-endian; varints are LEB128 of whole numbers below 2^53.
 */
import { assert } from "../../assert.ts";

const CAPACITY_BYTES_MIN = 4 * 1024;
const HIGH = 0x1_0000_0000;

export class ByteBuffer {
  bytes = new Uint8Array(CAPACITY_BYTES_MIN);
  view = new DataView(this.bytes.buffer);
  length = 0;

  /** Makes room for this many more bytes, so that the caller may write into `bytes` directly. */
  reserve(sizeBytes: number): void {
    const needed = this.length + sizeBytes;
    if (needed <= this.bytes.length) return;
    let capacity = this.bytes.length * 2;
    while (capacity < needed) capacity *= 2;
    const grown = new Uint8Array(capacity);
    grown.set(this.bytes.subarray(0, this.length));
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  putU8(value: number): void {
    this.reserve(1);
    this.bytes[this.length++] = value;
  }

  putU32(value: number): void {
    this.reserve(4);
    this.view.setUint32(this.length, value, true);
    this.length += 4;
  }

  putU64(value: number): void {
    this.putU32(value % HIGH);
    this.putU32(Math.floor(value / HIGH));
  }

  putVarint(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, `${value} has no varint form`);
    this.reserve(8);
    while (value >= 0x8000_0000) {
      this.bytes[this.length++] = (value % 128) | 128;
      value = Math.floor(value / 128);
    }
    while (value >= 128) {
      this.bytes[this.length++] = (value & 127) | 128;
      value >>>= 7;
    }
    this.bytes[this.length++] = value;
  }

  putBytes(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** Bytes with their length before them. */
  putSized(bytes: Uint8Array): void {
    this.putVarint(bytes.length);
    this.putBytes(bytes);
  }
}

/** Thrown by a reader that runs past its end: the bytes were not written by this program's rules. */
export class MalformedError extends Error {
  override readonly name = "MalformedError";
}

export class ByteReader {
  readonly bytes: Uint8Array;
  at: number;
  readonly end: number;
  readonly #view: DataView;

  /** @param end where the readable bytes end, in `bytes` */
  constructor(bytes: Uint8Array, at: number, end: number) {
    this.bytes = bytes;
    this.at = at;
    this.end = end;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(): number {
    this.#need(1);
    return this.bytes[this.at++]!;
  }

  u32(): number {
    this.#need(4);
    const value = this.#view.getUint32(this.at, true);
    this.at += 4;
    return value;
  }

  u64(): number {
    const low = this.u32();
    return this.u32() * HIGH + low;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let place = 0; place < 8; place++) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
      scale *= 128;
    }
    throw new MalformedError("a varint is too long");
  }

  /** A view of the next bytes, not a copy. */
  take(sizeBytes: number): Uint8Array {
    this.#need(sizeBytes);
    const part = this.bytes.subarray(this.at, this.at + sizeBytes);
    this.at += sizeBytes;
    return part;
  }

  sized(): Uint8Array {
    return this.take(this.varint());
  }

  #need(sizeBytes: number): void {
    if (this.at + sizeBytes > this.end) throw new MalformedError("a field runs past its end");
  }
}
