/**
 * What must be made durable, which writes are under way, and what is durable already. It gives each
 * write its token, says on which token a promise made now rests, and sees to it that a write which was
 * under way when the log was truncated does not make the entries that came instead count as durable.
 */
import { assert } from "../assert.ts";
import type { Entry, HardState, SnapshotMeta } from "./entry.ts";
import type { EntryWindow } from "./entry_window.ts";
import type { Persist } from "./ready.ts";

interface Write {
  readonly token: number;
  /** What this write makes durable of the log as it is now: lowered by truncation. */
  lastIndex: number;
}

const NO_ENTRIES: readonly Entry[] = [];

export class WriteTracker {
  /** Term or vote changed since the last write was handed out. */
  hardStateChanged = false;

  #issuedToken = 0;
  #durableToken = 0;
  readonly #inFlight: Write[] = [];
  /** The last entry that was handed out for writing. */
  #writtenIndex: number;
  /** The last entry that is durable here. */
  #durableIndex: number;
  #truncateFrom: number | null = null;
  #snapshot: SnapshotMeta | null = null;
  #writtenCommitIndex: number;

  /**
   * @param lastIndex the recovered log's end: all of it is durable
   * @param commitIndex as recovered
   */
  constructor(lastIndex: number, commitIndex: number) {
    this.#writtenIndex = lastIndex;
    this.#durableIndex = lastIndex;
    this.#writtenCommitIndex = commitIndex;
  }

  get durableIndex(): number {
    return this.#durableIndex;
  }

  get durableToken(): number {
    return this.#durableToken;
  }

  /** A received snapshot whose reference has not been handed out for writing yet. */
  get snapshot(): SnapshotMeta | null {
    return this.#snapshot;
  }

  /** Whether something waits to be handed out for writing. */
  isPending(lastIndex: number): boolean {
    return this.hardStateChanged || this.#writtenIndex < lastIndex ||
      this.#truncateFrom !== null || this.#snapshot !== null;
  }

  /** The token of the write after which everything that is true now is durable. */
  promiseToken(lastIndex: number): number {
    if (!this.isPending(lastIndex)) return this.#issuedToken;
    // A write with a snapshot leaves the entries behind it to the write after it: see `take`.
    const entriesLater = this.#snapshot !== null && this.#writtenIndex < lastIndex;
    return this.#issuedToken + (entriesLater ? 2 : 1);
  }

  /**
   * Hands out the next write, or null. A snapshot's reference makes all entries before it void and is the
   * last record of its write, so entries behind it go into the write after; and since a torn write may
   * keep its first records only, the commit index that the snapshot brought goes there too.
   */
  take(window: EntryWindow, hardState: HardState): Persist | null {
    const lastIndex = window.endIndex - 1;
    if (!this.isPending(lastIndex)) return null;
    const snapshot = this.#snapshot;
    const commitIndex = snapshot === null ? hardState.commitIndex : this.#writtenCommitIndex;
    const hardStateNew = this.hardStateChanged || commitIndex > this.#writtenCommitIndex;
    const entries = snapshot !== null || this.#writtenIndex === lastIndex
      ? NO_ENTRIES
      : window.slice(this.#writtenIndex + 1, lastIndex + 1);
    if (snapshot === null) this.#writtenIndex = lastIndex;
    const persist: Persist = {
      token: ++this.#issuedToken,
      hardState: hardStateNew ? { ...hardState, commitIndex } : null,
      truncateFrom: this.#truncateFrom,
      entries,
      snapshot,
    };
    this.#inFlight.push({ token: persist.token, lastIndex: this.#writtenIndex });
    this.#writtenCommitIndex = commitIndex;
    this.#truncateFrom = null;
    this.#snapshot = null;
    this.hardStateChanged = false;
    return persist;
  }

  /** This write, and all before it, are durable. */
  persisted(token: number): void {
    assert(token <= this.#issuedToken, `write ${token} was never handed out`);
    if (token <= this.#durableToken) return;
    this.#durableToken = token;
    let done = 0;
    while (done < this.#inFlight.length && this.#inFlight[done]!.token <= token) {
      this.#durableIndex = Math.max(this.#durableIndex, this.#inFlight[done]!.lastIndex);
      done++;
    }
    this.#inFlight.splice(0, done);
  }

  /** The log lost this entry and all after it. */
  truncateFrom(index: number): void {
    if (index <= this.#writtenIndex) {
      this.#truncateFrom = Math.min(this.#truncateFrom ?? index, index);
      this.#writtenIndex = index - 1;
    }
    this.#cap(index - 1);
  }

  /**
   * The log was replaced by a received snapshot.
   * @param agreedIndex up to here the former log had what the snapshot covers
   */
  restore(snapshot: SnapshotMeta, agreedIndex: number): void {
    this.#snapshot = snapshot;
    this.#truncateFrom = null;
    this.#writtenIndex = snapshot.index;
    this.#cap(agreedIndex);
  }

  /** An uninitialised replica's log was found to begin after index 1, of which nothing is written. */
  begin(baseIndex: number): void {
    this.#writtenIndex = baseIndex;
    this.#durableIndex = baseIndex;
  }

  checkInvariants(lastIndex: number): void {
    assert(this.#durableToken <= this.#issuedToken, "a write is durable that was never handed out");
    assert(this.#writtenIndex <= lastIndex, `written ${this.#writtenIndex} of ${lastIndex}`);
    assert(this.#durableIndex <= this.#writtenIndex, "an entry is durable that was never written");
    let token = this.#durableToken;
    for (const write of this.#inFlight) {
      assert(write.token > token, "writes in flight are out of order");
      assert(
        write.lastIndex <= this.#writtenIndex,
        "a write in flight reaches past what was written",
      );
      token = write.token;
    }
  }

  #cap(index: number): void {
    this.#durableIndex = Math.min(this.#durableIndex, index);
    for (const write of this.#inFlight) write.lastIndex = Math.min(write.lastIndex, index);
  }
}
