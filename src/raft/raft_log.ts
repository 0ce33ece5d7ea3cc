/**
 * The replicated log of one replica: terms of all entries, the newest entries themselves, and how far
 * the log is committed and durable. Ends at `lastIndex`; begins after `baseIndex`, which is the
 * snapshot's index, or less while older entries are still in memory for followers that lag a little.
 *
 * base ≤ snapshot ≤ commit ≤ last; an entry leaves memory only once it is both durable and applied.
 */
import { assert } from "../assert.ts";
import type { Entry, HardState, SnapshotMeta } from "./entry.ts";
import { EntryWindow } from "./entry_window.ts";
import type { Persist, RecoveredLog } from "./ready.ts";
import { TermTable } from "./term_table.ts";
import { WriteTracker } from "./write_tracker.ts";

/** Where the log of a group that was never compacted begins: index 1 stands for the formation plan. */
const FOUNDATION = { index: 1, term: 1 } as const;

export class RaftLog {
  readonly #terms: TermTable;
  readonly #window: EntryWindow;
  readonly #writes: WriteTracker;
  readonly #memoryBytesMax: number;
  #snapshot: SnapshotMeta | null;
  #commitIndex: number;
  #lastTimeMs: number;

  constructor(recovered: RecoveredLog, memoryBytesMax: number) {
    const base = recovered.snapshot ??
      (recovered.lastIndex === 0 ? { index: 0, term: 0 } : FOUNDATION);
    this.#terms = new TermTable(base.index, base.term, recovered.terms, recovered.lastIndex);
    this.#window = new EntryWindow(recovered.lastIndex + 1);
    this.#memoryBytesMax = memoryBytesMax;
    this.#snapshot = recovered.snapshot;
    // A replica that learned of the log's beginning, and of no entry, wrote 1 and is empty again.
    const { commitIndex } = recovered.hardState;
    const isEmpty = recovered.lastIndex === 0 && commitIndex <= FOUNDATION.index;
    this.#commitIndex = isEmpty ? 0 : Math.max(commitIndex, base.index);
    this.#writes = new WriteTracker(recovered.lastIndex, commitIndex);
    this.#lastTimeMs = recovered.lastTimeMs;
    assert(
      this.#commitIndex <= recovered.lastIndex,
      `commit index ${this.#commitIndex} behind the recovered log's end ${recovered.lastIndex}`,
    );
  }

  get baseIndex(): number {
    return this.#terms.baseIndex;
  }

  get lastIndex(): number {
    return this.#terms.lastIndex;
  }

  get lastTerm(): number {
    return this.#terms.lastTerm;
  }

  get snapshot(): SnapshotMeta | null {
    return this.#snapshot;
  }

  get commitIndex(): number {
    return this.#commitIndex;
  }

  /** The last entry that is durable here. */
  get durableIndex(): number {
    return this.#writes.durableIndex;
  }

  /** The newest write that is known to be durable. */
  get durableToken(): number {
    return this.#writes.durableToken;
  }

  /** The latest stamp that was ever in this log; truncation does not lower it. */
  get lastTimeMs(): number {
    return this.#lastTimeMs;
  }

  /** @returns the term of this position, null where the log does not reach */
  term(index: number): number | null {
    return this.#terms.term(index);
  }

  /** See `TermTable.lastAtMost`. */
  lastAtMost(index: number, term: number): number {
    return this.#terms.lastAtMost(index, term);
  }

  /** Whether a log that ends so is at least as up to date as this one (Raft, section 5.4.1). */
  isUpToDate(lastIndex: number, lastTerm: number): boolean {
    return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.lastIndex);
  }

  /** Whether this entry can be taken from memory. */
  inMemory(index: number): boolean {
    return index >= this.#window.firstIndex;
  }

  /** The first entry in memory, one past the end when there is none. */
  get memoryFirstIndex(): number {
    return this.#window.firstIndex;
  }

  /** Entries `fromIndex` up to before `toIndex` from memory: at least one, else until `bytesMax`. */
  take(fromIndex: number, toIndex: number, bytesMax: number): readonly Entry[] {
    return this.#window.take(fromIndex, toIndex, bytesMax);
  }

  append(entry: Entry): void {
    assert(entry.index === this.lastIndex + 1, `entry ${entry.index} behind ${this.lastIndex}`);
    this.#terms.push(entry.term);
    this.#window.push(entry);
    if (entry.timeMs > this.#lastTimeMs) this.#lastTimeMs = entry.timeMs;
  }

  /** Forgets this entry and all after it. Committed ones never go. */
  truncateFrom(index: number): void {
    assert(index > this.#commitIndex, `truncation from ${index}, committed ${this.#commitIndex}`);
    this.#terms.truncateFrom(index);
    this.#window.truncateFrom(index);
    this.#writes.truncateFrom(index);
  }

  /** @returns whether the commit index moved */
  commitTo(index: number): boolean {
    if (index <= this.#commitIndex) return false;
    assert(index <= this.lastIndex, `commit ${index} past the log's end ${this.lastIndex}`);
    this.#commitIndex = index;
    return true;
  }

  /** An empty, uninitialised log learns from a leader that the group's log is whole from index 2 on. */
  begin(): void {
    assert(this.lastIndex === 0, `a log that ends at ${this.lastIndex} begins anew`);
    this.#terms.reset(FOUNDATION.index, FOUNDATION.term);
    this.#window.reset(FOUNDATION.index + 1);
    this.#writes.begin(FOUNDATION.index);
    this.#commitIndex = FOUNDATION.index;
  }

  /** A received snapshot takes the place of the whole log. */
  restore(snapshot: SnapshotMeta): void {
    assert(snapshot.index > this.#commitIndex, `snapshot ${snapshot.index} is of the past`);
    this.#writes.restore(snapshot, this.#commitIndex);
    this.#terms.reset(snapshot.index, snapshot.term);
    this.#window.reset(snapshot.index + 1);
    this.#snapshot = snapshot;
    this.#commitIndex = snapshot.index;
    this.#lastTimeMs = Math.max(this.#lastTimeMs, snapshot.timeMs);
  }

  /** A snapshot was taken here: the log may begin after it. @returns false for one of the past */
  compact(snapshot: SnapshotMeta): boolean {
    if (snapshot.index <= (this.#snapshot?.index ?? 0)) return false;
    assert(snapshot.index <= this.durableIndex, `snapshot ${snapshot.index} is not durable`);
    assert(
      snapshot.term === this.term(snapshot.index),
      `snapshot ${snapshot.index} has term ${snapshot.term}`,
    );
    this.#snapshot = snapshot;
    this.#followMemory();
    return true;
  }

  /** Lets entries go that are applied and durable, as far as the bound on memory asks for it. */
  evict(appliedIndex: number): void {
    if (this.#window.bytes <= this.#memoryBytesMax) return;
    this.#window.evict(this.#memoryBytesMax, Math.min(appliedIndex, this.durableIndex));
    this.#followMemory();
  }

  hasWrite(): boolean {
    return this.#writes.isPending(this.lastIndex);
  }

  /** Term or vote changed. */
  hardStateChanged(): void {
    this.#writes.hardStateChanged = true;
  }

  /** The token of the write after which everything that is true now is durable. */
  promiseToken(): number {
    return this.#writes.promiseToken(this.lastIndex);
  }

  takeWrite(hardState: HardState): Persist | null {
    return this.#writes.take(this.#window, hardState);
  }

  persisted(token: number): void {
    this.#writes.persisted(token);
  }

  checkInvariants(): void {
    this.#terms.checkInvariants();
    this.#window.checkInvariants();
    this.#writes.checkInvariants(this.lastIndex);
    const snapshotIndex = this.#snapshot?.index ?? this.baseIndex;
    assert(this.baseIndex <= snapshotIndex, `base ${this.baseIndex}, snapshot ${snapshotIndex}`);
    assert(snapshotIndex <= this.#commitIndex, "the snapshot covers what is not committed");
    assert(this.#commitIndex <= this.lastIndex, "committed past the log's end");
    assert(this.#window.endIndex === this.lastIndex + 1, "the window is not the log's tail");
    assert(this.#window.firstIndex > this.baseIndex, "entries in memory from before the base");
    assert(
      this.#window.firstIndex <= Math.max(this.durableIndex, this.baseIndex) + 1,
      "an entry left memory before it was durable",
    );
    for (let index = this.#window.firstIndex; index < this.#window.endIndex; index++) {
      const term = this.#window.get(index).term;
      assert(term === this.term(index), `entry ${index} has term ${term}, not ${this.term(index)}`);
    }
  }

  #followMemory(): void {
    const base = Math.min(this.#snapshot?.index ?? 0, this.#window.firstIndex - 1);
    if (base > this.baseIndex) this.#terms.advanceBase(base);
  }
}
