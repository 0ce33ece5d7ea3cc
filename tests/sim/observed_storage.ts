/**
 * A peer's storage with an observer beside it, who sees what was handed over and what became durable. It
 * changes nothing of either.
 */
import type { Entry, SnapshotMeta } from "../../src/raft/entry.ts";
import type {
  GroupId,
  Identity,
  IncomingSnapshot,
  Recovered,
  SnapshotPosition,
  Storage,
  StorageFailedError,
  StorageRecord,
  StorageStatistics,
  ValueReference,
} from "../../src/storage/storage.ts";

export interface StorageObserver {
  opened(recovered: Recovered): void;
  written(records: readonly StorageRecord[]): void;
  durable(records: readonly StorageRecord[]): void;
}

export class ObservedStorage implements Storage {
  readonly #storage: Storage;
  readonly #observer: StorageObserver;

  constructor(storage: Storage, observer: StorageObserver) {
    this.#storage = storage;
    this.#observer = observer;
  }

  async open(): Promise<Recovered> {
    const recovered = await this.#storage.open();
    this.#observer.opened(recovered);
    return recovered;
  }

  append(records: readonly StorageRecord[]): Promise<void> {
    const appended = this.#storage.append(records);
    if (this.#storage.failure !== null) return appended;
    this.#observer.written(records);
    // In this order, so that the observer knows before the production code does.
    return appended.then(() => this.#observer.durable(records));
  }

  create(identity: Identity): Promise<void> {
    return this.#storage.create(identity);
  }

  readEntries(
    group: GroupId,
    fromIndex: number,
    toIndex: number,
    bytesMax: number,
  ): Promise<readonly Entry[] | null> {
    return this.#storage.readEntries(group, fromIndex, toIndex, bytesMax);
  }

  writeSnapshot(
    group: GroupId,
    position: SnapshotPosition,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<SnapshotMeta> {
    return this.#storage.writeSnapshot(group, position, chunks);
  }

  readSnapshot(
    group: GroupId,
    snapshot: SnapshotMeta,
    offsetBytes: number,
    bytesMax: number,
  ): Promise<Uint8Array | null> {
    return this.#storage.readSnapshot(group, snapshot, offsetBytes, bytesMax);
  }

  receiveSnapshot(group: GroupId, snapshot: SnapshotMeta): Promise<IncomingSnapshot> {
    return this.#storage.receiveSnapshot(group, snapshot);
  }

  valueFilesOf(group: GroupId, snapshot: SnapshotMeta): readonly number[] | null {
    return this.#storage.valueFilesOf(group, snapshot);
  }

  valueRoom(): Promise<void> {
    return this.#storage.valueRoom();
  }

  appendValue(group: GroupId, bytes: Uint8Array): ValueReference {
    return this.#storage.appendValue(group, bytes);
  }

  readValues(
    group: GroupId,
    references: readonly ValueReference[],
  ): Promise<readonly (Uint8Array | null)[]> {
    return this.#storage.readValues(group, references);
  }

  get failure(): StorageFailedError | null {
    return this.#storage.failure;
  }

  statistics(): StorageStatistics {
    return this.#storage.statistics();
  }

  close(): Promise<void> {
    return this.#storage.close();
  }
}
