/**
 * What one peer counted of the Redis that its cache stands in front of, since it started.
 */
export class FrontCounters {
  /** Keys that were read. */
  reads = 0;
  /** Values that were written, and keys that were removed. */
  writes = 0;
  /** Writes of a home that another one has followed. */
  refusedByTerm = 0;
  /** Changes by others of keys that a home knew. */
  changes = 0;
}
