/**
 * Which reads of files bring a number of values: neighbours in one file come by one read, values far from each other
 * by reads of their own.
 */
import type { ValueReference } from "../storage.ts";
import { VALUE_HEAD_BYTES } from "../value_format.ts";

/** Bytes in between that are read along rather than begin another read. */
const GAP_BYTES_MAX = 4 * 1024;
/** A read ends past this; a single larger value still comes by one. */
const READ_BYTES_MAX = 1024 * 1024;

/** One read of one file. */
export interface ValueRead {
  readonly file: number;
  readonly offsetBytes: number;
  endBytes: number;
  /** Which of the references it brings, by their places. */
  readonly places: number[];
}

export function planReads(references: readonly ValueReference[]): ValueRead[] {
  const reads: ValueRead[] = [];
  for (const place of inOrder(references)) {
    const { file, offsetBytes, sizeBytes } = references[place]!;
    const endBytes = offsetBytes + VALUE_HEAD_BYTES + sizeBytes;
    const last = reads.at(-1);
    const joins = last !== undefined && last.file === file &&
      offsetBytes - last.endBytes <= GAP_BYTES_MAX && endBytes - last.offsetBytes <= READ_BYTES_MAX;
    if (!joins) {
      reads.push({ file, offsetBytes, endBytes, places: [place] });
      continue;
    }
    last.endBytes = Math.max(last.endBytes, endBytes);
    last.places.push(place);
  }
  return reads;
}

function inOrder(references: readonly ValueReference[]): number[] {
  return [...references.keys()].sort((left, right) => {
    const one = references[left]!;
    const other = references[right]!;
    return one.file - other.file || one.offsetBytes - other.offsetBytes;
  });
}
