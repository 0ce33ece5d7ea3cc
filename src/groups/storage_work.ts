/**
 * Everything that the host asks of storage. It gathers the groups' records into one append, and carries
 * out what takes longer: fetches, snapshots, loading a machine. Each piece of work is owned here: what it
 * brought goes to its group's core, unless the replica ended meanwhile, and what failed ends the host.
 */
import type { Clock } from "../clock.ts";
import type { SnapshotMeta } from "../raft/entry.ts";
import type { Fetch, Persist, SnapshotPart, SnapshotRead } from "../raft/ready.ts";
import type { Storage, StorageCorruptError } from "../storage/storage.ts";
import type { Group } from "./group.ts";
import { type SnapshotPolicy, Snapshots } from "./snapshots.ts";
import { ValueRewriter } from "./value_rewriter.ts";
import { WriteBatch } from "./write_batch.ts";

export interface StorageWorkEdges {
  readonly storage: Storage;
  readonly clock: Clock;
  /** Something came back for this group: pump it, unless it has ended. */
  done(group: Group): void;
  /** Writing is possible again: proposals may have waited for that. */
  written(): void;
  /** A file of values cannot be read when it is to be rewritten: it stays. */
  damaged(group: Group, error: StorageCorruptError): void;
  /** Work failed: the storage, or a bug. */
  failed(error: unknown): void;
}

export class StorageWork {
  readonly #edges: StorageWorkEdges;
  readonly #batch = new WriteBatch();
  readonly #snapshots: Snapshots;
  readonly #rewriter: ValueRewriter;

  constructor(edges: StorageWorkEdges, policy: SnapshotPolicy) {
    this.#edges = edges;
    this.#snapshots = new Snapshots(edges.storage, edges.clock, policy);
    this.#rewriter = new ValueRewriter({
      ...edges,
      takesSnapshot: (group) => this.#snapshots.takes(group),
    });
  }

  /** Whether an append has not resolved yet. */
  get writing(): boolean {
    return this.#batch.writing;
  }

  /** Goes with the next `flush`. */
  persist(group: Group, persist: Persist): void {
    this.#batch.add(group, persist);
  }

  /** The replica ended for ever. Its tombstone is written at once: what its successor appends lies behind it. */
  bury(group: Group, lowestReplica: number): void {
    this.#batch.drop(group);
    this.#snapshots.drop(group);
    this.#batch.addRecord({ kind: "tombstone", group: group.id, lowestReplica });
    this.flush();
  }

  /** Writes what gathered. */
  flush(): void {
    if (this.#batch.empty) return;
    const written = this.#batch.take();
    const { storage } = this.#edges;
    storage.append(written.records).then(() => {
      this.#batch.durable(written);
      for (const group of written.tokens.keys()) this.#edges.done(group);
      this.#edges.written();
    }).catch((error) => this.#edges.failed(error));
  }

  readEntries(group: Group, { id, fromIndex, toIndex, bytesMax }: Fetch): void {
    const { storage } = this.#edges;
    // Entries that are read from the log to be applied bring values faster than they may be written.
    const reading = storage.valueRoom()
      .then(() => storage.readEntries(group.id, fromIndex, toIndex, bytesMax));
    this.#own(
      group,
      reading.then((entries) => {
        if (!group.ended) group.raft.fetched(id, entries);
      }),
    );
  }

  readSnapshot(group: Group, read: SnapshotRead): void {
    this.#own(group, this.#snapshots.read(group, read));
  }

  storeSnapshot(group: Group, part: SnapshotPart): void {
    this.#own(group, this.#snapshots.store(group, part));
  }

  /** Loads the machine from a received snapshot, once its reference is durable. */
  restore(group: Group, snapshot: SnapshotMeta): void {
    const restoring = this.#batch.settled(group).then(() => this.load(group, snapshot));
    this.#own(group, restoring);
  }

  /** Loads the machine from the snapshot in force. */
  async load(group: Group, snapshot: SnapshotMeta): Promise<void> {
    if (await this.#snapshots.load(group, snapshot)) group.restored(snapshot);
  }

  /** Something changed about this group: takes a snapshot if one is due, rewrites values if that is worth it. */
  consider(group: Group): void {
    const due = this.#snapshots.due(group, this.#batch.durableIndex(group));
    if (due) void this.takeSnapshot(group);
    this.#rewriter.consider(group);
  }

  /** The host stops: nothing is begun in the background any more. */
  stop(): void {
    this.#rewriter.stop();
  }

  /**
   * @returns the snapshot in force afterwards; null where nothing was ever applied
   * @throws {StorageFailedError} by rejection, which has ended the host too
   */
  takeSnapshot(group: Group): Promise<SnapshotMeta | null> {
    const taking = this.#snapshots.take(group, this.#batch.durableIndex(group));
    this.#own(group, taking);
    return taking;
  }

  #own(group: Group, work: Promise<unknown>): void {
    work.then(() => this.#edges.done(group), (error) => this.#edges.failed(error));
  }
}
