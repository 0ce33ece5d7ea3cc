/**
 * Arithmetic of sequence numbers: unsigned integers of 32 bits that wrap around. Of two numbers the one that
 * lies less than half the circle ahead is the later one.
 */

/** @returns how far `sequence` lies ahead of `other`; negative when it lies behind */
export function distance(sequence: number, other: number): number {
  return (sequence - other) | 0;
}

/** The number that comes `by` after this one. */
export function after(sequence: number, by = 1): number {
  return (sequence + by) >>> 0;
}
