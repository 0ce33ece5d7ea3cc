/**
 * Judges the newest segment, the only one that may end in a torn tail: up to where it is attested, where
 * its sound part ends, and whether a bad place is that end or damage.
 *
 * A segment of which nothing is attested (its first batch was under way, or its header is torn) does not count
 * yet: a new one takes its place and its name, with its sound records in it. Otherwise the records
 * above the attested offset go into the next segment.
 */
import { attestedBehind, batchSeal } from "./batch_header.ts";
import { type FileSystem } from "./file_system.ts";
import { isOldestSegmentRecord, oldestSegmentOf } from "./record_codec.ts";
import { damaged, type DamagedSegment, readSegment, type SegmentFile } from "./segment_file.ts";
import { SALT_BYTES, SEGMENT_HEADER_BYTES } from "./segment_header.ts";
import { lastWritten, scanSegment } from "./segment_scan.ts";

export interface TornTail {
  readonly file: string;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

export interface NewestSegment {
  readonly segment: SegmentFile;
  /** Up to here its bytes were durable for certain; null where nothing was. */
  readonly attestedOffset: number | null;
  /** Bounds of the bodies of records above that, begin and end in turn. */
  readonly unattested: readonly number[];
  readonly oldestLive: number;
  readonly tornTail: TornTail | null;
}

/** @param numbers of all segments that are there */
export async function judgeNewest(
  fileSystem: FileSystem,
  wal: string,
  numbers: readonly number[],
  storeId: Uint8Array,
): Promise<NewestSegment> {
  const number = Math.max(...numbers);
  const segment = await readSegment(fileSystem, wal, number, storeId);
  if (segment.header !== null) return judge(segment);
  assertTorn(segment, storeId);
  const before = numbers.includes(number - 1)
    ? await readSegment(fileSystem, wal, number - 1, storeId)
    : segment;
  if (before.header === null) throw damaged(before.file, 0, "its header is bad");
  const newest = judge(before);
  const sizeBytes = lastWritten(segment.bytes, 0, segment.bytes.length);
  return {
    ...newest,
    tornTail: newest.tornTail ?? { file: segment.file, offsetBytes: 0, sizeBytes },
  };
}

/** A header that any later batch attests was whole once. */
function assertTorn(segment: DamagedSegment, storeId: Uint8Array): void {
  const { storeChecksum } = batchSeal(storeId, new Uint8Array(SALT_BYTES));
  const attested = attestedBehind(segment.bytes, 0, { salt: null, storeChecksum });
  if (attested > 0) {
    throw damaged(segment.file, 0, `its header is bad, and it was durable up to ${attested}`);
  }
}

function judge(segment: SegmentFile): NewestSegment {
  const { bytes, header, key, file } = segment;
  const bodies: number[] = [];
  let oldestLive = header.oldestLive;
  const end = scanSegment(bytes, key, SEGMENT_HEADER_BYTES, bytes.length, (_at, from, to) => {
    bodies.push(from, to);
    if (isOldestSegmentRecord(bytes, from)) {
      oldestLive = Math.max(oldestLive, oldestSegmentOf(bytes, from, to));
    }
  });
  const behind = end.clean ? 0 : attestedBehind(bytes, end.endOffset, key.seal);
  const attested = Math.max(end.attestedOffset, header.attestedBytes, behind);
  if (attested > end.endOffset) {
    throw damaged(file, end.endOffset, `it was durable up to offset ${attested}`);
  }
  const sizeBytes = lastWritten(bytes, end.endOffset, bytes.length) - end.endOffset;
  return {
    segment,
    attestedOffset: attested === 0 ? null : attested,
    unattested: bodies.filter((at) => at > attested),
    oldestLive,
    tornTail: end.clean ? null : { file, offsetBytes: end.endOffset, sizeBytes },
  };
}
