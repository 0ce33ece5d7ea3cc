/**
 * Files of snapshots: `snap/<group>-<index>-<term>-<checksum>.snap`, the snapshot's bytes and nothing else.
 * The checksum is in the name because a snapshot taken again at one index may have other bytes, and must not
 * take the place of a file that the log refers to.
 *
 * A file is complete and durable before it has its name, and so are the value files that it names. How long they
 * stay is told by `kept_snapshots.ts`. Opening deletes all that the log does not refer to.
 */
import { crc32 } from "node:zlib";
import { isSameSnapshot, type SnapshotMeta } from "../../raft/entry.ts";
import {
  type KeptSnapshot,
  KeptSnapshots,
  type ReferencedSnapshot,
  valuePartAt,
} from "../kept_snapshots.ts";
import { type GroupId, type SnapshotPosition, StorageCorruptError } from "../storage.ts";
import {
  type FileHandle,
  type FileSystem,
  readUpTo,
  TEMPORARY_SUFFIX,
  writeAll,
} from "./file_system.ts";
import { IncomingFiles } from "./incoming_files.ts";
import type { ValueFiles } from "./value_files.ts";

const SUFFIX = ".snap";
const VERIFY_BYTES = 1024 * 1024;

export class SnapshotFiles {
  readonly fileSystem: FileSystem;
  readonly #directory: string;
  readonly #values: ValueFiles;
  readonly #kept = new KeptSnapshots();
  readonly #handles = new Map<KeptSnapshot, Promise<FileHandle>>();
  readonly #incoming = new Map<GroupId, IncomingFiles>();
  #temporaryFiles = 0;

  /**
   * @param directory of the store
   * @param values files that snapshots name; they are opened first
   */
  constructor(fileSystem: FileSystem, directory: string, values: ValueFiles) {
    this.fileSystem = fileSystem;
    this.#directory = snapshotDirectory(directory);
    this.#values = values;
  }

  /** Deletes the files that the log does not refer to. */
  async open(referenced: ReadonlyMap<GroupId, ReferencedSnapshot>): Promise<void> {
    await this.fileSystem.makeDirectory(this.#directory);
    const names = new Set<string>();
    for (const [group, found] of referenced) {
      names.add(snapshotName(group, found.snapshot));
      this.#kept.keep(group, found, this.#values.of(group).lastFile);
    }
    for (const name of await this.fileSystem.list(this.#directory)) {
      if (!names.has(name)) await this.fileSystem.remove(`${this.#directory}/${name}`);
    }
  }

  /** @returns the numbers of its value files; null when it is not kept */
  valueFilesOf(group: GroupId, snapshot: SnapshotMeta): readonly number[] | null {
    return this.#kept.find(group, snapshot)?.valueFiles ?? null;
  }

  /** Writes a snapshot that was taken here; it is durable, with its values, when this resolves. */
  write(
    group: GroupId,
    position: SnapshotPosition,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<SnapshotMeta> {
    // Before anything else, so that it is of this moment.
    const { index, term, timeMs, configuration, valueFiles = [] } = position;
    const files = this.#values.of(group);
    const values = files.name(valueFiles);
    const { lastFile } = files;
    return this.#kept.naming(group, valueFiles, async () => {
      const temporary = this.#temporaryPath(group);
      const { sizeBytes, checksum } = await this.#writeFile(temporary, chunks);
      if (values.length > 0) await files.sync();
      const snapshot = { index, term, timeMs, configuration, sizeBytes, checksum, values };
      await this.#publish(temporary, group, { snapshot, valueFiles }, lastFile);
      return snapshot;
    });
  }

  async #writeFile(
    path: string,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<{ sizeBytes: number; checksum: number }> {
    const file = await this.fileSystem.open(path, "create");
    let sizeBytes = 0;
    let checksum = 0;
    try {
      for await (const chunk of chunks) {
        await writeAll(file, sizeBytes, chunk);
        sizeBytes += chunk.length;
        checksum = crc32(chunk, checksum);
      }
      await file.sync();
      file.close();
    } catch (error) {
      file.close();
      await this.fileSystem.remove(path);
      throw error;
    }
    return { sizeBytes, checksum };
  }

  /** @returns null when the file is not kept any more */
  async read(
    group: GroupId,
    snapshot: SnapshotMeta,
    offsetBytes: number,
    bytesMax: number,
  ): Promise<Uint8Array | null> {
    const kept = this.#kept.find(group, snapshot);
    if (kept === undefined) return null;
    kept.read = true;
    if (offsetBytes < snapshot.sizeBytes) {
      return await this.#readFile(kept, offsetBytes, bytesMax);
    }
    const part = valuePartAt(snapshot, offsetBytes, bytesMax);
    if (part === null) return new Uint8Array();
    const values = this.#values.of(group);
    return await values.readPart(kept.valueFiles[part.place]!, part.offsetBytes, part.sizeBytes);
  }

  async #readFile(
    kept: KeptSnapshot,
    offsetBytes: number,
    bytesMax: number,
  ): Promise<Uint8Array | null> {
    const { group, snapshot } = kept;
    let handle = this.#handles.get(kept);
    if (handle === undefined) {
      handle = this.fileSystem.open(`${this.#directory}/${snapshotName(group, snapshot)}`, "read");
      this.#handles.set(kept, handle);
    }
    const wanted = Math.min(bytesMax, snapshot.sizeBytes - offsetBytes);
    try {
      return await readUpTo(await handle, offsetBytes, wanted);
    } catch (error) {
      if (!this.#kept.has(kept)) return null;
      throw error;
    }
  }

  /** Begins an incoming snapshot, or goes on with it when it is the same. One a group at a time. */
  async receive(group: GroupId, snapshot: SnapshotMeta): Promise<IncomingFiles> {
    const former = this.#incoming.get(group);
    if (former !== undefined && isSameSnapshot(former.snapshot, snapshot)) return former;
    await this.abandon(group);
    const temporary = this.#temporaryPath(group);
    const file = await this.fileSystem.open(temporary, "create");
    const values = this.#values.of(group);
    const incoming = new IncomingFiles(snapshot, file, values, async (valueFiles) => {
      if (this.#incoming.get(group) === incoming) this.#incoming.delete(group);
      if (valueFiles === null) await this.fileSystem.remove(temporary);
      else await this.#publish(temporary, group, { snapshot, valueFiles }, values.lastFile);
    });
    this.#incoming.set(group, incoming);
    return incoming;
  }

  /** What was coming in for this group is of no use. */
  async abandon(group: GroupId): Promise<void> {
    const incoming = this.#incoming.get(group);
    this.#incoming.delete(group);
    await incoming?.discard();
  }

  /** Tells files that were there by now from later ones, for `retain`. */
  get serial(): number {
    return this.#kept.serial;
  }

  /**
   * The log is told of a snapshot that came from elsewhere: nothing that was here before is of the new state, so what
   * is appended from now on goes to a new value file.
   */
  supersede(group: GroupId, snapshot: SnapshotMeta): void {
    const values = this.#values.of(group);
    values.seal();
    this.#kept.find(group, snapshot)!.lastValueFile = values.lastFile;
  }

  /**
   * The log refers durably to this snapshot now, or to none of the group: older files go.
   * @param serial as it was when the log was told
   */
  async retain(group: GroupId, snapshot: SnapshotMeta | null, serial: number): Promise<void> {
    const replaced = this.#kept.replaced(group, snapshot, serial);
    for (const kept of replaced.snapshots) {
      this.#close(kept);
      await this.fileSystem.remove(`${this.#directory}/${snapshotName(group, kept.snapshot)}`);
    }
    if (snapshot === null) return;
    const incoming = this.#incoming.get(group);
    const overtaken = incoming !== undefined && incoming.snapshot.index <= snapshot.index;
    if (overtaken) await this.abandon(group);
    await this.#values.of(group).drop(replaced.lastValueFile, replaced.valueFilesNeeded);
  }

  async close(): Promise<void> {
    for (const group of [...this.#incoming.keys()]) await this.abandon(group);
    for (const kept of this.#kept.all()) this.#close(kept);
  }

  #close(kept: KeptSnapshot): void {
    this.#handles.get(kept)?.then((file) => file.close(), () => {});
    this.#handles.delete(kept);
  }

  async #publish(
    temporary: string,
    group: GroupId,
    written: ReferencedSnapshot,
    lastValueFile: number,
  ): Promise<void> {
    const name = snapshotName(group, written.snapshot);
    await this.fileSystem.rename(temporary, `${this.#directory}/${name}`);
    await this.fileSystem.syncDirectory(this.#directory);
    this.#kept.keep(group, written, lastValueFile);
  }

  #temporaryPath(group: GroupId): string {
    return `${this.#directory}/${group}-${++this.#temporaryFiles}${TEMPORARY_SUFFIX}`;
  }
}

export function snapshotDirectory(directory: string): string {
  return `${directory}/snap`;
}

export function snapshotName(group: GroupId, snapshot: SnapshotMeta): string {
  const checksum = snapshot.checksum.toString(16).padStart(8, "0");
  return `${group}-${snapshot.index}-${snapshot.term}-${checksum}${SUFFIX}`;
}

/**
 * A reference without its file, or with another one than was meant, is corruption.
 * @param directory of the store
 * @throws {StorageCorruptError}
 */
export async function verifySnapshot(
  fileSystem: FileSystem,
  directory: string,
  group: GroupId,
  snapshot: SnapshotMeta,
): Promise<void> {
  const name = snapshotName(group, snapshot);
  const path = `${snapshotDirectory(directory)}/${name}`;
  const refuse = (offsetBytes: number, why: string) =>
    new StorageCorruptError(
      `cannot open the store: ${path} is damaged at offset ${offsetBytes}: ${why}`,
      path,
      offsetBytes,
    );
  const names = await fileSystem.list(snapshotDirectory(directory));
  if (!names.includes(name)) throw refuse(0, "it is missing, and the log refers to it");
  const file = await fileSystem.open(path, "read");
  try {
    const sizeBytes = await file.sizeBytes();
    if (sizeBytes !== snapshot.sizeBytes) {
      throw refuse(Math.min(sizeBytes, snapshot.sizeBytes), `it has ${sizeBytes} bytes`);
    }
    let checksum = 0;
    for (let offset = 0; offset < sizeBytes; offset += VERIFY_BYTES) {
      const part = await readUpTo(file, offset, Math.min(VERIFY_BYTES, sizeBytes - offset));
      checksum = crc32(part, checksum);
    }
    if (checksum !== snapshot.checksum) throw refuse(0, "its checksum is wrong");
  } finally {
    file.close();
  }
}
