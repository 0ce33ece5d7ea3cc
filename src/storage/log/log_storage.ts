/**
 * The embedded log as a `Storage`: one write-ahead log of segments for all groups of a peer, with
 * snapshots and values in files beside it, in one directory:
 *
 *     identity.json   who it belongs to        wal/      segments
 *     lock            held while it is open    snap/     snapshots
 *     reserve         room for a full disk     values/   value files
 *
 * This file puts the parts together; each idea has its own. After a failure an instance is of no more
 * use: it is closed, and a new one opens the directory as at start.
 */
import { assert } from "../../assert.ts";
import { type Logger, SILENT } from "../../logger.ts";
import type { Entry, SnapshotMeta } from "../../raft/entry.ts";
import {
  type GroupId,
  type Identity,
  type IncomingSnapshot,
  type Recovered,
  type SnapshotPosition,
  type Storage,
  StorageFailedError,
  StorageInUseError,
  type StorageRecord,
  type StorageStatistics,
  type ValueReference,
} from "../storage.ts";
import { Compactor } from "./compactor.ts";
import { DenoFileSystem } from "./deno_file_system.ts";
import { EntryReader } from "./entry_reader.ts";
import { type FileSystem, isDiskFull, writeDurably } from "./file_system.ts";
import { storeIdBytes, writeIdentity } from "./identity_file.ts";
import { LOG_LIMITS, type LogLimits } from "./log_limits.ts";
import type { LogState } from "./log_state.ts";
import { LogWriter } from "./log_writer.ts";
import { refuseMoved } from "./move_marks.ts";
import { type LoadedStore, loadStore, writeRecovery } from "./opening.ts";
import { guardRecord } from "./record_guard.ts";
import { recoveredGroups } from "./recovered_groups.ts";
import { firstSegment, tailOf } from "./recovery.ts";
import { ReserveFile } from "./reserve_file.ts";
import { segmentDirectory } from "./segment_file.ts";
import { SALT_BYTES, segmentName } from "./segment_header.ts";
import { SegmentSet } from "./segment_set.ts";
import { SnapshotFiles } from "./snapshot_files.ts";
import { SnapshotSource } from "./snapshot_source.ts";
import { isOurs, storageFailed } from "./storage_failure.ts";
import { ValueFiles } from "./value_files.ts";

export const LOCK_NAME = "lock";

export interface LogStorageOptions {
  /** Made when it is not there. */
  readonly directory: string;
  readonly fileSystem?: FileSystem;
  readonly limits?: Partial<LogLimits>;
  readonly logger?: Logger;
}

/** What exists once the store has an identity. */
interface OpenLog {
  readonly state: LogState;
  readonly segments: SegmentSet;
  readonly writer: LogWriter;
  readonly reader: EntryReader;
  readonly compactor: Compactor;
}

export class LogStorage implements Storage {
  readonly #directory: string;
  readonly #fileSystem: FileSystem;
  readonly #limits: LogLimits;
  readonly #logger: Logger;
  readonly #snapshots: SnapshotFiles;
  readonly #values: ValueFiles;
  readonly #reserve: ReserveFile;
  #lock: { release(): void } | null = null;
  #log: OpenLog | null = null;
  #failure: StorageFailedError | null = null;
  #restoring: Promise<void> | null = null;
  /** Settles when what durable records have replaced is removed. */
  #removing: Promise<void> = Promise.resolve();

  constructor(options: LogStorageOptions) {
    this.#directory = options.directory;
    this.#fileSystem = options.fileSystem ?? new DenoFileSystem();
    this.#limits = { ...LOG_LIMITS, ...options.limits };
    this.#logger = options.logger ?? SILENT;
    this.#values = new ValueFiles({
      fileSystem: this.#fileSystem,
      directory: this.#directory,
      fileBytesMax: this.#limits.valueFileBytesMax,
      pendingBytesMax: this.#limits.pendingValueBytesMax,
      openFilesMax: this.#limits.openValueFilesMax,
      failed: (what, error) => this.#fail(what, error),
    });
    this.#snapshots = new SnapshotFiles(this.#fileSystem, this.#directory, this.#values);
    this.#reserve = new ReserveFile(
      this.#fileSystem,
      this.#directory,
      this.#limits.reserveBytes,
    );
  }

  get failure(): StorageFailedError | null {
    return this.#failure;
  }

  /** The directory of the store. */
  get directory(): string {
    return this.#directory;
  }

  async open(): Promise<Recovered> {
    assert(this.#lock === null, "an instance is opened once");
    try {
      await this.#fileSystem.makeDirectory(this.#directory);
      this.#lock = await this.#fileSystem.lock(`${this.#directory}/${LOCK_NAME}`);
      if (this.#lock === null) {
        throw new StorageInUseError(
          `cannot open the store: another process holds ${this.#directory}`,
        );
      }
      return await this.#openLocked();
    } catch (error) {
      this.#lock?.release();
      this.#lock = null;
      throw isOurs(error) ? error : storageFailed("cannot open the store", error);
    }
  }

  async create(identity: Identity): Promise<void> {
    assert(this.#lock !== null, "the store must be opened first");
    assert(this.#log === null, "only an empty store can be given an identity");
    const wal = segmentDirectory(this.#directory);
    const salt = this.#fileSystem.randomBytes(SALT_BYTES);
    try {
      const bytes = firstSegment(storeIdBytes(identity), salt);
      await writeDurably(this.#fileSystem, wal, segmentName(1), bytes);
      await writeIdentity(this.#fileSystem, this.#directory, identity);
      this.#start(await loadStore(this.#fileSystem, this.#directory));
    } catch (error) {
      this.#fail("cannot make the store", error);
      throw this.#failure ?? error;
    }
  }

  append(records: readonly StorageRecord[]): Promise<void> {
    const { writer, state } = this.#opened();
    if (this.#failure !== null) return Promise.reject(this.#failure);
    for (const record of records) this.#add(record, state, writer);
    for (const { kind, group } of records as readonly { kind: string; group?: GroupId }[]) {
      const born = group === undefined || state.groups.get(group)?.replica !== null;
      assert(born, `a ${kind} record of group ${group}, which has no replica`);
    }
    const durable = writer.commit();
    for (const record of records) {
      if (record.kind === "snapshot") this.#afterwards(durable, record.group, record.snapshot);
      else if (record.kind === "tombstone") this.#afterwards(durable, record.group, null);
      else if (record.kind === "truncation") {
        durable.then(() => this.#log?.compactor.poke(), () => {});
      }
    }
    return durable;
  }

  async readEntries(
    group: GroupId,
    fromIndex: number,
    toIndex: number,
    bytesMax: number,
  ): Promise<readonly Entry[] | null> {
    return await this.#sound(() => this.#opened().reader.read(group, fromIndex, toIndex, bytesMax));
  }

  async writeSnapshot(
    group: GroupId,
    position: SnapshotPosition,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<SnapshotMeta> {
    const source = new SnapshotSource(chunks);
    const write = () => this.#snapshots.write(group, position, source.chunks());
    return await this.#written("cannot write a snapshot", write, source);
  }

  async readSnapshot(
    group: GroupId,
    snapshot: SnapshotMeta,
    offsetBytes: number,
    bytesMax: number,
  ): Promise<Uint8Array | null> {
    return await this.#sound(() => this.#snapshots.read(group, snapshot, offsetBytes, bytesMax));
  }

  async receiveSnapshot(group: GroupId, snapshot: SnapshotMeta): Promise<IncomingSnapshot> {
    const what = "cannot store a part of a snapshot";
    const incoming = await this.#written(what, () => this.#snapshots.receive(group, snapshot));
    const written = <T>(run: () => Promise<T>) => this.#written(what, run);
    return {
      get storedBytes() {
        return incoming.storedBytes;
      },
      write: (offsetBytes, bytes) => written(() => incoming.write(offsetBytes, bytes)),
      finish: () => written(() => incoming.finish()),
    };
  }

  valueFilesOf(group: GroupId, snapshot: SnapshotMeta): readonly number[] | null {
    return this.#snapshots.valueFilesOf(group, snapshot);
  }

  appendValue(group: GroupId, bytes: Uint8Array): ValueReference {
    return this.#values.of(group).append(bytes);
  }

  valueRoom(): Promise<void> {
    return this.#values.room();
  }

  async readValues(
    group: GroupId,
    references: readonly ValueReference[],
  ): Promise<readonly (Uint8Array | null)[]> {
    return await this.#sound(() => this.#values.read(group, references));
  }

  statistics(): StorageStatistics {
    const log = this.#log;
    if (log === null) {
      return { batches: 0, records: 0, bytes: 0, fsyncs: 0, fsyncMs: 0, segments: 0, sizeBytes: 0 };
    }
    return {
      ...log.writer.counters,
      segments: log.segments.count,
      sizeBytes: log.segments.sealedBytes + log.writer.tail.offset,
    };
  }

  async close(): Promise<void> {
    this.#reserve.stop();
    await this.#log?.compactor.stop();
    await this.#log?.writer.close();
    await this.#removing;
    await this.#restoring;
    await this.#snapshots.close();
    await this.#values.close();
    this.#log?.segments.close();
    // So that the next instance can compact: it makes the reserve anew when there is room again.
    if (isDiskFull(this.#failure?.cause)) await this.#reserve.release().catch(() => false);
    this.#failure ??= new StorageFailedError("the store is closed");
    this.#lock?.release();
    this.#lock = null;
  }

  /** Resolves when what was appended so far is durable, and no compaction is under way any more. */
  async compacted(): Promise<void> {
    await this.#removing;
    await this.#log?.compactor.idle();
  }

  async #openLocked(): Promise<Recovered> {
    await refuseMoved(this.#fileSystem, this.#directory);
    const loaded = await loadStore(this.#fileSystem, this.#directory);
    const { recovery } = loaded;
    try {
      await writeRecovery(this.#fileSystem, this.#directory, recovery);
    } catch (error) {
      if (!isDiskFull(error) || !await this.#reserve.release()) throw error;
      this.#logger.log("warn", "the disk is full: the store is opened in its reserve");
      await writeRecovery(this.#fileSystem, this.#directory, recovery);
    }
    await this.#values.open(loaded.values);
    await this.#snapshots.open(loaded.snapshots);
    if (recovery.tornTail !== null) {
      const { file, offsetBytes, sizeBytes } = recovery.tornTail;
      this.#logger.log("warn", "the log's torn tail was cut", { file, offsetBytes, sizeBytes });
    }
    const { identity, state, tornTail } = recovery;
    if (identity !== null) this.#start(loaded);
    return {
      identity,
      groups: this.#log === null ? [] : await recoveredGroups(state, this.#log.reader),
      tombstones: new Map([...state.tombstones].map(([group, { value }]) => [group, value])),
      properties: new Map([...state.properties].map(([name, { value }]) => [name, value])),
      tornTail,
    };
  }

  #start(loaded: LoadedStore): void {
    const { identity, state, segments: recovered } = loaded.recovery;
    assert(identity !== null, "a store without an identity has no log");
    const wal = segmentDirectory(this.#directory);
    const segments = new SegmentSet(this.#fileSystem, wal);
    for (const [at, { key }] of recovered.entries()) {
      segments.add(key, recovered[at - 1]?.sizeBytes ?? null);
    }
    const writer = new LogWriter({
      fileSystem: this.#fileSystem,
      directory: wal,
      storeId: storeIdBytes(identity),
      limits: this.#limits,
      state,
      tail: tailOf(recovered),
      rolled: (key, predecessorBytes) => {
        segments.add(key, predecessorBytes);
        this.#log?.compactor.poke();
      },
      failed: (error) => this.#failure ??= error,
    });
    const reader = new EntryReader(state, writer, segments);
    const ended = () => this.#restoreReserve();
    const logger = this.#logger;
    const compactor = new Compactor({ state, writer, reader, segments, logger, ended });
    this.#log = { state, segments, writer, reader, compactor };
    compactor.poke();
  }

  #restoreReserve(): void {
    this.#restoring ??= this.#reserve.restore().then((restored) => {
      if (!restored) this.#logger.log("warn", "the disk has no room for the store's reserve");
    }).catch((error) => this.#fail("cannot keep the reserve", error)).finally(() => {
      this.#restoring = null;
    });
  }

  #add(record: StorageRecord, state: LogState, writer: LogWriter): void {
    const isKept = (group: GroupId, snapshot: SnapshotMeta) =>
      this.#snapshots.valueFilesOf(group, snapshot) !== null;
    guardRecord(state, record, isKept);
    switch (record.kind) {
      case "entries":
        return writer.addEntries(record.group, record.entries, false);
      case "snapshot": {
        const { group, snapshot, keepEntries } = record;
        const valueFiles = this.#snapshots.valueFilesOf(group, snapshot)!;
        if (!keepEntries) this.#snapshots.supersede(group, snapshot);
        return writer.addState({ ...record, valueFiles, rewritten: false });
      }
      case "property":
      case "truncation":
        return writer.addState(record);
      default:
        return writer.addState({ ...record, rewritten: false });
    }
  }

  /** Once a reference is durable, what it replaced may go. */
  #afterwards(durable: Promise<void>, group: GroupId, snapshot: SnapshotMeta | null): void {
    const { serial } = this.#snapshots;
    const removeValues = snapshot === null ? this.#values.retire(group) : null;
    const abandoned = snapshot === null ? this.#snapshots.abandon(group) : null;
    abandoned?.catch((error) => this.#fail("cannot remove a snapshot", error));
    const removed = durable.then(async () => {
      if (this.#failure !== null) return;
      await this.#snapshots.retain(group, snapshot, serial);
      await abandoned;
      await removeValues?.();
      this.#log?.compactor.poke();
    }).catch((error) => this.#fail("cannot remove what a record replaced", error));
    this.#removing = this.#removing.then(() => removed);
  }

  #opened(): OpenLog {
    assert(this.#log !== null, "the store must be opened, and have an identity");
    return this.#log;
  }

  /** Reads, unless the store has failed: then nothing that is read may be believed. */
  async #sound<T>(read: () => Promise<T>): Promise<T> {
    if (this.#failure !== null) throw this.#failure;
    try {
      return await read();
    } catch (error) {
      throw this.#failure ?? error;
    }
  }

  /** Writes beside the log: if it fails, the store has failed. */
  async #written<T>(
    what: string,
    write: () => Promise<T>,
    source: SnapshotSource | null = null,
  ): Promise<T> {
    if (this.#failure !== null) throw this.#failure;
    try {
      return await write();
    } catch (error) {
      if (source?.failed === true) throw error;
      this.#fail(what, error);
      throw this.#failure ?? error;
    }
  }

  #fail(what: string, error: unknown): void {
    if (this.#failure !== null || isOurs(error)) return;
    this.#failure = storageFailed(what, error);
    this.#log?.writer.fail(what, error);
    this.#logger.log("error", this.#failure.message);
  }
}
