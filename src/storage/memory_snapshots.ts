/**
 * Snapshots of a `MemoryStorage`, with the value files that they name. The disk has their bytes; what is kept and
 * what goes is told by `kept_snapshots.ts`, as with the embedded log. Only calls by the storage change the disk, at
 * moments when nothing stands between them and the disk but a fault that was injected.
 */
import { crc32 } from "node:zlib";
import { isSameSnapshot, type SnapshotMeta } from "../raft/entry.ts";
import {
  type KeptSnapshot,
  KeptSnapshots,
  type ReferencedSnapshot,
  valuePartAt,
} from "./kept_snapshots.ts";
import { type MemoryDisk, snapshotKey } from "./memory_disk.ts";
import { concatenate, MemoryIncoming } from "./memory_incoming.ts";
import { MemoryGroupValues, valueFileName } from "./memory_values.ts";
import {
  type GroupId,
  type IncomingSnapshot,
  type SnapshotPosition,
  StorageCorruptError,
} from "./storage.ts";

export class MemorySnapshots {
  readonly #disk: MemoryDisk;
  readonly #valueFileBytesMax: number;
  readonly #write: (what: string) => Promise<void>;
  readonly #kept = new KeptSnapshots();
  readonly #incoming = new Map<GroupId, MemoryIncoming>();
  readonly #values = new Map<GroupId, MemoryGroupValues>();

  /** @param write one write beside the log, as slow and as likely to fail as any other */
  constructor(
    disk: MemoryDisk,
    valueFileBytesMax: number,
    write: (what: string) => Promise<void>,
  ) {
    this.#disk = disk;
    this.#valueFileBytesMax = valueFileBytesMax;
    this.#write = write;
  }

  /** Removes what no durable reference names. @throws {StorageCorruptError} where a named file is missing */
  open(): void {
    const disk = this.#disk;
    const names = new Set<string>();
    for (const [group, { snapshot }] of disk.durable.groups) {
      if (snapshot === null) continue;
      const key = snapshotKey(group, snapshot);
      const file = disk.snapshots.get(key);
      if (file === undefined) {
        throw new StorageCorruptError(
          `cannot open the store: the snapshot memory/${key}.snap is referenced and missing`,
          `memory/${key}.snap`,
          0,
        );
      }
      names.add(key);
      const values = this.values(group);
      values.found(file);
      for (const number of file.valueFiles) names.add(valueFileName(group, number));
      this.#kept.keep(group, file, values.lastFile);
    }
    for (const key of disk.snapshots.keys()) if (!names.has(key)) disk.snapshots.delete(key);
    for (const name of disk.valueFiles.keys()) if (!names.has(name)) disk.valueFiles.delete(name);
  }

  /** The value files of a group, which may have none yet. */
  values(group: GroupId): MemoryGroupValues {
    let values = this.#values.get(group);
    if (values === undefined) {
      values = new MemoryGroupValues(group, this.#disk.valueFiles, this.#valueFileBytesMax, 0);
      this.#values.set(group, values);
    }
    return values;
  }

  valueFilesOf(group: GroupId, snapshot: SnapshotMeta): readonly number[] | null {
    return this.#kept.find(group, snapshot)?.valueFiles ?? null;
  }

  write(
    group: GroupId,
    { index, term, timeMs, configuration, valueFiles = [] }: SnapshotPosition,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<SnapshotMeta> {
    const files = this.values(group);
    const values = files.name(valueFiles);
    const { lastFile } = files;
    return this.#kept.naming(group, valueFiles, async () => {
      const parts: Uint8Array[] = [];
      for await (const chunk of chunks) parts.push(chunk.slice());
      const bytes = concatenate(parts);
      await this.#write("write a snapshot");
      const [sizeBytes, checksum] = [bytes.length, crc32(bytes)];
      const snapshot = { index, term, timeMs, configuration, sizeBytes, checksum, values };
      this.#keep(group, { snapshot, valueFiles }, bytes, lastFile);
      return snapshot;
    });
  }

  read(
    group: GroupId,
    snapshot: SnapshotMeta,
    offsetBytes: number,
    bytesMax: number,
  ): Uint8Array | null {
    const kept = this.#kept.find(group, snapshot);
    if (kept === undefined) return null;
    kept.read = true;
    if (offsetBytes < snapshot.sizeBytes) {
      const { bytes } = this.#disk.snapshots.get(snapshotKey(group, snapshot))!;
      return bytes.slice(offsetBytes, offsetBytes + bytesMax);
    }
    const part = valuePartAt(snapshot, offsetBytes, bytesMax);
    if (part === null) return new Uint8Array();
    const file = kept.valueFiles[part.place]!;
    return this.values(group).readPart(file, part.offsetBytes, part.sizeBytes);
  }

  receive(group: GroupId, snapshot: SnapshotMeta): IncomingSnapshot {
    const former = this.#incoming.get(group);
    if (former !== undefined && isSameSnapshot(former.snapshot, snapshot)) return former;
    const incoming = new MemoryIncoming(
      snapshot,
      () => this.#write("store a part of a snapshot"),
      (parts) => {
        if (this.#incoming.get(group) === incoming) this.#incoming.delete(group);
        return parts !== null && this.#received(group, snapshot, parts);
      },
    );
    this.#incoming.set(group, incoming);
    return incoming;
  }

  /** @param bytes of the whole stream */
  #received(group: GroupId, snapshot: SnapshotMeta, bytes: Uint8Array): boolean {
    const values = this.values(group);
    const valueFiles = values.receive(snapshot, bytes.subarray(snapshot.sizeBytes));
    if (valueFiles === null) return false;
    const own = bytes.slice(0, snapshot.sizeBytes);
    this.#keep(group, { snapshot, valueFiles }, own, values.lastFile);
    return true;
  }

  #keep(group: GroupId, written: ReferencedSnapshot, bytes: Uint8Array, lastFile: number): void {
    if (this.#kept.find(group, written.snapshot) === undefined) {
      this.#disk.snapshots.set(snapshotKey(group, written.snapshot), { ...written, bytes });
    }
    this.#kept.keep(group, written, lastFile);
  }

  /** The log is told of a snapshot that came from elsewhere: all that was here is of a former state. */
  supersede(group: GroupId, snapshot: SnapshotMeta): void {
    const values = this.values(group);
    values.seal();
    this.#kept.find(group, snapshot)!.lastValueFile = values.lastFile;
  }

  /** For `retain`, as it is when the log is told. */
  get serial(): number {
    return this.#kept.serial;
  }

  /** The log refers durably to this snapshot now: what it replaced goes. */
  retain(group: GroupId, snapshot: SnapshotMeta, serial: number): void {
    const { snapshots, lastValueFile, valueFilesNeeded } = this.#kept
      .replaced(group, snapshot, serial);
    this.#remove(snapshots);
    this.values(group).drop(lastValueFile, valueFilesNeeded);
  }

  /**
   * The log is told that the group is no more; what comes under its number from now on is a later replica's.
   * @returns what removes all of it, once that is durable
   */
  retire(group: GroupId, serial: number): () => void {
    const values = this.values(group);
    const { lastFile } = values;
    const { valueFiles } = this.#disk;
    this.#values.set(
      group,
      new MemoryGroupValues(group, valueFiles, this.#valueFileBytesMax, lastFile),
    );
    this.#incoming.delete(group);
    return () => {
      this.#remove(this.#kept.replaced(group, null, serial).snapshots);
      values.seal();
      values.drop(lastFile, new Set());
    };
  }

  #remove(snapshots: readonly KeptSnapshot[]): void {
    for (const { group, snapshot } of snapshots) {
      this.#disk.snapshots.delete(snapshotKey(group, snapshot));
    }
  }
}
