/**
 * Storage in memory, for tests and the simulator. It keeps to the contract of `storage.ts` as the
 * embedded log does: group commit, order, a failed state that only a new instance leaves, and a disk
 * (`MemoryDisk`) that outlives the instance and forgets what was not synced.
 *
 * Deterministic: it takes no time and no randomness but what it is given. When a write completes is the
 * injected scheduler's choice, so the simulator may crash between a write and its fsync. An instance
 * whose disk has crashed never settles a promise again, as a dead process would not.
 */
import { crc32 } from "node:zlib";
import { assert } from "../assert.ts";
import { Random } from "../random.ts";
import { type Entry, entryBytes, type SnapshotMeta } from "../raft/entry.ts";
import { type MemoryDisk, type MemoryValues, snapshotKey } from "./memory_disk.ts";
import { type MemoryFaults, soundDisk } from "./memory_faults.ts";
import { concatenate, MemoryIncoming } from "./memory_incoming.ts";
import { lastIndexOf, MemoryState } from "./memory_state.ts";
import {
  type GroupId,
  type Identity,
  type IncomingSnapshot,
  type Recovered,
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
}

/** What gathers for one write. All appends of a batch share its promise. */
class Batch {
  records: StorageRecord[] = [];
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
  readonly #incoming = new Map<GroupId, MemoryIncoming>();

  constructor(disk: MemoryDisk, options: MemoryStorageOptions = {}) {
    this.#disk = disk;
    this.#schedule = options.schedule ?? ((_delayMs, run) => queueMicrotask(run));
    this.#random = options.random ?? new Random(1);
    this.#faults = options.faults ?? soundDisk();
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
    for (const record of records) this.#gathering.records.push(record);
    this.#records += records.length;
    return this.#gathering.done.promise;
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
    position: Pick<SnapshotMeta, "index" | "term" | "timeMs" | "configuration">,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<SnapshotMeta> {
    const values = this.#disk.values.get(group);
    const named = values && { file: values.file, lengthBytes: values.lengthBytes };
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk.slice());
    const bytes = concatenate(parts);
    await this.#write("write a snapshot");
    const snapshot = { ...position, sizeBytes: bytes.length, checksum: crc32(bytes) };
    const key = snapshotKey(group, snapshot);
    this.#disk.snapshots.set(key, bytes);
    if (named !== undefined) this.#disk.namedValues.set(key, named);
    return snapshot;
  }

  async readSnapshot(
    group: GroupId,
    snapshot: SnapshotMeta,
    offsetBytes: number,
    bytesMax: number,
  ): Promise<Uint8Array | null> {
    await this.#step();
    const bytes = this.#disk.snapshots.get(snapshotKey(group, snapshot));
    return bytes?.slice(offsetBytes, offsetBytes + bytesMax) ?? null;
  }

  async receiveSnapshot(group: GroupId, snapshot: SnapshotMeta): Promise<IncomingSnapshot> {
    await this.#step();
    const key = snapshotKey(group, snapshot);
    const former = this.#incoming.get(group);
    if (former !== undefined && former.key === key) return former;
    const incoming = new MemoryIncoming(
      key,
      snapshot,
      () => this.#write("store a part of a snapshot"),
      (bytes) => {
        this.#incoming.delete(group);
        if (bytes !== null) this.#disk.snapshots.set(key, bytes);
      },
    );
    this.#incoming.set(group, incoming);
    return incoming;
  }

  appendValue(group: GroupId, bytes: Uint8Array): ValueReference {
    const values = this.#values(group);
    const reference = {
      file: values.file,
      offsetBytes: values.lengthBytes,
      sizeBytes: bytes.length,
    };
    values.values.set(reference.offsetBytes, bytes.slice());
    values.lengthBytes += Math.max(1, bytes.length);
    return reference;
  }

  async readValues(
    group: GroupId,
    references: readonly ValueReference[],
  ): Promise<readonly Uint8Array[]> {
    await this.#step();
    const values = this.#disk.values.get(group);
    return references.map((reference) => {
      const bytes = values?.file === reference.file
        ? values.values.get(reference.offsetBytes)
        : undefined;
      if (bytes !== undefined && bytes.length === reference.sizeBytes) return bytes;
      const file = `memory/${group}-${reference.file}.val`;
      throw new StorageCorruptError(
        `cannot read the value at offset ${reference.offsetBytes} of ${file}: it is not there`,
        file,
        reference.offsetBytes,
      );
    });
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
    this.#dropUnreferenced();
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

  /** Removes snapshots and values that nothing durable names, as opening the embedded log does. */
  #dropUnreferenced(): void {
    const disk = this.#disk;
    const referenced = new Set<string>();
    for (const [id, group] of disk.durable.groups) {
      if (group.snapshot === null) continue;
      const key = snapshotKey(id, group.snapshot);
      if (!disk.snapshots.has(key)) {
        throw new StorageCorruptError(
          `cannot open the store: the snapshot memory/${key}.snap is referenced and missing`,
          `memory/${key}.snap`,
          0,
        );
      }
      referenced.add(key);
    }
    for (const key of disk.snapshots.keys()) if (!referenced.has(key)) disk.snapshots.delete(key);
    for (const [id, values] of disk.values) {
      const snapshot = disk.durable.groups.get(id)?.snapshot ?? null;
      const named = snapshot && disk.namedValues.get(snapshotKey(id, snapshot));
      const lengthBytes = named?.file === values.file ? named.lengthBytes : 0;
      for (const offset of values.values.keys()) {
        if (offset >= lengthBytes) values.values.delete(offset);
      }
      values.lengthBytes = lengthBytes;
    }
    for (const key of disk.namedValues.keys()) {
      if (!referenced.has(key)) disk.namedValues.delete(key);
    }
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
      this.#dropReplaced(batch.records);
      this.#writing = null;
      this.#batches++;
      batch.done.resolve();
      this.#writeNext();
    });
  }

  /** Snapshots that a newer durable reference replaced, and everything of removed groups, goes. */
  #dropReplaced(records: readonly StorageRecord[]): void {
    for (const record of records) {
      if (record.kind !== "snapshot" && record.kind !== "tombstone") continue;
      const kept = record.kind === "snapshot" ? snapshotKey(record.group, record.snapshot) : null;
      for (const key of this.#disk.snapshots.keys()) {
        if (key === kept || !key.startsWith(`${record.group}-`)) continue;
        const index = Number(key.split("-")[1]);
        const older = record.kind === "tombstone" || index <= record.snapshot.index;
        if (older) this.#disk.snapshots.delete(key);
      }
      if (record.kind === "tombstone") this.#disk.values.delete(record.group);
    }
  }

  #values(group: GroupId): MemoryValues {
    let values = this.#disk.values.get(group);
    if (values === undefined) {
      values = { file: 1, lengthBytes: 0, values: new Map() };
      this.#disk.values.set(group, values);
    }
    return values;
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
    const key = snapshotKey(group, snapshot);
    assert(this.#disk.snapshots.has(key), `the file of snapshot ${key} must be durable before`);
  }

  #assertOpen(): void {
    assert(this.#epoch !== -1, "the store must be opened first");
  }
}
