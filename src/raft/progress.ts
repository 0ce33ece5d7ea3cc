/**
 * What the leader knows of one follower, and how it may send to it. Changes of state happen here only:
 *
 * - probe: where the logs match is not known; one append at a time, until it is answered.
 * - replicate: they match; appends follow each other without waiting, as far as the window allows.
 * - snapshot: the follower needs what the log no longer holds; see `snapshot_sender.ts`.
 */
import { assert } from "../assert.ts";
import type { Replica } from "./entry.ts";
import { Inflights } from "./inflights.ts";
import type { FollowerStatus } from "./ready.ts";
import type { Transfer } from "./snapshot_sender.ts";

export type ProgressState = FollowerStatus["state"];

export class Progress {
  readonly replica: Replica;
  readonly inflights: Inflights;
  /** Up to here the follower says that its log matches and is durable. */
  matchIndex = 0;
  /** The next entry to send; in replicate ahead of what was answered. */
  nextIndex: number;
  /** The highest commit index that a message under way tells. */
  commitSent = 0;
  /** Probe: an append is under way, so wait. */
  paused = false;
  /** Replicate: send one append without entries; a refusal will show what was lost. */
  nudged = false;
  /** The tick at which it was last heard. */
  activeTick: number;
  /** The newest heartbeat round that it echoed. */
  roundEchoed = 0;
  /** The fetch of entries for it that storage has not answered. */
  fetchId: number | null = null;
  transfer: Transfer | null = null;
  /** It takes no part since the configuration of this index, and is still to learn of that. */
  removedIndex: number | null = null;

  #state: ProgressState = "probe";

  /**
   * @param nextIndex where to try first
   * @param tick now; a new follower counts as active until it had time to answer
   */
  constructor(replica: Replica, nextIndex: number, tick: number, inflights: Inflights) {
    this.replica = replica;
    this.nextIndex = nextIndex;
    this.activeTick = tick;
    this.inflights = inflights;
  }

  get state(): ProgressState {
    return this.#state;
  }

  /** The follower acknowledged everything up to `index`. */
  acknowledged(index: number): void {
    if (index > this.matchIndex) this.matchIndex = index;
    if (this.nextIndex <= this.matchIndex) this.nextIndex = this.matchIndex + 1;
    this.inflights.freeTo(index);
    const transferIsDone = this.transfer !== null && index >= this.transfer.snapshot.index;
    if (this.#state === "probe" || (this.#state === "snapshot" && transferIsDone)) {
      this.becomeReplicate();
    }
  }

  /**
   * The follower refused an append behind `index`. Before the match that is old news. At the match it may
   * be, or the follower has lost what it called durable, as a damaged tail of a log cannot be told from a
   * torn one: a probe of the match tells which, and its answer is believed.
   * @param retryIndex the entry from which on the logs may match
   */
  refused(index: number, retryIndex: number): void {
    if (this.#state === "replicate") {
      if (index >= this.matchIndex) this.becomeProbe(this.matchIndex + 1);
    } else if (this.#state === "probe" && index === this.nextIndex - 1) {
      const nextIndex = Math.max(1, Math.min(index, retryIndex));
      this.matchIndex = Math.min(this.matchIndex, nextIndex - 1);
      this.becomeProbe(nextIndex);
    }
  }

  becomeProbe(nextIndex: number): void {
    this.#enter("probe");
    this.nextIndex = nextIndex;
  }

  becomeReplicate(): void {
    this.#enter("replicate");
    this.nextIndex = this.matchIndex + 1;
  }

  becomeSnapshot(transfer: Transfer): void {
    this.#enter("snapshot");
    this.transfer = transfer;
  }

  checkInvariants(lastIndex: number): void {
    assert(this.matchIndex < this.nextIndex, `match ${this.matchIndex}, next ${this.nextIndex}`);
    assert(
      this.matchIndex <= lastIndex,
      `match ${this.matchIndex} past the log's end ${lastIndex}`,
    );
    assert(this.nextIndex <= lastIndex + 1, `next ${this.nextIndex} past the log's end`);
    assert(
      (this.#state === "snapshot") === (this.transfer !== null),
      "a transfer of another state",
    );
    assert(
      this.#state === "replicate" || this.inflights.count === 0,
      "a window without a pipeline",
    );
  }

  #enter(state: ProgressState): void {
    this.#state = state;
    this.transfer = null;
    this.paused = false;
    this.nudged = false;
    this.fetchId = null;
    this.commitSent = 0;
    this.inflights.clear();
  }
}
