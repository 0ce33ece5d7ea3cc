/**
 * The frame of every record: length u32, crc32 u32, then that many bytes of body. The checksum begins
 * with a number made of the segment's salt and the record's own offset, so that bytes which belong to another place
 * or another segment (a misdirected write, a block of a former file) are not taken for this record.
 */
import { crc32 } from "node:zlib";
import type { ByteBuffer } from "./byte_buffer.ts";

export const RECORD_FRAME_BYTES = 8;

/** Where the checksums of a segment's records begin; see `recordChecksum`. */
export function recordSeed(salt: Uint8Array): number {
  return crc32(salt);
}

/** Keeps room for the frame; the body follows. @returns where the record begins in the buffer */
export function beginRecord(buffer: ByteBuffer): number {
  const at = buffer.length;
  buffer.reserve(RECORD_FRAME_BYTES);
  buffer.length += RECORD_FRAME_BYTES;
  return at;
}

/**
 * Completes the frame of the record that began at `at` in the buffer.
 * @param offset the record's offset in its segment
 */
export function endRecord(buffer: ByteBuffer, at: number, seed: number, offset: number): void {
  const body = buffer.bytes.subarray(at + RECORD_FRAME_BYTES, buffer.length);
  buffer.view.setUint32(at, body.length, true);
  buffer.view.setUint32(at + 4, crc32(body, (seed + offset) >>> 0), true);
}

/**
 * @param bytes holds the record at `at`
 * @param offset the record's offset in its segment
 * @param end where the bytes end that may belong to it
 * @returns the end of the record in `bytes`, or null when it is bad
 */
export function checkRecord(
  bytes: Uint8Array,
  at: number,
  end: number,
  seed: number,
  offset: number,
): number | null {
  const bodyAt = at + RECORD_FRAME_BYTES;
  if (bodyAt > end) return null;
  const bodyEnd = bodyAt + readU32(bytes, at);
  if (bodyEnd === bodyAt || bodyEnd > end) return null;
  const checksum = crc32(bytes.subarray(bodyAt, bodyEnd), (seed + offset) >>> 0);
  return checksum === readU32(bytes, at + 4) ? bodyEnd : null;
}

function readU32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>>
    0;
}
