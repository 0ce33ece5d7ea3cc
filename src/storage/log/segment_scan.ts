/**
 * Walks the batches and records of one segment and finds where the sound part ends. It judges single bytes
 * only: what a bad place means (corruption or a torn tail) is for the attested offsets to say, and what
 * the records mean is for the visitor.
 */
import { BATCH_HEADER_BYTES, decodeBatchHeader } from "./batch_header.ts";
import type { SegmentKey } from "./batch.ts";
import { checkRecord, RECORD_FRAME_BYTES } from "./record_frame.ts";

export interface ScanEnd {
  /** Where the sound part ends: at a batch's end, or behind the last sound record of a damaged one. */
  readonly endOffset: number;
  /** True when nothing follows but the zeros of preallocation. */
  readonly clean: boolean;
  /** The highest offset that a sound batch header attests. */
  readonly attestedOffset: number;
  readonly batches: number;
}

/**
 * @param bytes the segment from its start on
 * @param fromOffset where its first batch begins
 * @param limitBytes nothing at or after this belongs to the segment
 * @param visit takes each sound record: its offset, its body's bounds
 */
export function scanSegment(
  bytes: Uint8Array,
  key: SegmentKey,
  fromOffset: number,
  limitBytes: number,
  visit: (offset: number, bodyAt: number, bodyEnd: number) => void,
): ScanEnd {
  let offset = fromOffset;
  let attestedOffset = 0;
  let batches = 0;
  while (offset < limitBytes) {
    const header = decodeBatchHeader(bytes, offset, key.seal);
    if (header === null) {
      const clean = lastWritten(bytes, offset, limitBytes) === offset;
      return { endOffset: offset, clean, attestedOffset, batches };
    }
    batches++;
    attestedOffset = Math.max(attestedOffset, header.attestedOffset);
    const bodyEnd = offset + BATCH_HEADER_BYTES + header.bodyBytes;
    let at = offset + BATCH_HEADER_BYTES;
    while (at < bodyEnd) {
      const end = checkRecord(bytes, at, Math.min(bodyEnd, limitBytes), key.recordSeed, at);
      if (end === null) return { endOffset: at, clean: false, attestedOffset, batches };
      visit(at, at + RECORD_FRAME_BYTES, end);
      at = end;
    }
    offset = bodyEnd;
  }
  return { endOffset: offset, clean: true, attestedOffset, batches };
}

/** @returns the end of the last byte in `from .. to - 1` that is not zero; `from` when all are zero */
export function lastWritten(bytes: Uint8Array, from: number, to: number): number {
  let end = Math.min(to, bytes.length);
  while (end > from && bytes[end - 1] === 0) end--;
  return Math.max(end, from);
}
