/**
 * Files of snapshots: `snap/<group>-<index>-<term>-<checksum>.snap`, the snapshot's bytes and nothing else.
 * The checksum is in the name because a snapshot taken again at one index may have other bytes, and must not
 * take the place of a file that the log refers to.
 *
 * A file is complete and durable before it has its name. It stays while the log refers to it; the one before stays
 * one turn longer if somebody has read of it, for a transfer that is under way. Opening deletes all others.
 */
import { crc32 } from "node:zlib";
import type { SnapshotMeta } from "../../raft/entry.ts";
import { type GroupId, type IncomingSnapshot, StorageCorruptError } from "../storage.ts";
import {
  type FileHandle,
  type FileSystem,
  readUpTo,
  TEMPORARY_SUFFIX,
  writeAll,
} from "./file_system.ts";

const SUFFIX = ".snap";
const VERIFY_BYTES = 1024 * 1024;

interface KeptFile {
  readonly group: GroupId;
  /** Later files have higher numbers; 0 for those that were there at opening. */
  readonly serial: number;
  /** Read since a newer one came into force. */
  read: boolean;
  handle: Promise<FileHandle> | null;
}

export class SnapshotFiles {
  readonly fileSystem: FileSystem;
  readonly #directory: string;
  /** Durable files by name. */
  readonly #kept = new Map<string, KeptFile>();
  readonly #incoming = new Map<GroupId, IncomingFile>();
  #serial = 0;

  /** @param directory of the store */
  constructor(fileSystem: FileSystem, directory: string) {
    this.fileSystem = fileSystem;
    this.#directory = snapshotDirectory(directory);
  }

  /** Deletes the files that the log does not refer to. */
  async open(referenced: ReadonlyMap<GroupId, SnapshotMeta>): Promise<void> {
    await this.fileSystem.makeDirectory(this.#directory);
    for (const [group, snapshot] of referenced) this.#keep(group, snapshotName(group, snapshot));
    for (const name of await this.fileSystem.list(this.#directory)) {
      if (!this.#kept.has(name)) await this.fileSystem.remove(`${this.#directory}/${name}`);
    }
  }

  has(group: GroupId, snapshot: SnapshotMeta): boolean {
    return this.#kept.has(snapshotName(group, snapshot));
  }

  /** Writes a snapshot that was taken here; it is durable when this resolves. */
  async write(
    group: GroupId,
    position: Pick<SnapshotMeta, "index" | "term" | "timeMs" | "configuration">,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<SnapshotMeta> {
    const temporary = this.#temporaryPath(group);
    const file = await this.fileSystem.open(temporary, "create");
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
      await this.fileSystem.remove(temporary);
      throw error;
    }
    const { index, term, timeMs, configuration } = position;
    const snapshot = { index, term, timeMs, configuration, sizeBytes, checksum };
    await this.#publish(temporary, group, snapshot);
    return snapshot;
  }

  /** @returns null when the file is not kept any more */
  async read(
    group: GroupId,
    snapshot: SnapshotMeta,
    offsetBytes: number,
    bytesMax: number,
  ): Promise<Uint8Array | null> {
    const name = snapshotName(group, snapshot);
    const kept = this.#kept.get(name);
    if (kept === undefined) return null;
    kept.read = true;
    kept.handle ??= this.fileSystem.open(`${this.#directory}/${name}`, "read");
    const handle = await kept.handle;
    const wanted = Math.max(0, Math.min(bytesMax, snapshot.sizeBytes - offsetBytes));
    try {
      return await readUpTo(handle, offsetBytes, wanted);
    } catch (error) {
      if (this.#kept.get(name) !== kept) return null;
      throw error;
    }
  }

  /** Begins an incoming snapshot, or goes on with it when it is the same. One a group at a time. */
  async receive(group: GroupId, snapshot: SnapshotMeta): Promise<IncomingSnapshot> {
    const former = this.#incoming.get(group);
    const name = snapshotName(group, snapshot);
    if (former?.name === name) return former;
    this.#incoming.delete(group);
    await former?.discard();
    const temporary = this.#temporaryPath(group);
    const file = await this.fileSystem.open(temporary, "create");
    const incoming = new IncomingFile(name, snapshot, file, async (sound) => {
      if (this.#incoming.get(group) === incoming) this.#incoming.delete(group);
      if (sound) await this.#publish(temporary, group, snapshot);
      else await this.fileSystem.remove(temporary);
    });
    this.#incoming.set(group, incoming);
    return incoming;
  }

  /** Tells files that were there by now from later ones, for `retain`. */
  get serial(): number {
    return this.#serial;
  }

  /**
   * The log refers durably to this snapshot now, or to none of the group: older files go.
   * @param serial as it was when the log was told
   */
  async retain(group: GroupId, snapshot: SnapshotMeta | null, serial: number): Promise<void> {
    const current = snapshot === null ? null : snapshotName(group, snapshot);
    const before = current === null ? serial : this.#kept.get(current)?.serial ?? serial;
    for (const [name, kept] of [...this.#kept]) {
      if (kept.group !== group || name === current || kept.serial > before) continue;
      if (snapshot !== null && kept.read) {
        kept.read = false;
        continue;
      }
      this.#kept.delete(name);
      kept.handle?.then((file) => file.close(), () => {});
      await this.fileSystem.remove(`${this.#directory}/${name}`);
    }
  }

  async close(): Promise<void> {
    for (const incoming of [...this.#incoming.values()]) await incoming.discard();
    for (const kept of this.#kept.values()) kept.handle?.then((file) => file.close(), () => {});
    this.#kept.clear();
  }

  async #publish(temporary: string, group: GroupId, snapshot: SnapshotMeta): Promise<void> {
    const name = snapshotName(group, snapshot);
    await this.fileSystem.rename(temporary, `${this.#directory}/${name}`);
    await this.fileSystem.syncDirectory(this.#directory);
    this.#serial++;
    this.#keep(group, name);
  }

  #keep(group: GroupId, name: string): void {
    if (this.#kept.has(name)) return;
    this.#kept.set(name, { group, serial: this.#serial, read: false, handle: null });
  }

  #temporaryPath(group: GroupId): string {
    return `${this.#directory}/${group}-${++this.#serial}${TEMPORARY_SUFFIX}`;
  }
}

class IncomingFile implements IncomingSnapshot {
  readonly name: string;
  readonly snapshot: SnapshotMeta;
  readonly file: FileHandle;
  readonly end: (sound: boolean) => Promise<void>;
  #storedBytes = 0;
  #checksum = 0;
  #ended = false;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(
    name: string,
    snapshot: SnapshotMeta,
    file: FileHandle,
    end: (sound: boolean) => Promise<void>,
  ) {
    this.name = name;
    this.snapshot = snapshot;
    this.file = file;
    this.end = end;
  }

  get storedBytes(): number {
    return this.#storedBytes;
  }

  write(offsetBytes: number, bytes: Uint8Array): Promise<number> {
    return this.#inTurn(async () => {
      const fits = this.#storedBytes + bytes.length <= this.snapshot.sizeBytes;
      if (this.#ended || offsetBytes !== this.#storedBytes || !fits) return this.#storedBytes;
      await writeAll(this.file, offsetBytes, bytes);
      this.#checksum = crc32(bytes, this.#checksum);
      this.#storedBytes += bytes.length;
      return this.#storedBytes;
    });
  }

  finish(): Promise<boolean> {
    return this.#inTurn(async () => {
      if (this.#ended) return false;
      this.#ended = true;
      const { sizeBytes, checksum } = this.snapshot;
      const sound = this.#storedBytes === sizeBytes && this.#checksum === checksum;
      if (sound) await this.file.sync();
      this.file.close();
      await this.end(sound);
      return sound;
    });
  }

  discard(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#ended) return;
      this.#ended = true;
      this.file.close();
      await this.end(false);
    });
  }

  /** Parts may come before the last one is stored. */
  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(run);
    this.#turn = result.catch(() => {});
    return result;
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
