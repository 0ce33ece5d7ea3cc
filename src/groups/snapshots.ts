/**
 * Snapshots of the groups at this peer: when one is due, taking it in slices so that heartbeats are
 * never late, reading chunks for followers, receiving those of a leader, and loading one into a machine.
 * A snapshot counts only after its file and then its reference in the log are durable.
 */
import { assert } from "../assert.ts";
import type { Clock } from "../clock.ts";
import { LIMITS } from "../limits.ts";
import { isSameSnapshot, type SnapshotMeta, transferBytes } from "../raft/entry.ts";
import type { SnapshotPart, SnapshotRead } from "../raft/ready.ts";
import type { IncomingSnapshot, Storage } from "../storage/storage.ts";
import type { Group } from "./group.ts";
import { ReplayBacklog } from "./replay_backlog.ts";

/** The part of `snapshotBytes` that dead bytes in value files are a reason for. */
const DEAD_BYTES_PART = 1 / 4;
/** How long one slice of encoding may keep everything else waiting. */
const SLICE_MS = 10;

export interface SnapshotPolicy {
  /**
   * Applied entries, and bytes of them, after which the next snapshot is due: of one group, or of all together, when it is
   * the turn of a group that has many of them. One is also due for a quarter of these bytes in value files in which
   * nothing is alive any more: they go with it.
   */
  readonly snapshotEntries: number;
  readonly snapshotBytes: number;
}

export class Snapshots {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #policy: SnapshotPolicy;
  /** Groups of which one is being taken; the promise serves all who ask for one. */
  readonly #taking = new Map<Group, Promise<SnapshotMeta | null>>();
  readonly #backlog = new ReplayBacklog();
  readonly #incoming = new Map<Group, { meta: SnapshotMeta; file: IncomingSnapshot }>();
  /** The last part being stored for each group: parts are stored one after the other. */
  readonly #storing = new Map<Group, Promise<void>>();

  constructor(storage: Storage, clock: Clock, policy: SnapshotPolicy) {
    this.#storage = storage;
    this.#clock = clock;
    this.#policy = policy;
  }

  /** @param durableIndex the last entry whose write is known to be durable here */
  due(group: Group, durableIndex: number): boolean {
    const since = group.appliedIndex - (group.raft.snapshot?.index ?? 1);
    const { snapshotEntries, snapshotBytes } = this.#policy;
    const part = Math.max(since / snapshotEntries, group.appliedBytes / snapshotBytes);
    this.#backlog.note(group, part);
    if (this.#taking.has(group) || !this.#possible(group, durableIndex)) return false;
    return part >= 1 || this.#isItsTurn(group) || this.#deadBytesAreMany(group);
  }

  /** One at a time, and not more often than it pays. */
  #isItsTurn(group: Group): boolean {
    return this.#taking.size === 0 && this.#backlog.isTurnOf(group) &&
      group.appliedBytes >= (group.raft.snapshot?.sizeBytes ?? 0);
  }

  /** Not more often than it pays: a snapshot of a large state costs as much as it gives back. */
  #deadBytesAreMany({ raft, values }: Group): boolean {
    const leastBytes = this.#policy.snapshotBytes * DEAD_BYTES_PART;
    return values.deadBytes >= Math.max(leastBytes, raft.snapshot?.sizeBytes ?? 0, 1);
  }

  /** Whether one is being taken of this group. */
  takes(group: Group): boolean {
    return this.#taking.has(group);
  }

  /** A snapshot names the configuration of its own index, so none is taken while one is being changed. */
  #possible(group: Group, durableIndex: number): boolean {
    const { appliedIndex } = group;
    return !group.ended && !group.restoring && appliedIndex <= durableIndex &&
      appliedIndex > (group.raft.snapshot?.index ?? 1) &&
      group.raft.configuration.index <= appliedIndex;
  }

  /** @returns the snapshot that is in force afterwards; the former one where nothing was applied since */
  take(group: Group, durableIndex: number): Promise<SnapshotMeta | null> {
    const running = this.#taking.get(group);
    if (running !== undefined) return running;
    if (!this.#possible(group, durableIndex)) return Promise.resolve(group.raft.snapshot);
    const taking = this.#take(group).finally(() => this.#taking.delete(group));
    this.#taking.set(group, taking);
    return taking;
  }

  async #take(group: Group): Promise<SnapshotMeta | null> {
    const index = group.appliedIndex;
    const files = group.values.inUse();
    const position = {
      index,
      term: group.appliedTerm,
      timeMs: group.machine.timeMs,
      configuration: group.raft.configuration,
      valueFiles: files.alive,
    };
    group.appliedBytes = 0;
    const chunks = this.#sliced(group.machine.snapshot());
    const snapshot = await this.#storage.writeSnapshot(group.id, position, chunks);
    const newer = group.raft.snapshot;
    // A leader's snapshot may have come in between; the log never goes back to an older one. And behind a
    // tombstone a reference would give the replica's successor what it must not have.
    if (group.ended || (newer !== null && newer.index >= index)) return newer;
    await this.#storage.append([
      { kind: "snapshot", group: group.id, snapshot, keepEntries: true },
    ]);
    if (group.ended) return snapshot;
    group.values.dropped(files.dead);
    group.raft.snapshotTaken(snapshot);
    return snapshot;
  }

  async *#sliced(chunks: Iterator<Uint8Array>): AsyncGenerator<Uint8Array> {
    let sliceBeganMs = this.#clock.monotonicMs();
    for (let step = chunks.next(); step.done !== true; step = chunks.next()) {
      yield step.value;
      if (this.#clock.monotonicMs() - sliceBeganMs < SLICE_MS) continue;
      await new Promise<void>((resolve) => this.#clock.timer(0, resolve));
      sliceBeganMs = this.#clock.monotonicMs();
    }
  }

  /** Answers the core's wish for a part of a snapshot file. */
  async read(group: Group, read: SnapshotRead): Promise<void> {
    const { snapshot, offsetBytes, bytesMax } = read;
    const bytes = await this.#storage.readSnapshot(group.id, snapshot, offsetBytes, bytesMax);
    if (!group.ended) group.raft.snapshotRead(read, bytes);
  }

  /** Stores a part of a leader's snapshot, and the whole once it is complete. */
  store(group: Group, part: SnapshotPart): Promise<void> {
    const before = this.#storing.get(group) ?? Promise.resolve();
    const storing = before.then(() => this.#store(group, part));
    this.#storing.set(group, storing);
    return storing;
  }

  async #store(group: Group, part: SnapshotPart): Promise<void> {
    if (group.ended) return;
    const { snapshot } = part;
    const file = await this.#incomingFile(group, snapshot);
    if (group.ended) return;
    const stored = await storePart(file, part);
    if (group.ended) return;
    if (stored < transferBytes(snapshot)) return group.raft.snapshotStored(snapshot, stored);
    this.#incoming.delete(group);
    const sound = await file.finish();
    if (!group.ended) group.raft.snapshotStored(snapshot, sound ? stored : null);
  }

  /** One incoming snapshot a group: another one takes its place. */
  async #incomingFile(group: Group, meta: SnapshotMeta): Promise<IncomingSnapshot> {
    const known = this.#incoming.get(group);
    if (known !== undefined && isSameSnapshot(known.meta, meta)) return known.file;
    const file = await this.#storage.receiveSnapshot(group.id, meta);
    this.#incoming.set(group, { meta, file });
    return file;
  }

  /**
   * Loads the machine from a snapshot that is durable and referenced.
   * @returns false where that is over: the replica ended meanwhile, or a leader's newer snapshot came into force, which
   *   is loaded by a call of its own; the files of this one may be gone then
   */
  async load(group: Group, snapshot: SnapshotMeta): Promise<boolean> {
    const chunks: Uint8Array[] = [];
    for (let offset = 0; offset < snapshot.sizeBytes;) {
      if (!group.awaits(snapshot)) return false;
      const bytesMax = Math.min(LIMITS.snapshotChunkBytesMax, snapshot.sizeBytes - offset);
      const bytes = await this.#storage.readSnapshot(group.id, snapshot, offset, bytesMax);
      if (!group.awaits(snapshot)) return false;
      assert(
        bytes !== null && bytes.length > 0,
        `the snapshot in force of group ${group.id} can be read at ${offset}`,
      );
      chunks.push(bytes);
      offset += bytes.length;
    }
    if (!group.awaits(snapshot)) return false;
    const valueFiles = this.#storage.valueFilesOf(group.id, snapshot);
    assert(valueFiles !== null, `the snapshot in force of group ${group.id} has its values`);
    group.values.restore(snapshot, valueFiles, () => group.machine.restore(chunks));
    return true;
  }

  /** The replica has ended for ever. */
  drop(group: Group): void {
    this.#incoming.delete(group);
    this.#storing.delete(group);
    this.#backlog.drop(group);
  }
}

/** @returns how much is stored now; a part that does not follow what is there changes nothing */
function storePart(
  file: IncomingSnapshot,
  { offsetBytes, bytes }: SnapshotPart,
): number | Promise<number> {
  const follows = bytes.length > 0 && offsetBytes === file.storedBytes;
  return follows ? file.write(offsetBytes, bytes) : file.storedBytes;
}
