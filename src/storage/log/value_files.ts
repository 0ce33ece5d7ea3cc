/**
 * Value files: `values/<group>-<file>.val`, payloads that state machines refer to by (file, offset); see
 * `value_format.ts`. This file knows the groups; what there is of one lies in `group_value_files.ts`.
 *
 * The reference to a snapshot names each file with its length. Opening deletes files that none names, and cuts
 * the others to that length: what came later, the replay of the log appends again.
 */
import { crc32 } from "node:zlib";
import type { SnapshotMeta } from "../../raft/entry.ts";
import { type GroupId, StorageCorruptError, type ValueReference } from "../storage.ts";
import { type FileSystem, readUpTo } from "./file_system.ts";
import { GroupValueFiles } from "./group_value_files.ts";
import { type NamedValueFile, UNKNOWN_CHECKSUM } from "./metadata_codec.ts";
import { OpenFiles } from "./open_files.ts";

const VERIFY_BYTES = 1024 * 1024;

export interface ValueFilesOptions {
  readonly fileSystem: FileSystem;
  /** Of the store. */
  readonly directory: string;
  readonly fileBytesMax: number;
  readonly pendingBytesMax: number;
  readonly openFilesMax: number;
  readonly failed: (what: string, error: unknown) => void;
}

export class ValueFiles {
  readonly #options: ValueFilesOptions;
  readonly #directory: string;
  readonly #groups = new Map<GroupId, GroupValueFiles>();
  /** Numbers of files that a retired group had are not used again while this instance lives. */
  readonly #lastRetired = new Map<GroupId, number>();
  readonly #open: OpenFiles;
  #pendingBytes = 0;
  /** Set while too much waits to be written. */
  #room: PromiseWithResolvers<void> | null = null;

  constructor(options: ValueFilesOptions) {
    this.#options = options;
    this.#directory = valueDirectory(options.directory);
    this.#open = new OpenFiles(options.openFilesMax);
  }

  /** Deletes and cuts files, so that exactly what snapshots name is left. */
  async open(named: ReadonlyMap<GroupId, readonly NamedValueFile[]>): Promise<void> {
    const { fileSystem } = this.#options;
    await fileSystem.makeDirectory(this.#directory);
    const lengths = new Map<string, number>();
    for (const [id, files] of named) {
      this.of(id).found(files);
      for (const { localFile, lengthBytes } of files) {
        lengths.set(valueName(id, localFile), lengthBytes);
      }
    }
    for (const name of await fileSystem.list(this.#directory)) {
      const lengthBytes = lengths.get(name);
      const path = `${this.#directory}/${name}`;
      if (lengthBytes === undefined) await fileSystem.remove(path);
      else await cut(fileSystem, path, lengthBytes);
    }
  }

  /** @returns the files of a group, which may have none yet */
  of(id: GroupId): GroupValueFiles {
    let group = this.#groups.get(id);
    if (group === undefined) {
      const { fileSystem, fileBytesMax, failed } = this.#options;
      group = new GroupValueFiles({
        fileSystem,
        directory: this.#directory,
        fileBytesMax,
        open: this.#open,
        pathOf: (file) => `${this.#directory}/${valueName(id, file)}`,
        pending: (changeBytes) => this.#pending(changeBytes),
        failed,
      }, this.#lastRetired.get(id) ?? 0);
      this.#groups.set(id, group);
    }
    return group;
  }

  read(
    id: GroupId,
    references: readonly ValueReference[],
  ): Promise<readonly (Uint8Array | null)[]> {
    return this.of(id).read(references);
  }

  /** Resolves once no more than the bound waits to be written. */
  room(): Promise<void> {
    return this.#room?.promise ?? Promise.resolve();
  }

  #pending(changeBytes: number): void {
    this.#pendingBytes += changeBytes;
    if (this.#pendingBytes > this.#options.pendingBytesMax) {
      this.#room ??= Promise.withResolvers();
    } else if (this.#room !== null) {
      this.#room.resolve();
      this.#room = null;
    }
  }

  /**
   * The group is no more; values that come under its number from now on are a later replica's.
   * @returns what removes its files, once that is durable
   */
  retire(id: GroupId): () => Promise<void> {
    const group = this.#groups.get(id);
    if (group === undefined) return () => Promise.resolve();
    this.#groups.delete(id);
    this.#lastRetired.set(id, group.lastFile);
    return () => group.removeAll();
  }

  async close(): Promise<void> {
    for (const group of this.#groups.values()) await group.close();
    this.#groups.clear();
  }
}

export function valueDirectory(directory: string): string {
  return `${directory}/values`;
}

export function valueName(group: GroupId, file: number): string {
  return `${group}-${file}.val`;
}

/**
 * Files that a snapshot names must be there, and at least as long as they were then.
 * @param directory of the store
 * @param snapshot as the log refers to it
 * @param valueFiles the numbers of its value files here
 * @returns the files; checksums that a former version did not keep are computed
 * @throws {StorageCorruptError}
 */
export async function verifyValueFiles(
  fileSystem: FileSystem,
  directory: string,
  group: GroupId,
  snapshot: SnapshotMeta,
  valueFiles: readonly number[],
): Promise<readonly NamedValueFile[]> {
  const found: NamedValueFile[] = [];
  for (const [place, values] of snapshot.values.entries()) {
    const named = { ...values, localFile: valueFiles[place]! };
    found.push(await verifyValueFile(fileSystem, directory, group, named));
  }
  return found;
}

async function verifyValueFile(
  fileSystem: FileSystem,
  directory: string,
  group: GroupId,
  named: NamedValueFile,
): Promise<NamedValueFile> {
  const { localFile, lengthBytes, checksum } = named;
  const name = valueName(group, localFile);
  const path = `${valueDirectory(directory)}/${name}`;
  const names = await fileSystem.list(valueDirectory(directory));
  let sizeBytes = 0;
  if (names.includes(name)) {
    const file = await fileSystem.open(path, "read");
    try {
      sizeBytes = await file.sizeBytes();
      if (sizeBytes >= lengthBytes) {
        if (checksum !== UNKNOWN_CHECKSUM) return named;
        let sum = 0;
        for (let at = 0; at < lengthBytes; at += VERIFY_BYTES) {
          sum = crc32(await readUpTo(file, at, Math.min(VERIFY_BYTES, lengthBytes - at)), sum);
        }
        return { ...named, checksum: sum };
      }
    } finally {
      file.close();
    }
  }
  throw new StorageCorruptError(
    `cannot open the store: ${path} is damaged at offset ${sizeBytes}: a snapshot names ${lengthBytes} bytes of it`,
    path,
    sizeBytes,
  );
}

async function cut(fileSystem: FileSystem, path: string, lengthBytes: number): Promise<void> {
  const file = await fileSystem.open(path, "update");
  try {
    if (await file.sizeBytes() > lengthBytes) await file.truncate(lengthBytes);
  } finally {
    file.close();
  }
}
