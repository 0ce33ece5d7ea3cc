/**
 * The bounds of a log whose files are in Redis. Everything there is in memory, so segments are small and nothing is kept
 * in reserve; zeros beforehand would save no fsync.
 */
import { assert } from "../../assert.ts";
import { LOG_LIMITS, type LogLimits } from "../log/log_limits.ts";

const MIB = 1024 * 1024;

export const REDIS_LOG_LIMITS: LogLimits = {
  ...LOG_LIMITS,
  segmentBytesMax: 32 * MIB,
  preallocationBytes: 1,
  reserveBytes: 0,
};

assert(
  REDIS_LOG_LIMITS.batchBytesMax + REDIS_LOG_LIMITS.recordBytesMax <
    REDIS_LOG_LIMITS.segmentBytesMax,
  "a batch that ends with the largest record must fit a segment",
);
