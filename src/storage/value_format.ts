/**
 * How a value lies in its file: a crc32 u32 (little-endian) and its bytes. The checksum begins with the offset, so
 * that a value which was written at the wrong place is found. Files go from replica to replica as they are,
 * so every storage has this form.
 */
import { crc32 } from "node:zlib";

/** What a value takes in its file before its bytes. */
export const VALUE_HEAD_BYTES = 4;

/** @param offsetBytes of the value's head in its file */
export function valueChecksum(value: Uint8Array, offsetBytes: number): number {
  return crc32(value, offsetBytes >>> 0);
}

/**
 * @param bytes a value's head and bytes, as they were read
 * @param offsetBytes where they lie in the file
 * @returns a view of the value; null where the checksum is wrong
 */
export function takeValue(bytes: Uint8Array, offsetBytes: number): Uint8Array | null {
  const value = bytes.subarray(VALUE_HEAD_BYTES);
  const checksum = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  return valueChecksum(value, offsetBytes) === checksum ? value : null;
}
