/**
 * Sets of partitions as bytes, a bit each: every peer tells the driver about every second which of thousands
 * it leads, and which it knows a leader of.
 */
import { LIMITS } from "../limits.ts";

export type PartitionSet = ReadonlySet<number>;

/** @returns as many bytes as the highest partition takes */
export function bitsOf(partitions: PartitionSet): Uint8Array {
  const highest = [...partitions].reduce((a, b) => Math.max(a, b), -1);
  const bits = new Uint8Array(Math.floor(highest / 8) + 1);
  for (const partition of partitions) bits[partition >> 3]! |= 1 << (partition & 7);
  return bits;
}

/** @returns null for what are no bytes, or more than there can be partitions */
export function setOf(bits: unknown): PartitionSet | null {
  if (!(bits instanceof Uint8Array) || bits.length > LIMITS.groupsMax / 8) return null;
  const partitions = new Set<number>();
  for (const [at, byte] of bits.entries()) {
    for (let bit = 0; bit < 8; bit++) if ((byte >> bit & 1) === 1) partitions.add(8 * at + bit);
  }
  return partitions;
}
