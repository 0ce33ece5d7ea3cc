/**
 * Reads a segment from disk and checks that it is the one which it should be. What its header cannot say,
 * because it is damaged, is left to the caller to judge.
 */
import { StorageCorruptError, StorageForeignError } from "../storage.ts";
import type { SegmentKey } from "./batch.ts";
import { batchSeal } from "./batch_header.ts";
import { type FileSystem, readUpTo } from "./file_system.ts";
import { recordSeed } from "./record_frame.ts";
import {
  decodeSegmentHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  segmentName,
} from "./segment_header.ts";

export interface SegmentFile {
  readonly file: string;
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly header: SegmentHeader;
  readonly key: SegmentKey;
}

export type DamagedSegment = Pick<SegmentFile, "file" | "number" | "bytes"> & {
  readonly header: null;
};

/** @returns the directory of a store's segments */
export function segmentDirectory(directory: string): string {
  return `${directory}/wal`;
}

/** What tells a segment's bytes from all others. */
export function segmentKey(number: number, storeId: Uint8Array, salt: Uint8Array): SegmentKey {
  return { number, seal: batchSeal(storeId, salt), recordSeed: recordSeed(salt) };
}

/**
 * @param wal the directory of the segments
 * @param sizeBytesMax reads no more than this from its start
 * @throws {StorageForeignError} when the segment is another store's, or has another's name
 */
export async function readSegment(
  fileSystem: FileSystem,
  wal: string,
  number: number,
  storeId: Uint8Array,
  sizeBytesMax = Infinity,
): Promise<SegmentFile | DamagedSegment> {
  const file = `${wal}/${segmentName(number)}`;
  const handle = await fileSystem.open(file, "read");
  let bytes: Uint8Array;
  try {
    bytes = await readUpTo(handle, 0, Math.min(sizeBytesMax, await handle.sizeBytes()));
  } finally {
    handle.close();
  }
  const header = decodeSegmentHeader(bytes, file);
  if (header === null) return { file, number, bytes, header };
  if (header.storeId.some((byte, at) => byte !== storeId[at])) {
    throw new StorageForeignError(`cannot open the store: ${file} belongs to another store`);
  }
  if (header.number !== number) {
    throw new StorageForeignError(`cannot open the store: ${file} is segment ${header.number}`);
  }
  return { file, number, bytes, header, key: segmentKey(number, storeId, header.salt) };
}

/** Reads only the header of a segment that has a successor. @throws {StorageCorruptError} */
export async function readSealedHeader(
  fileSystem: FileSystem,
  wal: string,
  number: number,
  storeId: Uint8Array,
): Promise<SegmentHeader> {
  const segment = await readSegment(fileSystem, wal, number, storeId, SEGMENT_HEADER_BYTES);
  if (segment.header === null) throw damaged(segment.file, 0, "its header is bad");
  return segment.header;
}

export function damaged(file: string, offsetBytes: number, why: string): StorageCorruptError {
  return new StorageCorruptError(
    `cannot open the store: ${file} is damaged at offset ${offsetBytes}: ${why}`,
    file,
    offsetBytes,
  );
}
