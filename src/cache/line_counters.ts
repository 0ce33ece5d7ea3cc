/**
 * What was counted of this peer's lines since it started: what callers asked for, and what became of lines. Nothing
 * here ever goes back.
 */
export class LineCounters {
  hits = 0;
  misses = 0;
  writes = 0;
  /** Lines that went to Invalid because of a write or an invalidate elsewhere. */
  invalidations = 0;
  recalls = 0;
  evictions = 0;
  writeBacks = 0;
  /** Lines whose answered writes are gone. */
  lost = 0;
}
