/**
 * Reads a whole log and says what it holds, or where it is damaged. It changes nothing on disk: opening
 * carries out the plan that comes out of here, and the offline check only reports it.
 *
 * A bad record below an attested offset, or in a segment that has a successor, is corruption. The
 * records of the newest segment above its attested offset are applied as if they lay already in the
 * segment into which opening rewrites them: the page cache may show what the disk lacks.
 */
import { AssertionError } from "../../assert.ts";
import { type Identity, StorageForeignError } from "../storage.ts";
import { Batch, type SegmentKey } from "./batch.ts";
import { BATCH_HEADER_BYTES } from "./batch_header.ts";
import { ByteBuffer, MalformedError } from "./byte_buffer.ts";
import { type Position, positionOf } from "./entry_index.ts";
import { type FileSystem, readWhole } from "./file_system.ts";
import { decodeIdentity, IDENTITY_NAME, storeIdBytes } from "./identity_file.ts";
import { LogState } from "./log_state.ts";
import { judgeNewest, type NewestSegment, type TornTail } from "./newest_segment.ts";
import { decodeRecord, encodeState } from "./record_codec.ts";
import { RECORD_FRAME_BYTES } from "./record_frame.ts";
import {
  damaged,
  readSealedHeader,
  readSegment,
  segmentDirectory,
  type SegmentFile,
  segmentKey,
} from "./segment_file.ts";
import {
  SALT_BYTES,
  SEGMENT_HEADER_BYTES,
  segmentName,
  segmentNumberOf,
} from "./segment_header.ts";
import { lastWritten, scanSegment } from "./segment_scan.ts";

export interface RecoveredSegment {
  readonly key: SegmentKey;
  readonly file: string;
  /** Bytes that count, the header included. */
  readonly sizeBytes: number;
  readonly batches: number;
  readonly records: number;
}

/** What a store's log holds, and what opening has to write. */
export interface Recovery {
  /** Null where the store is empty. */
  readonly identity: Identity | null;
  readonly state: LogState;
  /** From the oldest live one to the newest, the one to be made included. */
  readonly segments: readonly RecoveredSegment[];
  readonly tornTail: TornTail | null;
  /** The segment to make, durable before its name; null where the newest one goes on. */
  readonly rewrite: { readonly name: string; readonly bytes: Uint8Array } | null;
  /** Files in the directory of segments that are not part of the log. */
  readonly leftovers: readonly string[];
}

/**
 * @param directory of the store; it need not exist
 * @throws {StorageCorruptError} naming file and offset
 * @throws {StorageForeignError} when identity and segments do not belong together
 */
export async function recover(fileSystem: FileSystem, directory: string): Promise<Recovery> {
  const wal = segmentDirectory(directory);
  const names = await fileSystem.list(wal);
  const numbers = names.map(segmentNumberOf).filter((number) => number !== null);
  const identity = await readIdentity(fileSystem, directory);
  if (identity === null) {
    if (numbers.length > 0) await refuseUnlessUnmade(fileSystem, directory, numbers);
    return nothing(names);
  }
  if (numbers.length === 0) {
    throw new StorageForeignError(
      `cannot open the store: ${directory}/${IDENTITY_NAME} is there, but no segment is in ${wal}`,
    );
  }
  const replay = new Replay(fileSystem, wal, storeIdBytes(identity));
  const newest = await judgeNewest(fileSystem, wal, numbers, storeIdBytes(identity));
  await replay.sealed(newest, numbers);
  const rewrite = replay.newest(newest);
  replay.validate(newest);
  const kept = new Set(replay.segments.map(({ key }) => segmentName(key.number)));
  return {
    identity,
    state: replay.state,
    segments: replay.segments,
    tornTail: newest.tornTail,
    rewrite,
    leftovers: names.filter((name) => !kept.has(name)),
  };
}

class Replay {
  readonly fileSystem: FileSystem;
  readonly wal: string;
  readonly storeId: Uint8Array;
  readonly state = new LogState();
  readonly segments: RecoveredSegment[] = [];

  constructor(fileSystem: FileSystem, wal: string, storeId: Uint8Array) {
    this.fileSystem = fileSystem;
    this.wal = wal;
    this.storeId = storeId;
  }

  /** Applies what lies before the newest segment: all of it is attested by headers. */
  async sealed(newest: NewestSegment, numbers: readonly number[]): Promise<void> {
    const { fileSystem, wal, storeId } = this;
    const lengths: { number: number; lengthBytes: number }[] = [];
    let lengthBytes = newest.segment.header.predecessorBytes;
    for (let number = newest.segment.number - 1; number >= newest.oldestLive; number--) {
      if (!numbers.includes(number)) {
        throw damaged(`${wal}/${segmentName(number)}`, 0, "it is missing, and still needed");
      }
      lengths.unshift({ number, lengthBytes });
      const header = await readSealedHeader(fileSystem, wal, number, storeId);
      lengthBytes = header.predecessorBytes;
    }
    this.state.oldestSegment = newest.oldestLive;
    for (const { number, lengthBytes } of lengths) {
      const segment = await readSegment(fileSystem, wal, number, storeId, lengthBytes);
      if (segment.header === null) throw damaged(segment.file, 0, "its header is bad");
      this.#attested(segment, lengthBytes);
    }
  }

  /** Applies the newest segment. @returns the segment that takes its unattested records, if any */
  newest(newest: NewestSegment): Recovery["rewrite"] {
    const { segment, attestedOffset, unattested, tornTail } = newest;
    if (attestedOffset !== null) {
      this.#attested(segment, attestedOffset);
      if (unattested.length === 0 && tornTail === null) return null;
    }
    const number = attestedOffset === null ? segment.number : segment.number + 1;
    const predecessorBytes = attestedOffset ?? segment.header.predecessorBytes;
    const salt = this.fileSystem.randomBytes(SALT_BYTES);
    const key = segmentKey(number, this.storeId, salt);
    const beginning = { storeId: this.storeId, number, predecessorBytes, salt };
    const batch = new Batch(key, SEGMENT_HEADER_BYTES, beginning, new ByteBuffer());
    for (let pair = 0; pair < unattested.length; pair += 2) {
      const [from, to] = [unattested[pair]!, unattested[pair + 1]!];
      const { position } = batch.add((buffer) => buffer.putBytes(segment.bytes.subarray(from, to)));
      this.#apply(segment, from, to, position);
    }
    for (const group of this.state.unborn()) {
      const record = { kind: "erasure", group } as const;
      batch.add((buffer) => encodeState(buffer, record));
      this.state.applyState(record, number);
    }
    const bytes = batch.seal(batch.endOffset, newest.oldestLive, batch.endOffset);
    const name = segmentName(number);
    const { recordCount } = batch;
    this.segments.push({
      key,
      file: `${this.wal}/${name}`,
      sizeBytes: bytes.length,
      batches: 1,
      records: recordCount,
    });
    return { name, bytes };
  }

  /** What no single record shows: entries that are missing between others. */
  validate(newest: NewestSegment): void {
    const { file, bytes } = newest.segment;
    for (const [id, group] of this.state.groups) {
      const gap = group.index.gapAfter(group.baseIndex);
      if (gap !== null) throw damaged(file, bytes.length, `entry ${gap} of group ${id} is nowhere`);
    }
  }

  #attested(segment: SegmentFile, lengthBytes: number): void {
    const { bytes, key, file } = segment;
    let records = 0;
    const end = scanSegment(bytes, key, SEGMENT_HEADER_BYTES, lengthBytes, (at, from, to) => {
      records++;
      this.#apply(segment, from, to, positionOf(key.number, at));
    });
    if (end.endOffset !== lengthBytes) {
      throw damaged(file, end.endOffset, `it was durable up to offset ${lengthBytes}`);
    }
    this.segments.push({ key, file, sizeBytes: lengthBytes, batches: end.batches, records });
  }

  /** Applies the record whose body lies in `from .. to - 1`, as if it lay at `position`. */
  #apply(segment: SegmentFile, from: number, to: number, position: Position): void {
    try {
      const record = decodeRecord(segment.bytes, from, to);
      this.state.apply(record, position, to - from + RECORD_FRAME_BYTES);
    } catch (error) {
      if (!(error instanceof AssertionError || error instanceof MalformedError)) throw error;
      throw damaged(segment.file, from - RECORD_FRAME_BYTES, error.message);
    }
  }
}

async function readIdentity(fileSystem: FileSystem, directory: string): Promise<Identity | null> {
  const names = await fileSystem.list(directory);
  if (!names.includes(IDENTITY_NAME)) return null;
  const file = `${directory}/${IDENTITY_NAME}`;
  return decodeIdentity(await readWhole(fileSystem, file), file);
}

/** A store whose making was cut short has its first segment, as it was made, and no identity yet. */
async function refuseUnlessUnmade(
  fileSystem: FileSystem,
  directory: string,
  numbers: readonly number[],
): Promise<void> {
  const wal = segmentDirectory(directory);
  if (numbers.length === 1 && numbers[0] === 1) {
    const bytes = await readWhole(fileSystem, `${wal}/${segmentName(1)}`);
    const madeBytes = SEGMENT_HEADER_BYTES + BATCH_HEADER_BYTES;
    if (lastWritten(bytes, 0, bytes.length) <= madeBytes) return;
  }
  throw new StorageForeignError(
    `cannot open the store: segments are in ${wal}, but ${directory}/${IDENTITY_NAME} is missing`,
  );
}

function nothing(leftovers: readonly string[]): Recovery {
  const state = new LogState();
  return { identity: null, state, segments: [], tornTail: null, rewrite: null, leftovers };
}

/** @returns the bytes of a store's first segment: nothing is in it yet */
export function firstSegment(storeId: Uint8Array, salt: Uint8Array): Uint8Array {
  const beginning = { storeId, number: 1, predecessorBytes: 0, salt };
  const key = segmentKey(1, storeId, salt);
  const batch = new Batch(key, SEGMENT_HEADER_BYTES, beginning, new ByteBuffer());
  return batch.seal(batch.endOffset, 1, batch.endOffset);
}

/** @returns where a log goes on whose last segment is this */
export function tailOf(
  segments: readonly RecoveredSegment[],
): { segment: SegmentKey; offset: number } {
  const last = segments.at(-1)!;
  return { segment: last.key, offset: last.sizeBytes };
}
