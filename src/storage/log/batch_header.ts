/**
 * What stands before the records of each batch, 32 bytes:
 *
 *     0  magic "SKBH"       4  crc32 u32 of bytes 8..32, begun with the store id
 *     8  the segment's salt                 16  own offset u32    20  attested offset u32
 *    24  bytes of the batch's records u32   28  records u32
 *
 * A batch is written only after its predecessor's fsync, and says so: up to the attested offset the
 * segment was durable when this header was made. So whatever is bad below an attested offset is
 * corruption, not a torn tail. Salt, own offset and the store id's part in the checksum keep payloads,
 * which may hold any bytes, from being taken for one.
 */
import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import { SALT_BYTES, SEGMENT_HEADER_BYTES } from "./segment_header.ts";

export const BATCH_HEADER_BYTES = 32;
const MAGIC = new TextEncoder().encode("SKBH");

export interface BatchHeader {
  readonly offset: number;
  readonly attestedOffset: number;
  readonly bodyBytes: number;
  readonly recordCount: number;
}

/** What tells the headers of one segment from all other bytes. */
export interface BatchSeal {
  readonly salt: Uint8Array;
  readonly storeChecksum: number;
}

export function batchSeal(storeId: Uint8Array, salt: Uint8Array): BatchSeal {
  return { salt, storeChecksum: crc32(storeId) };
}

/** Writes the header into bytes that were kept for it, at `at`. */
export function encodeBatchHeader(
  header: BatchHeader,
  seal: BatchSeal,
  bytes: Uint8Array,
  at: number,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, BATCH_HEADER_BYTES);
  bytes.set(MAGIC, at);
  bytes.set(seal.salt, at + 8);
  view.setUint32(16, header.offset, true);
  view.setUint32(20, header.attestedOffset, true);
  view.setUint32(24, header.bodyBytes, true);
  view.setUint32(28, header.recordCount, true);
  view.setUint32(4, checksum(bytes, at, seal.storeChecksum), true);
}

/**
 * @param bytes a segment from its start on
 * @param salt null where the segment's own header, which would name it, is damaged
 * @returns null when there is no sound header of this segment at `offset`
 */
export function decodeBatchHeader(
  bytes: Uint8Array,
  offset: number,
  seal: BatchSeal | { readonly salt: null; readonly storeChecksum: number },
): BatchHeader | null {
  if (offset + BATCH_HEADER_BYTES > bytes.length) return null;
  if (!MAGIC.every((byte, at) => bytes[offset + at] === byte)) return null;
  for (let at = 0; seal.salt !== null && at < SALT_BYTES; at++) {
    if (bytes[offset + 8 + at] !== seal.salt[at]) return null;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, BATCH_HEADER_BYTES);
  if (view.getUint32(4, true) !== checksum(bytes, offset, seal.storeChecksum)) return null;
  if (view.getUint32(16, true) !== offset) return null;
  return {
    offset,
    attestedOffset: view.getUint32(20, true),
    bodyBytes: view.getUint32(24, true),
    recordCount: view.getUint32(28, true),
  };
}

/**
 * Searches behind a bad place for what was attested later, so that damage cannot hide it.
 * @returns the highest attested offset that a sound header at or after `fromOffset` names; 0 for none
 */
export function attestedBehind(
  bytes: Uint8Array,
  fromOffset: number,
  seal: BatchSeal | { readonly salt: null; readonly storeChecksum: number },
): number {
  const pattern = new Uint8Array(MAGIC);
  const haystack = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let attested = 0;
  let at = haystack.indexOf(pattern, fromOffset);
  while (at !== -1) {
    const header = at < SEGMENT_HEADER_BYTES ? null : decodeBatchHeader(bytes, at, seal);
    if (header !== null) attested = Math.max(attested, header.attestedOffset);
    at = haystack.indexOf(pattern, at + 1);
  }
  return attested;
}

function checksum(bytes: Uint8Array, at: number, storeChecksum: number): number {
  return crc32(bytes.subarray(at + 8, at + BATCH_HEADER_BYTES), storeChecksum);
}
