/**
 * Records on their way to disk in one write. A batch has its place, segment and offset, from its first
 * record on; so the index knows where an entry will lie before it is written, and checksums can cover
 * places. The buffer holds the segment's header too where the batch begins a segment.
 */
import { BATCH_HEADER_BYTES, type BatchSeal, encodeBatchHeader } from "./batch_header.ts";
import { ByteBuffer } from "./byte_buffer.ts";
import { type Position, positionOf } from "./entry_index.ts";
import { beginRecord, endRecord } from "./record_frame.ts";
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES, type SegmentHeader } from "./segment_header.ts";

/** A live segment, as far as its records must be told from other bytes. */
export interface SegmentKey {
  readonly number: number;
  readonly seal: BatchSeal;
  /** See `recordSeed`. */
  readonly recordSeed: number;
}

/** What a new segment's header will say; the oldest live segment is filled in when it is written. */
export type SegmentBeginning = Omit<SegmentHeader, "oldestLive" | "attestedBytes">;

export class Batch {
  readonly segment: SegmentKey;
  readonly beginning: SegmentBeginning | null;
  readonly buffer: ByteBuffer;
  readonly done = Promise.withResolvers<void>();
  /** Offset of the buffer's first byte in the segment. */
  readonly startOffset: number;
  /** Offset of the batch's header in the segment. */
  readonly headerOffset: number;
  recordCount = 0;

  /**
   * @param headerOffset where the batch's header lies in its segment
   * @param beginning set where this batch begins its segment
   * @param buffer an empty one, of a batch that is done
   */
  constructor(
    segment: SegmentKey,
    headerOffset: number,
    beginning: SegmentBeginning | null,
    buffer: ByteBuffer,
  ) {
    this.segment = segment;
    this.beginning = beginning;
    this.buffer = buffer;
    this.headerOffset = headerOffset;
    this.startOffset = beginning === null ? headerOffset : headerOffset - SEGMENT_HEADER_BYTES;
    const headersBytes = headerOffset - this.startOffset + BATCH_HEADER_BYTES;
    buffer.length = 0;
    buffer.reserve(headersBytes);
    buffer.length = headersBytes;
    // Who waits is told through derived promises; that nobody waits is no error.
    this.done.promise.catch(() => {});
  }

  get endOffset(): number {
    return this.startOffset + this.buffer.length;
  }

  get bodyBytes(): number {
    return this.endOffset - this.headerOffset - BATCH_HEADER_BYTES;
  }

  /** Adds one record. @param encode writes its body */
  add(encode: (buffer: ByteBuffer) => void): { position: Position; sizeBytes: number } {
    const { buffer } = this;
    const at = beginRecord(buffer);
    try {
      encode(buffer);
    } catch (error) {
      // A record that has no form is our bug; half of it must not reach the disk.
      buffer.length = at;
      throw error;
    }
    const offset = this.startOffset + at;
    endRecord(buffer, at, this.segment.recordSeed, offset);
    this.recordCount++;
    return {
      position: positionOf(this.segment.number, offset),
      sizeBytes: buffer.length - at,
    };
  }

  /**
   * Fills in the headers. @returns the bytes to write at `startOffset`
   * @param attestedOffset up to where the segment is durable now
   */
  seal(attestedOffset: number, oldestLive: number, attestedBytes = 0): Uint8Array {
    const { buffer, beginning } = this;
    if (beginning !== null) {
      encodeSegmentHeader({ ...beginning, oldestLive, attestedBytes }, buffer.bytes);
    }
    encodeBatchHeader(
      {
        offset: this.headerOffset,
        attestedOffset,
        bodyBytes: this.bodyBytes,
        recordCount: this.recordCount,
      },
      this.segment.seal,
      buffer.bytes,
      this.headerOffset - this.startOffset,
    );
    return buffer.bytes.subarray(0, buffer.length);
  }
}
