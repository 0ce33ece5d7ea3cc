/**
 * How far the state machine is: which committed entries were handed out for applying, each exactly once
 * and in order, and which of them are applied. Entries that are not in memory (after a restart) are
 * asked for from storage, one fetch at a time.
 */
import { assert } from "../assert.ts";
import type { Entry } from "./entry.ts";
import type { RaftLog } from "./raft_log.ts";

const NONE: readonly Entry[] = [];

export class ApplyCursor {
  readonly #log: RaftLog;
  readonly #bytesMax: number;
  /** The last entry that was handed out. */
  #handedIndex: number;
  #appliedIndex: number;
  #fetchId: number | null = null;
  #fetched: readonly Entry[] = NONE;

  /** @param bytesMax how much is handed out at once */
  constructor(log: RaftLog, bytesMax: number) {
    this.#log = log;
    this.#bytesMax = bytesMax;
    this.#handedIndex = log.snapshot?.index ?? log.baseIndex;
    this.#appliedIndex = this.#handedIndex;
  }

  get appliedIndex(): number {
    return this.#appliedIndex;
  }

  /** Whether entries can be handed out now. */
  get hasEntries(): boolean {
    if (this.#handedIndex >= this.#log.commitIndex) return false;
    return this.#fetched.length > 0 || this.#log.inMemory(this.#handedIndex + 1);
  }

  /** Whether the next entries must be fetched first. */
  get wantsFetch(): boolean {
    return this.#handedIndex < this.#log.commitIndex && this.#fetchId === null && !this.hasEntries;
  }

  /** The entries to fetch: from the first, up to before the second. */
  beginFetch(id: number): { readonly fromIndex: number; readonly toIndex: number } {
    this.#fetchId = id;
    const toIndex = Math.min(this.#log.commitIndex + 1, this.#log.memoryFirstIndex);
    return { fromIndex: this.#handedIndex + 1, toIndex };
  }

  /** @returns whether this fetch was the cursor's own */
  fetched(id: number, entries: readonly Entry[] | null): boolean {
    if (id !== this.#fetchId) return false;
    this.#fetchId = null;
    assert(
      entries !== null && entries.length > 0,
      `entries after ${this.#handedIndex} went before they were applied`,
    );
    for (const [at, entry] of entries.entries()) {
      assert(
        entry.index === this.#handedIndex + 1 + at,
        `fetched entry ${entry.index} out of order`,
      );
      assert(
        entry.term === this.#log.term(entry.index),
        `fetched entry ${entry.index}: wrong term`,
      );
    }
    this.#fetched = entries;
    return true;
  }

  /** Hands out the next entries; empty when there are none. */
  take(): readonly Entry[] {
    if (!this.hasEntries) return NONE;
    const { commitIndex } = this.#log;
    let entries = this.#fetched;
    this.#fetched = NONE;
    if (entries.length === 0) {
      entries = this.#log.take(this.#handedIndex + 1, commitIndex + 1, this.#bytesMax);
    }
    this.#handedIndex = entries[entries.length - 1]!.index;
    assert(this.#handedIndex <= commitIndex, `entry ${this.#handedIndex} is not committed`);
    return entries;
  }

  /** The state machine has applied everything up to `index`. */
  applied(index: number): void {
    assert(index <= this.#handedIndex, `applied ${index}, handed out ${this.#handedIndex}`);
    if (index > this.#appliedIndex) this.#appliedIndex = index;
  }

  /** An empty log was found to begin after this index; nothing before it is ever applied. */
  begin(index: number): void {
    this.#handedIndex = index;
    this.#appliedIndex = index;
  }

  /** The state machine is to be replaced by a snapshot of this index. */
  restore(index: number): void {
    this.#handedIndex = index;
    this.#fetchId = null;
    this.#fetched = NONE;
  }

  checkInvariants(): void {
    assert(this.#appliedIndex <= this.#handedIndex, "applied before it was handed out");
    assert(this.#handedIndex <= this.#log.commitIndex, "handed out before it was committed");
  }
}
