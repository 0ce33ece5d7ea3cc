/**
 * The faults of a memory disk as one object that a test or the simulator changes while instances run on it.
 */

/** What goes wrong, read anew at every operation: change it while the instance runs. */
export interface MemoryFaults {
  /** How long a write with its fsync takes. */
  delayMinMs: number;
  delayMaxMs: number;
  /** The chance, 0 to 1, that a write or its fsync fails. */
  failChance: number;
  /** No room: every write fails, and so does opening a store that has something to write. */
  full: boolean;
}

/** A disk that never fails and takes no time. */
export function soundDisk(): MemoryFaults {
  return { delayMinMs: 0, delayMaxMs: 0, failChance: 0, full: false };
}
