/**
 * Reads entries back: from batches that are not on disk yet, else from segments, a window at a time.
 * Every record's checksum is verified on the way. While a read waits for the disk, compaction may move
 * the entries and a truncation remove them: then it looks again, or begins anew.
 */
import { type Entry, entryBytes } from "../../raft/entry.ts";
import { type GroupId, StorageCorruptError } from "../storage.ts";
import { type IndexRow, offsetOf, segmentOf } from "./entry_index.ts";
import { readUpTo } from "./file_system.ts";
import { lastIndexOf, type LogGroup, type LogState } from "./log_state.ts";
import type { LogWriter } from "./log_writer.ts";
import { decodeEntries } from "./record_codec.ts";
import { checkRecord, RECORD_FRAME_BYTES } from "./record_frame.ts";
import type { SegmentSet } from "./segment_set.ts";

/**
 * A window begins small, since entries of many groups lie between each other, and each is twice as large as the one
 * before while they lie close together.
 */
const WINDOW_BYTES_MIN = 16 * 1024;
const WINDOW_BYTES_MAX = 1024 * 1024;

/** A stretch of one segment, as it was read. */
interface Window {
  readonly segment: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export class EntryReader {
  readonly state: LogState;
  readonly writer: LogWriter;
  readonly segments: SegmentSet;

  constructor(state: LogState, writer: LogWriter, segments: SegmentSet) {
    this.state = state;
    this.writer = writer;
    this.segments = segments;
  }

  /**
   * @returns entries `fromIndex` .. before `toIndex`, at least one, else until `bytesMax`; null when the
   * first is not in the log
   */
  async read(
    groupId: GroupId,
    fromIndex: number,
    toIndex: number,
    bytesMax: number,
  ): Promise<readonly Entry[] | null> {
    for (;;) {
      const group = this.state.groups.get(groupId);
      if (group === undefined || fromIndex <= group.baseIndex || fromIndex > lastIndexOf(group)) {
        return null;
      }
      const generation = group.generation;
      const unchanged = () =>
        this.state.groups.get(groupId) === group && group.generation === generation;
      const entries = await this.#collect(group, fromIndex, toIndex, bytesMax, unchanged);
      if (entries !== null) return entries;
    }
  }

  /** @returns null when the group's log changed while this waited */
  async #collect(
    group: LogGroup,
    fromIndex: number,
    toIndex: number,
    bytesMax: number,
    unchanged: () => boolean,
  ): Promise<readonly Entry[] | null> {
    const entries: Entry[] = [];
    let bytes = 0;
    let window: Window | null = null;
    for (let next = fromIndex; next < toIndex && bytes < bytesMax;) {
      const row = group.index.find(next);
      if (row === null) break;
      let record = this.#inMemory(row) ?? inWindow(row, window);
      if (record === null) {
        window = await this.#readWindow(row, window, bytesMax - bytes);
        if (!unchanged()) return null;
        if (window === null) continue;
        record = inWindow(row, window);
      }
      if (record === null || !this.#sound(row, record)) throw this.#damaged(row);
      const end = Math.min(toIndex, row.firstIndex + row.count);
      let full = false;
      decodeEntries(record, RECORD_FRAME_BYTES, record.length, next, end, (entry) => {
        bytes += entryBytes(entry);
        full = entries.length > 0 && bytes > bytesMax;
        if (!full) entries.push(entry);
        return !full;
      });
      if (full) break;
      next = end;
    }
    return entries;
  }

  #inMemory(row: IndexRow): Uint8Array | null {
    return this.writer.inMemory(row.position, row.sizeBytes);
  }

  /**
   * @param before the one that was read before, if any
   * @returns null when the row's segment has gone meanwhile: its entries lie elsewhere now
   */
  async #readWindow(
    row: IndexRow,
    before: Window | null,
    bytesWanted: number,
  ): Promise<Window | null> {
    const segment = segmentOf(row.position);
    const offset = offsetOf(row.position);
    const fromSize = before !== null && isClose(before, segment, offset)
      ? 2 * before.bytes.length
      : WINDOW_BYTES_MIN;
    const wanted = Math.min(fromSize, Math.max(bytesWanted, WINDOW_BYTES_MIN), WINDOW_BYTES_MAX);
    try {
      const handle = await this.segments.handle(segment);
      const bytes = await readUpTo(handle, offset, Math.max(row.sizeBytes, wanted));
      return { segment, offset, bytes };
    } catch (error) {
      if (this.segments.key(segment) === null) return null;
      throw error;
    }
  }

  #sound(row: IndexRow, record: Uint8Array): boolean {
    const key = this.segments.key(segmentOf(row.position));
    if (key === null) return false;
    const end = checkRecord(record, 0, record.length, key.recordSeed, offsetOf(row.position));
    return end === row.sizeBytes;
  }

  #damaged(row: IndexRow): StorageCorruptError {
    const file = this.segments.file(segmentOf(row.position));
    const offset = offsetOf(row.position);
    return new StorageCorruptError(
      `cannot read entry ${row.firstIndex}: ${file} is damaged at offset ${offset}`,
      file,
      offset,
    );
  }
}

/** Whether a record begins no further behind a window than that is long. */
function isClose({ bytes, offset, ...window }: Window, segment: number, begin: number): boolean {
  const skipped = begin - (offset + bytes.length);
  return window.segment === segment && skipped < bytes.length;
}

/** @returns the row's record, or null where the window does not hold all of it */
function inWindow(row: IndexRow, window: Window | null): Uint8Array | null {
  if (window === null || segmentOf(row.position) !== window.segment) return null;
  const at = offsetOf(row.position) - window.offset;
  if (at < 0 || at + row.sizeBytes > window.bytes.length) return null;
  return window.bytes.subarray(at, at + row.sizeBytes);
}
