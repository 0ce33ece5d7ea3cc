/**
 * What this peer has of one partition: its lease, the places of the keys that lie there, and what group time is, as
 * homes said, for a peer that has no replica of the partition.
 */
import type { LineSlot } from "./line_slot.ts";
import type { PeerLease } from "./peer_lease.ts";

export class PartitionLines {
  readonly partition: number;
  readonly lease: PeerLease;
  readonly slots = new Set<LineSlot>();
  /** Group time less this peer's monotonic clock, as a home said; null: none did. */
  #timeOffsetMs: number | null = null;

  constructor(partition: number, lease: PeerLease) {
    this.partition = partition;
    this.lease = lease;
  }

  /**
   * A home's message says what group time is. One that is late makes it seem earlier than it is, but by less than a lease
   * while lines are used: they are under a lease only that was asked for not longer ago, and messages come in order.
   */
  heardTime(timeMs: number, monotonicMs: number): void {
    this.#timeOffsetMs = timeMs - monotonicMs;
  }

  /** Group time, as far as homes said; null: none did. */
  timeMs(monotonicMs: number): number | null {
    return this.#timeOffsetMs === null ? null : monotonicMs + this.#timeOffsetMs;
  }
}
