/**
 * Storage in memory, for tests and the simulator. It keeps to the contract of `storage.ts` as the
 * embedded log does: group commit, order, a failed state that only a new instance leaves, and a disk
 * (`MemoryDisk`) that outlives the instance and forgets what was not synced.
 *
 * Deterministic: it takes no time and no randomness but what it is given. When a write completes is the
 * injected scheduler's choice, so the simulator may crash between a write and its fsync. An instance
 * whose disk has crashed never settles a promise again, as a dead process would not.
 */
import { assert } from "../assert.ts";
import { Random } from "../random.ts";
import { type Entry, entryBytes, type SnapshotMeta } from "../raft/entry.ts";
import { LIMITS } from "../limits.ts";
import type { MemoryDisk } from "./memory_disk.ts";
import { type MemoryFaults, soundDisk } from "./memory_faults.ts";
import { MemorySnapshots } from "./memory_snapshots.ts";
import { lastIndexOf, MemoryState } from "./memory_state.ts";
import {
  type GroupId,
  type Identity,
  type IncomingSnapshot,
  type Recovered,
  type SnapshotPosition,
  type Storage,
  StorageCorruptError,
  StorageFailedError,
  StorageInUseError,
  type StorageRecord,
  type StorageStatistics,
  type ValueReference,
} from "./storage.ts";

export { MemoryDisk } from "./memory_disk.ts";
export { type MemoryFaults, soundDisk } from "./memory_faults.ts";

export interface MemoryStorageOptions {
  /** Calls `run` once after `delayMs`. By default at the end of the current microtask. */
  readonly schedule?: (delayMs: number, run: () => void) => void;
  readonly random?: Random;
  readonly faults?: MemoryFaults;
  readonly valueFileBytesMax?: number;
}

/** What gathers for one write. All appends of a batch share its promise. */
class Batch {
  records: StorageRecord[] = [];
  /** Removes what its records replace, once they are durable. */
  readonly removals: (() => void)[] = [];
  readonly done = Promise.withResolvers<void>();
}

export class MemoryStorage implements Storage {
  readonly #disk: MemoryDisk;
  readonly #schedule: (delayMs: number, run: () => void) => void;
  readonly #random: Random;
  readonly #faults: MemoryFaults;
  /** What the log holds once everything that was appended is durable. */
  #view = new MemoryState();
  #gathering: Batch | null = null;
  #writing: Batch | null = null;
  #epoch = -1;
  #failure: StorageFailedError | null = null;
  #batches = 0;
  #records = 0;
  readonly #snapshots: MemorySnapshots;

  constructor(disk: MemoryDisk, options: MemoryStorageOptions = {}) {
    this.#disk = disk;
    this.#schedule = options.schedule ?? ((_delayMs, run) => queueMicrotask(run));
    this.#random = options.random ?? new Random(1);
    this.#faults = options.faults ?? soundDisk();
    const { valueFileBytesMax = LIMITS.valueFileBytesMax } = options;
    this.#snapshots = new MemorySnapshots(disk, valueFileBytesMax, (what) => this.#write(what));
  }

  get failure(): StorageFailedError | null {
    return this.#failure;
  }

  async open(): Promise<Recovered> {
    const disk = this.#disk;
    if (disk.held) throw new StorageInUseError("cannot open the store: another instance holds it");
    disk.held = true;
    disk.random = this.#random;
    this.#epoch = ++disk.epoch;
    await this.#step();
    try {
      return this.#recover();
    } catch (error) {
      disk.held = false;
      throw error;
    }
  }

  async create(identity: Identity): Promise<void> {
    this.#assertOpen();
    assert(this.#disk.identity === null, "only an empty store can be given an identity");
    await this.#write("create the store");
    this.#disk.identity = identity;
  }

  append(records: readonly StorageRecord[]): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (!this.#alive()) return new Promise(() => {});
    for (const record of records) {
      if (record.kind === "snapshot") this.#assertSnapshotKept(record.group, record.snapshot);
      this.#view.apply(record);
    }
    if (this.#gathering === null) {
      this.#gathering = new Batch();
      this.#gathering.done.promise.catch(() => {});
      if (this.#writing === null) queueMicrotask(() => this.#writeNext());
    }
    for (const record of records) {
      this.#gathering.records.push(record);
      const removal = this.#removalOf(record);
      if (removal !== null) this.#gathering.removals.push(removal);
    }
    this.#records += records.length;
    return this.#gathering.done.promise;
  }

  /** @returns what removes that which this record replaces */
  #removalOf(record: StorageRecord): (() => void) | null {
    const { serial } = this.#snapshots;
    if (record.kind === "tombstone") return this.#snapshots.retire(record.group, serial);
    if (record.kind !== "snapshot") return null;
    const { group, snapshot, keepEntries } = record;
    if (!keepEntries) this.#snapshots.supersede(group, snapshot);
    return () => this.#snapshots.retain(group, snapshot, serial);
  }

  async readEntries(
    group: GroupId,
    fromIndex: number,
    toIndex: number,
    bytesMax: number,
  ): Promise<readonly Entry[] | null> {
    await this.#step();
    const held = this.#view.groups.get(group);
    if (held === undefined || fromIndex <= held.baseIndex || fromIndex > lastIndexOf(held)) {
      return null;
    }
    const found: Entry[] = [];
    let bytes = 0;
    for (let at = fromIndex - held.baseIndex - 1; at < toIndex - held.baseIndex - 1; at++) {
      const entry = held.entries[at];
      if (entry === undefined) break;
      bytes += entryBytes(entry);
      if (found.length > 0 && bytes > bytesMax) break;
      found.push(entry);
    }
    return found;
  }

  async writeSnapshot(
    group: GroupId,
    position: SnapshotPosition,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<SnapshotMeta> {
    if (!this.#alive()) return await new Promise(() => {});
    return await this.#snapshots.write(group, position, chunks);
  }

  async readSnapshot(
    group: GroupId,
    snapshot: SnapshotMeta,
    offsetBytes: number,
    bytesMax: number,
  ): Promise<Uint8Array | null> {
    await this.#step();
    return this.#snapshots.read(group, snapshot, offsetBytes, bytesMax);
  }

  async receiveSnapshot(group: GroupId, snapshot: SnapshotMeta): Promise<IncomingSnapshot> {
    await this.#step();
    return this.#snapshots.receive(group, snapshot);
  }

  valueFilesOf(group: GroupId, snapshot: SnapshotMeta): readonly number[] | null {
    return this.#snapshots.valueFilesOf(group, snapshot);
  }

  appendValue(group: GroupId, bytes: Uint8Array): ValueReference {
    // A dead process writes nothing: another instance may have files of these numbers by now.
    if (!this.#alive()) return { file: 0, offsetBytes: 0, sizeBytes: bytes.length };
    return this.#snapshots.values(group).append(bytes);
  }

  /** What is appended is on the disk at once. */
  valueRoom(): Promise<void> {
    return Promise.resolve();
  }

  async readValues(
    group: GroupId,
    references: readonly ValueReference[],
  ): Promise<readonly (Uint8Array | null)[]> {
    await this.#step();
    const values = this.#snapshots.values(group);
    return references.map((reference) => values.read(reference));
  }

  statistics(): StorageStatistics {
    return {
      batches: this.#batches,
      records: this.#records,
      bytes: 0,
      fsyncs: this.#batches,
      fsyncMs: 0,
      segments: 1,
      sizeBytes: 0,
    };
  }

  async close(): Promise<void> {
    if (!this.#alive()) return;
    while (this.#failure === null && (this.#gathering ?? this.#writing) !== null) {
      await (this.#gathering ?? this.#writing)!.done.promise.catch(() => {});
    }
    const disk = this.#disk;
    disk.settle(disk.random.fraction());
    disk.epoch++;
    disk.held = false;
  }

  #recover(): Recovered {
    const disk = this.#disk;
    if (disk.damage !== null) {
      const { file, offsetBytes } = disk.damage;
      throw new StorageCorruptError(
        `cannot open the store: ${file} is damaged at offset ${offsetBytes}`,
        file,
        offsetBytes,
      );
    }
    if (this.#faults.full) throw new StorageFailedError("cannot open the store: the disk is full");
    disk.durable.dropUnborn();
    this.#snapshots.open();
    this.#view = disk.durable.clone();
    const lost = disk.lostRecords;
    disk.lostRecords = 0;
    return {
      identity: disk.identity,
      groups: this.#view.recovered(),
      tombstones: new Map(this.#view.tombstones),
      properties: new Map(this.#view.properties),
      tornTail: lost === 0
        ? null
        : { file: "memory/0000000000000001.seg", offsetBytes: 0, sizeBytes: lost },
    };
  }

  #writeNext(): void {
    if (this.#failure !== null || !this.#alive()) return;
    const batch = this.#gathering;
    if (batch === null) return;
    this.#gathering = null;
    this.#writing = batch;
    this.#disk.unsynced = batch.records;
    this.#schedule(this.#delayMs(), () => {
      if (!this.#alive()) return;
      if (this.#fails()) return this.#fail("cannot write a batch");
      for (const record of batch.records) this.#disk.durable.apply(record);
      this.#disk.unsynced = [];
      for (const remove of batch.removals) remove();
      this.#writing = null;
      this.#batches++;
      batch.done.resolve();
      this.#writeNext();
    });
  }

  #fail(what: string): void {
    const reason = this.#faults.full ? "the disk is full" : "the disk failed";
    this.#failure = new StorageFailedError(`${what}: ${reason}`);
    for (const batch of [this.#writing, this.#gathering]) batch?.done.reject(this.#failure);
    this.#writing = null;
    this.#gathering = null;
  }

  /** One write beside the log, as slow and as likely to fail as any other. */
  #write(what: string): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#schedule(this.#delayMs(), () => {
        if (!this.#alive()) return;
        if (this.#failure === null && this.#fails()) this.#fail(`cannot ${what}`);
        if (this.#failure === null) resolve();
        else reject(this.#failure);
      });
    });
  }

  /** A turn of the scheduler: it comes never for an instance whose disk has crashed. */
  #step(): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve) => {
      this.#schedule(0, () => {
        if (this.#alive()) resolve();
      });
    });
  }

  #fails(): boolean {
    return this.#faults.full ||
      (this.#faults.failChance > 0 && this.#random.chance(this.#faults.failChance));
  }

  #delayMs(): number {
    const { delayMinMs, delayMaxMs } = this.#faults;
    if (delayMaxMs <= delayMinMs) return delayMinMs;
    return delayMinMs + this.#random.fraction() * (delayMaxMs - delayMinMs);
  }

  #alive(): boolean {
    return this.#disk.epoch === this.#epoch;
  }

  #assertSnapshotKept(group: GroupId, snapshot: SnapshotMeta): void {
    const isKept = this.#snapshots.valueFilesOf(group, snapshot) !== null;
    assert(isKept, `the file of snapshot ${snapshot.index} of group ${group} must be durable`);
  }

  #assertOpen(): void {
    assert(this.#epoch !== -1, "the store must be opened first");
  }
}
