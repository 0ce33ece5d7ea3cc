/**
 * Group commit: one batch is being written and fsynced, the next gathers. A batch is written only after
 * its predecessor's fsync, in one write, and says so in its header. There is no timer: the first record
 * waits for the end of the current microtask, the others for the fsync in flight.
 *
 * Invariants: records are applied to the state in the order in which they will lie on disk; after a
 * failure nothing is written or called durable any more, and an fsync is never tried a second time.
 */
import { assert } from "../../assert.ts";
import type { Entry } from "../../raft/entry.ts";
import type { GroupId, StorageFailedError } from "../storage.ts";
import { Batch, type SegmentKey } from "./batch.ts";
import { BATCH_HEADER_BYTES, batchSeal } from "./batch_header.ts";
import { ByteBuffer } from "./byte_buffer.ts";
import { offsetOf, type Position, segmentOf } from "./entry_index.ts";
import { type FileHandle, type FileSystem, writeAll } from "./file_system.ts";
import type { LogLimits } from "./log_limits.ts";
import type { LogState } from "./log_state.ts";
import {
  encodeEntries,
  encodeState,
  ENTRIES_HEAD_BYTES_MAX,
  ENTRY_FRAME_BYTES_MAX,
  type StateRecord,
  stateRecordBytesMax,
} from "./record_codec.ts";
import { RECORD_FRAME_BYTES, recordSeed } from "./record_frame.ts";
import { SALT_BYTES, SEGMENT_HEADER_BYTES, segmentName } from "./segment_header.ts";
import { storageFailed } from "./storage_failure.ts";

/** Larger buffers are left to the garbage collector. */
const KEPT_BUFFER_BYTES_MAX = 1024 * 1024;
const KEPT_BUFFERS_MAX = 3;

/** Where the next batch begins. */
export interface LogTail {
  readonly segment: SegmentKey;
  readonly offset: number;
}

export interface LogWriterOptions {
  readonly fileSystem: FileSystem;
  /** The directory of the segments. */
  readonly directory: string;
  readonly storeId: Uint8Array;
  readonly limits: LogLimits;
  readonly state: LogState;
  readonly tail: LogTail;
  /** A segment was begun, and its predecessor is complete with this many bytes. */
  readonly rolled: (segment: SegmentKey, predecessorBytes: number) => void;
  readonly failed: (error: StorageFailedError) => void;
}

export class LogWriter {
  readonly #options: LogWriterOptions;
  #tail: LogTail;
  #gathering: Batch | null = null;
  readonly #sealed: Batch[] = [];
  #writing: Batch | null = null;
  #draining: Promise<void> | null = null;
  #file: FileHandle | null = null;
  #allocatedBytes = 0;
  #pendingBytes = 0;
  readonly #buffers: ByteBuffer[] = [];
  failure: StorageFailedError | null = null;
  readonly counters = { batches: 0, records: 0, bytes: 0, fsyncs: 0, fsyncMs: 0 };

  constructor(options: LogWriterOptions) {
    this.#options = options;
    this.#tail = options.tail;
  }

  /** Where the log ends once everything that was appended is written. */
  get tail(): LogTail {
    const batch = this.#gathering;
    return batch === null ? this.#tail : { segment: batch.segment, offset: batch.endOffset };
  }

  /** Adds entries that have contiguous indices, and tells the state where they lie. */
  addEntries(group: GroupId, entries: readonly Entry[], rewritten: boolean): void {
    for (let from = 0; from < entries.length;) {
      const { to, sizeBytes } = this.#recordEnd(entries, from);
      const first = entries[from]!;
      const placed = this.#batchFor(sizeBytes).add((buffer) =>
        encodeEntries(buffer, group, entries, from, to, rewritten)
      );
      this.#options.state.applyEntries(
        {
          kind: "entries",
          group,
          term: first.term,
          firstIndex: first.index,
          count: to - from,
          rewritten,
          configurationEntries: first.kind === "configuration" ? entries.slice(from, to) : [],
        },
        placed.position,
        placed.sizeBytes,
      );
      this.#added(placed.sizeBytes);
      from = to;
    }
  }

  addState(record: StateRecord): void {
    const sizeBytesMax = RECORD_FRAME_BYTES + stateRecordBytesMax(record);
    const { position, sizeBytes } = this.#batchFor(sizeBytesMax).add((buffer) =>
      encodeState(buffer, record)
    );
    assert(sizeBytes <= sizeBytesMax, `a ${record.kind} record has ${sizeBytes} bytes`);
    this.#options.state.applyState(record, segmentOf(position));
    this.#added(sizeBytes);
  }

  /** @returns a promise of the durability of everything that was added so far */
  commit(): Promise<void> {
    if (this.failure !== null) return Promise.reject(this.failure);
    const last = this.#gathering ?? this.#sealed.at(-1) ?? this.#writing;
    if (last === null) return Promise.resolve();
    this.#draining ??= Promise.resolve().then(() => this.#drain());
    return last.done.promise;
  }

  /** @returns a record that is not on disk for certain, its frame included; null when it is */
  inMemory(position: Position, sizeBytes: number): Uint8Array | null {
    const segment = segmentOf(position);
    const offset = offsetOf(position);
    for (const batch of [this.#writing, ...this.#sealed, this.#gathering]) {
      if (batch === null || batch.segment.number !== segment) continue;
      if (offset < batch.startOffset || offset >= batch.endOffset) continue;
      const at = offset - batch.startOffset;
      return batch.buffer.bytes.subarray(at, at + sizeBytes);
    }
    return null;
  }

  fail(what: string, error: unknown): void {
    if (this.failure !== null) return;
    this.failure = storageFailed(what, error);
    for (const batch of [this.#writing, ...this.#sealed, this.#gathering]) {
      batch?.done.reject(this.failure);
    }
    this.#writing = null;
    this.#sealed.length = 0;
    this.#gathering = null;
    this.#options.failed(this.failure);
  }

  /** Waits for what was committed and closes the file. */
  async close(): Promise<void> {
    await this.commit().catch(() => {});
    await this.#draining;
    this.#file?.close();
    this.#file = null;
  }

  #batchFor(sizeBytes: number): Batch {
    const { segmentBytesMax, batchBytesMax } = this.#options.limits;
    const gathering = this.#gathering;
    if (gathering !== null) {
      const fits = gathering.endOffset + sizeBytes <= segmentBytesMax;
      if (fits && gathering.bodyBytes < batchBytesMax) return gathering;
      this.#sealed.push(gathering);
      this.#leave(gathering);
    }
    const { segment, offset } = this.#tail;
    const fits = offset + BATCH_HEADER_BYTES + sizeBytes <= segmentBytesMax;
    const batch = fits
      ? new Batch(segment, offset, null, this.#buffers.pop() ?? new ByteBuffer())
      : this.#beginSegment();
    this.#gathering = batch;
    return batch;
  }

  #beginSegment(): Batch {
    const { fileSystem, storeId } = this.#options;
    const number = this.#tail.segment.number + 1;
    const salt = fileSystem.randomBytes(SALT_BYTES);
    const segment = { number, seal: batchSeal(storeId, salt), recordSeed: recordSeed(salt) };
    const predecessorBytes = this.#tail.offset;
    this.#options.rolled(segment, predecessorBytes);
    const beginning = { storeId, number, predecessorBytes, salt };
    const buffer = this.#buffers.pop() ?? new ByteBuffer();
    return new Batch(segment, SEGMENT_HEADER_BYTES, beginning, buffer);
  }

  /** The batch takes no more records; the next begins where it ends. */
  #leave(batch: Batch): void {
    this.#tail = { segment: batch.segment, offset: batch.endOffset };
    this.#gathering = null;
  }

  #added(sizeBytes: number): void {
    this.counters.records++;
    this.counters.bytes += sizeBytes;
    this.#pendingBytes += sizeBytes;
    if (this.#pendingBytes > this.#options.limits.pendingWriteBytesMax) {
      this.fail(
        "cannot append to the log",
        new Error(`${this.#pendingBytes} bytes wait for the disk`),
      );
    }
  }

  async #drain(): Promise<void> {
    for (let batch = this.#next(); batch !== null; batch = this.#next()) {
      try {
        await this.#write(batch);
      } catch (error) {
        this.fail("cannot write to the log", error);
      }
      if (this.failure !== null) break;
      this.#writing = null;
      this.#pendingBytes -= batch.bodyBytes;
      this.counters.batches++;
      batch.done.resolve();
      const { buffer } = batch;
      const kept = this.#buffers.length < KEPT_BUFFERS_MAX;
      if (kept && buffer.bytes.length <= KEPT_BUFFER_BYTES_MAX) this.#buffers.push(buffer);
    }
    this.#draining = null;
  }

  #next(): Batch | null {
    if (this.failure !== null) return null;
    const batch = this.#sealed.shift() ?? this.#gathering;
    if (batch !== null && batch === this.#gathering) this.#leave(batch);
    this.#writing = batch;
    return batch;
  }

  async #write(batch: Batch): Promise<void> {
    const { fileSystem, directory, state } = this.#options;
    if (this.#file === null || batch.beginning !== null) {
      this.#file?.close();
      this.#file = null;
      const path = `${directory}/${segmentName(batch.segment.number)}`;
      this.#file = await fileSystem.open(path, batch.beginning === null ? "update" : "create");
      this.#allocatedBytes = batch.beginning === null ? await this.#file.sizeBytes() : 0;
    }
    const file = this.#file;
    batch.seal(batch.beginning === null ? batch.headerOffset : 0, state.oldestSegment);
    await writeAll(file, batch.startOffset, this.#padded(batch));
    const beganMs = fileSystem.monotonicMs();
    await file.sync();
    this.counters.fsyncs++;
    this.counters.fsyncMs += fileSystem.monotonicMs() - beganMs;
    if (batch.beginning !== null) await fileSystem.syncDirectory(directory);
  }

  /** The batch's bytes, and zeros up to where the file shall end: most later fsyncs find it long enough. */
  #padded(batch: Batch): Uint8Array {
    const { preallocationBytes, segmentBytesMax } = this.#options.limits;
    const { buffer, endOffset } = batch;
    if (endOffset <= this.#allocatedBytes) return buffer.bytes.subarray(0, buffer.length);
    const steps = Math.ceil(endOffset / preallocationBytes) * preallocationBytes;
    this.#allocatedBytes = Math.max(endOffset, Math.min(steps, segmentBytesMax));
    const padding = this.#allocatedBytes - endOffset;
    const length = buffer.length;
    buffer.reserve(padding);
    buffer.bytes.fill(0, length, length + padding);
    return buffer.bytes.subarray(0, length + padding);
  }

  /** Where the record of entries that begins at `from` ends: one term, one sort of entries, bounded. */
  #recordEnd(entries: readonly Entry[], from: number): { to: number; sizeBytes: number } {
    const { entriesRecordBytesMax, recordBytesMax } = this.#options.limits;
    const first = entries[from]!;
    const configuration = first.kind === "configuration";
    let sizeBytes = RECORD_FRAME_BYTES + ENTRIES_HEAD_BYTES_MAX + ENTRY_FRAME_BYTES_MAX +
      first.payload.length;
    assert(sizeBytes <= recordBytesMax, `entry ${first.index} has ${first.payload.length} bytes`);
    let to = from + 1;
    for (; to < entries.length; to++) {
      const entry = entries[to]!;
      if (entry.index !== first.index + to - from) assert(false, "entries must be contiguous");
      if (entry.term !== first.term || (entry.kind === "configuration") !== configuration) break;
      const withEntry = sizeBytes + ENTRY_FRAME_BYTES_MAX + entry.payload.length;
      if (withEntry > entriesRecordBytesMax) break;
      sizeBytes = withEntry;
    }
    return { to, sizeBytes };
  }
}
