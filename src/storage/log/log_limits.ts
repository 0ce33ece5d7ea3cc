/**
 * The bounds of one log, so that tests can have small segments. Production takes those of `LIMITS`.
 */
import { assert } from "../../assert.ts";
import { LIMITS } from "../../limits.ts";

export interface LogLimits {
  readonly segmentBytesMax: number;
  /** A batch that has reached this is closed, and the next one begins. */
  readonly batchBytesMax: number;
  readonly recordBytesMax: number;
  /** Entries of one record, in bytes; a single larger entry still has a record of its own. */
  readonly entriesRecordBytesMax: number;
  readonly pendingWriteBytesMax: number;
  /** The file grows by zeros in these steps, so that most fsyncs need not write its size. */
  readonly preallocationBytes: number;
  readonly reserveBytes: number;
  readonly valueFileBytesMax: number;
  readonly pendingValueBytesMax: number;
  readonly openValueFilesMax: number;
}

const KIB = 1024;

export const LOG_LIMITS: LogLimits = {
  segmentBytesMax: LIMITS.segmentBytesMax,
  batchBytesMax: 4 * KIB * KIB,
  recordBytesMax: LIMITS.recordBytesMax,
  entriesRecordBytesMax: 256 * KIB,
  pendingWriteBytesMax: LIMITS.pendingWriteBytesMax,
  preallocationBytes: 256 * KIB,
  reserveBytes: LIMITS.reserveBytes,
  valueFileBytesMax: LIMITS.valueFileBytesMax,
  pendingValueBytesMax: LIMITS.pendingValueBytesMax,
  openValueFilesMax: 128,
};

assert(
  LOG_LIMITS.batchBytesMax + LOG_LIMITS.recordBytesMax < LOG_LIMITS.segmentBytesMax,
  "a batch that ends with the largest record must fit a segment",
);
