/**
 * How a segment begins, and where it lies. The header is 64 bytes:
 *
 *     0  magic "SKEINWAL"          8  format version u32     12  crc32 u32 of bytes 16..64
 *    16  store id, 16 bytes       32  number u64             40  oldest live segment u64
 *    48  predecessor's length u32 (bytes past it are ignored, those before it are attested)
 *    52  attested bytes u32 (of this file, fsynced before it got its name)
 *    56  salt, 8 random bytes
 *
 * Invariant: numbers are contiguous from the oldest live segment to the newest.
 */
import { crc32 } from "node:zlib";
import { ByteBuffer, ByteReader } from "./byte_buffer.ts";
import { StorageForeignError } from "../storage.ts";

export const SEGMENT_HEADER_BYTES = 64;
export const FORMAT_VERSION = 1;
export const SALT_BYTES = 8;
const MAGIC = new TextEncoder().encode("SKEINWAL");
const SUFFIX = ".seg";

export interface SegmentHeader {
  readonly storeId: Uint8Array;
  readonly number: number;
  readonly oldestLive: number;
  readonly predecessorBytes: number;
  readonly attestedBytes: number;
  readonly salt: Uint8Array;
}

/** Writes the header to the front of a buffer whose first 64 bytes are kept for it. */
export function encodeSegmentHeader(header: SegmentHeader, into: Uint8Array): void {
  const fields = new ByteBuffer();
  fields.putBytes(MAGIC);
  fields.putU32(FORMAT_VERSION);
  fields.putU32(0);
  fields.putBytes(header.storeId);
  fields.putU64(header.number);
  fields.putU64(header.oldestLive);
  fields.putU32(header.predecessorBytes);
  fields.putU32(header.attestedBytes);
  fields.putBytes(header.salt);
  const bytes = fields.bytes.subarray(0, SEGMENT_HEADER_BYTES);
  fields.view.setUint32(12, headerChecksum(bytes), true);
  into.set(bytes);
}

/**
 * @returns null when the header is torn or damaged
 * @throws {StorageForeignError} when a sound header is of a version that this program does not read
 */
export function decodeSegmentHeader(bytes: Uint8Array, file: string): SegmentHeader | null {
  if (bytes.length < SEGMENT_HEADER_BYTES) return null;
  if (!MAGIC.every((byte, at) => bytes[at] === byte)) return null;
  const reader = new ByteReader(bytes, MAGIC.length, SEGMENT_HEADER_BYTES);
  const version = reader.u32();
  if (reader.u32() !== headerChecksum(bytes)) return null;
  if (version !== FORMAT_VERSION) {
    throw new StorageForeignError(
      `cannot read ${file}: its format version is ${version}, and this program reads ${FORMAT_VERSION}`,
    );
  }
  return {
    storeId: reader.take(16).slice(),
    number: reader.u64(),
    oldestLive: reader.u64(),
    predecessorBytes: reader.u32(),
    attestedBytes: reader.u32(),
    salt: reader.take(SALT_BYTES).slice(),
  };
}

export function segmentName(number: number): string {
  return number.toString(16).padStart(16, "0") + SUFFIX;
}

/** @returns null for a file that is not a segment */
export function segmentNumberOf(name: string): number | null {
  return /^[0-9a-f]{16}\.seg$/.test(name) ? parseInt(name, 16) : null;
}

/** Covers the version too, so that a flipped version reads as damage and not as another format. */
function headerChecksum(bytes: Uint8Array): number {
  return crc32(bytes.subarray(16, SEGMENT_HEADER_BYTES), crc32(bytes.subarray(0, 12)));
}
