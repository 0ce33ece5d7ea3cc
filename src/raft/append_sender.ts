/**
 * Brings followers' logs up to the leader's. Nothing is sent when something happens: `send` looks, once
 * for every Ready, at what each follower lacks, so many proposals leave as one append, and a commit
 * index that nothing else carries as one append without entries.
 */
import { assert } from "../assert.ts";
import { type Entry, entryBytes } from "./entry.ts";
import type { AppendAnswer } from "./message.ts";
import type { Progress } from "./progress.ts";
import type { ReplicaState } from "./replica_state.ts";
import type { SnapshotSender } from "./snapshot_sender.ts";

const NO_ENTRIES: readonly Entry[] = [];

export class AppendSender {
  readonly #state: ReplicaState;
  readonly #snapshots: SnapshotSender;

  constructor(state: ReplicaState, snapshots: SnapshotSender) {
    this.#state = state;
    this.#snapshots = snapshots;
  }

  /** Whether `send` would do anything for this follower. */
  wantsSend(progress: Progress): boolean {
    switch (progress.state) {
      case "probe":
        return !progress.paused;
      case "snapshot":
        return progress.transfer?.stage === "due";
      case "replicate":
        return progress.nudged || this.#owesCommit(progress) || this.#canPipeline(progress);
    }
  }

  /** Sends, or asks storage for, what this follower lacks. */
  send(progress: Progress): void {
    const { log } = this.#state;
    if (progress.state !== "snapshot" && progress.nextIndex <= log.baseIndex) {
      // Without a snapshot the log is whole, and even an empty replica can take it from its beginning.
      if (log.snapshot !== null) this.#snapshots.begin(progress, log.snapshot);
      else progress.nextIndex = log.baseIndex + 1;
    }
    switch (progress.state) {
      case "probe":
        return this.#probe(progress);
      case "snapshot":
        return this.#snapshots.advance(progress);
      case "replicate":
        return this.#replicate(progress);
    }
  }

  /** Storage answered the fetch that this follower waits for. */
  fetched(progress: Progress, entries: readonly Entry[] | null): void {
    progress.fetchId = null;
    if (progress.state !== "replicate") return;
    if (entries === null || entries.length === 0) {
      // Compacted away: what came of it is known by the time the follower answers.
      progress.becomeProbe(progress.matchIndex + 1);
      progress.paused = true;
      return;
    }
    if (entries[0]!.index !== progress.nextIndex || progress.inflights.full) return;
    // Compacted while storage read: the next `send` begins with the snapshot.
    if (progress.nextIndex <= this.#state.log.baseIndex) return;
    for (const entry of entries) {
      assert(
        entry.term === this.#state.log.term(entry.index),
        `fetched ${entry.index}: wrong term`,
      );
    }
    this.#append(progress, entries);
  }

  /** The follower's log differs: finds where to try next. */
  onRefusal(progress: Progress, answer: AppendAnswer): void {
    const { log } = this.#state;
    const retryIndex = answer.hintIndex < log.baseIndex
      ? answer.hintIndex
      : log.lastAtMost(answer.hintIndex, answer.hintTerm);
    progress.refused(answer.index, retryIndex + 1);
  }

  /** The follower is alive: what it has not answered by now may be lost. */
  lookForLoss(progress: Progress): void {
    progress.paused = false;
    if (progress.matchIndex + 1 < progress.nextIndex) progress.nudged = true;
  }

  #probe(progress: Progress): void {
    if (progress.paused) return;
    const { log, options } = this.#state;
    const { nextIndex } = progress;
    const entries = log.inMemory(nextIndex) && nextIndex <= log.lastIndex
      ? log.take(nextIndex, log.lastIndex + 1, options.appendBytesMax)
      : NO_ENTRIES;
    this.#sendAppend(progress, entries);
    progress.paused = true;
  }

  #replicate(progress: Progress): void {
    const { log, options } = this.#state;
    while (this.#canPipeline(progress)) {
      if (!log.inMemory(progress.nextIndex)) {
        this.#fetch(progress);
        break;
      }
      const { nextIndex } = progress;
      this.#append(progress, log.take(nextIndex, log.lastIndex + 1, options.appendBytesMax));
    }
    if (progress.nudged || this.#owesCommit(progress)) this.#sendAppend(progress, NO_ENTRIES);
    progress.nudged = false;
  }

  #append(progress: Progress, entries: readonly Entry[]): void {
    this.#sendAppend(progress, entries);
    let bytes = 0;
    for (const entry of entries) bytes += entryBytes(entry);
    progress.nextIndex += entries.length;
    progress.inflights.add(progress.nextIndex - 1, bytes);
    progress.nudged = false;
  }

  #sendAppend(progress: Progress, entries: readonly Entry[]): void {
    const { log } = this.#state;
    const previousIndex = progress.nextIndex - 1;
    const previousTerm = log.term(previousIndex);
    assert(previousTerm !== null, `no term of entry ${previousIndex}`);
    const { commitIndex } = log;
    this.#state.send(progress.replica, {
      kind: "append",
      previousIndex,
      previousTerm,
      commitIndex,
      entries,
    });
    progress.commitSent = Math.min(commitIndex, previousIndex + entries.length);
  }

  #fetch(progress: Progress): void {
    const { log, options, outbox } = this.#state;
    const id = this.#state.nextFetchId();
    progress.fetchId = id;
    const toIndex = Math.min(log.lastIndex + 1, log.memoryFirstIndex);
    const bytesMax = options.appendBytesMax;
    outbox.fetches.push({ id, fromIndex: progress.nextIndex, toIndex, bytesMax });
  }

  /** Whether entries may follow those under way. */
  #canPipeline(progress: Progress): boolean {
    return progress.nextIndex <= this.#state.log.lastIndex && progress.fetchId === null &&
      !progress.inflights.full;
  }

  /**
   * Whether the follower could commit more than any message tells it. While further entries are on their way
   * it need not be told by itself: their commit comes soon and says it too, or a heartbeat does.
   */
  #owesCommit(progress: Progress): boolean {
    const { commitIndex, lastIndex } = this.#state.log;
    if (lastIndex > commitIndex) return false;
    return Math.min(commitIndex, progress.nextIndex - 1) > progress.commitSent;
  }
}
