/**
 * Value files: `values/<group>-<file>.val`, payloads that state machines refer to by (file, offset). A value
 * is a crc32 u32 and its bytes; the checksum begins with the offset. Values are written soon, and fsynced when a
 * snapshot of their group is written: only that lets the entries go which brought them.
 *
 * The reference to a snapshot names each file with its length. Opening deletes files that none names, and cuts
 * the others to that length: what came later, the replay of the log appends again.
 */
import { crc32 } from "node:zlib";
import { type GroupId, StorageCorruptError, type ValueReference } from "../storage.ts";
import { ByteBuffer } from "./byte_buffer.ts";
import { type FileHandle, type FileSystem, readUpTo, writeAll } from "./file_system.ts";
import type { NamedValueFile } from "./metadata_codec.ts";

const CHECKSUM_BYTES = 4;

interface ValueFile {
  readonly file: number;
  /** With what waits to be written. */
  lengthBytes: number;
  handle: Promise<FileHandle> | null;
  /** Written since the last fsync. */
  dirty: boolean;
}

interface GroupValues {
  /** The last one is appended to. */
  files: ValueFile[];
  /** What waits for the write in flight, by file in order. */
  waiting: { file: ValueFile; offsetBytes: number; buffer: ByteBuffer } | null;
  /** Settles when everything that was appended so far is written. */
  writing: Promise<void>;
  /** A file was made since the directory's last fsync. */
  made: boolean;
}

export interface ValueFilesOptions {
  readonly fileSystem: FileSystem;
  /** Of the store. */
  readonly directory: string;
  readonly fileBytesMax: number;
  readonly failed: (what: string, error: unknown) => void;
}

export class ValueFiles {
  readonly #options: ValueFilesOptions;
  readonly #directory: string;
  readonly #groups = new Map<GroupId, GroupValues>();
  /** Numbers of files that a retired group had are not used again while this instance lives. */
  readonly #lastRetired = new Map<GroupId, number>();

  constructor(options: ValueFilesOptions) {
    this.#options = options;
    this.#directory = valueDirectory(options.directory);
  }

  /** Deletes and cuts files, so that exactly what snapshots name is left. */
  async open(named: ReadonlyMap<GroupId, readonly NamedValueFile[]>): Promise<void> {
    const { fileSystem } = this.#options;
    await fileSystem.makeDirectory(this.#directory);
    const lengths = new Map<string, number>();
    for (const [id, files] of named) {
      const group = this.#group(id);
      for (const { file, lengthBytes } of files) {
        lengths.set(valueName(id, file), lengthBytes);
        group.files.push({ file, lengthBytes, handle: null, dirty: false });
      }
    }
    for (const name of await fileSystem.list(this.#directory)) {
      const lengthBytes = lengths.get(name);
      const path = `${this.#directory}/${name}`;
      if (lengthBytes === undefined) await fileSystem.remove(path);
      else await cut(fileSystem, path, lengthBytes);
    }
  }

  append(id: GroupId, bytes: Uint8Array): ValueReference {
    const group = this.#group(id);
    const file = this.#fileFor(id, group, CHECKSUM_BYTES + bytes.length);
    const offsetBytes = file.lengthBytes;
    if (group.waiting === null || group.waiting.file !== file) {
      const waiting = { file, offsetBytes, buffer: new ByteBuffer() };
      group.waiting = waiting;
      group.writing = group.writing.then(() => this.#write(id, group, waiting));
    }
    group.waiting.buffer.putU32(crc32(bytes, offsetBytes >>> 0));
    group.waiting.buffer.putBytes(bytes);
    file.lengthBytes += CHECKSUM_BYTES + bytes.length;
    return { file: file.file, offsetBytes, sizeBytes: bytes.length };
  }

  async read(id: GroupId, references: readonly ValueReference[]): Promise<readonly Uint8Array[]> {
    const group = this.#group(id);
    await group.writing;
    const found: Uint8Array[] = [];
    for (const reference of references) found.push(await this.#readOne(id, group, reference));
    return found;
  }

  /** Everything of the group that was appended so far is durable when this resolves. */
  async sync(id: GroupId): Promise<void> {
    const group = this.#group(id);
    await group.writing;
    for (const file of group.files) {
      if (!file.dirty) continue;
      file.dirty = false;
      await (await this.#handle(id, group, file)).sync();
    }
    if (!group.made) return;
    group.made = false;
    await this.#options.fileSystem.syncDirectory(this.#directory);
  }

  /** @returns each file of the group with its length, what waits to be written included */
  lengths(id: GroupId): readonly NamedValueFile[] {
    const files = this.#groups.get(id)?.files ?? [];
    return files.map(({ file, lengthBytes }) => ({ file, lengthBytes }));
  }

  /**
   * The group is no more; values that come under its number from now on are a later replica's.
   * @returns what removes its files, once that is durable
   */
  retire(id: GroupId): () => Promise<void> {
    const group = this.#groups.get(id);
    if (group === undefined) return () => Promise.resolve();
    this.#groups.delete(id);
    this.#lastRetired.set(id, group.files.at(-1)?.file ?? 0);
    return async () => {
      await group.writing;
      for (const file of group.files) {
        (await file.handle)?.close();
        await this.#options.fileSystem.remove(`${this.#directory}/${valueName(id, file.file)}`);
      }
    };
  }

  async close(): Promise<void> {
    for (const group of this.#groups.values()) {
      await group.writing;
      for (const file of group.files) (await file.handle?.catch(() => null))?.close();
    }
    this.#groups.clear();
  }

  #group(id: GroupId): GroupValues {
    let group = this.#groups.get(id);
    if (group === undefined) {
      group = { files: [], waiting: null, writing: Promise.resolve(), made: false };
      this.#groups.set(id, group);
    }
    return group;
  }

  #fileFor(id: GroupId, group: GroupValues, sizeBytes: number): ValueFile {
    const last = group.files.at(-1);
    if (last !== undefined) {
      const fits = last.lengthBytes + sizeBytes <= this.#options.fileBytesMax;
      if (fits || last.lengthBytes === 0) return last;
    }
    const former = last?.file ?? this.#lastRetired.get(id) ?? 0;
    const file = { file: former + 1, lengthBytes: 0, handle: null, dirty: false };
    group.files.push(file);
    return file;
  }

  async #write(
    id: GroupId,
    group: GroupValues,
    waiting: NonNullable<GroupValues["waiting"]>,
  ): Promise<void> {
    if (group.waiting === waiting) group.waiting = null;
    const { file, offsetBytes, buffer } = waiting;
    try {
      const handle = await this.#handle(id, group, file);
      file.dirty = true;
      await writeAll(handle, offsetBytes, buffer.bytes.subarray(0, buffer.length));
    } catch (error) {
      this.#options.failed("cannot write a value", error);
    }
  }

  async #readOne(
    id: GroupId,
    group: GroupValues,
    reference: ValueReference,
  ): Promise<Uint8Array> {
    const { offsetBytes, sizeBytes } = reference;
    const path = `${this.#directory}/${valueName(id, reference.file)}`;
    const refuse = (why: string) =>
      new StorageCorruptError(
        `cannot read a value: ${path} at offset ${offsetBytes}: ${why}`,
        path,
        offsetBytes,
      );
    const file = group.files.find((one) => one.file === reference.file);
    const endBytes = offsetBytes + CHECKSUM_BYTES + sizeBytes;
    if (file === undefined || endBytes > file.lengthBytes) throw refuse("it is not there");
    const handle = await this.#handle(id, group, file);
    const bytes = await readUpTo(handle, offsetBytes, CHECKSUM_BYTES + sizeBytes);
    if (bytes.length !== CHECKSUM_BYTES + sizeBytes) throw refuse("the file is too short");
    const value = bytes.subarray(CHECKSUM_BYTES);
    const checksum = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    if (crc32(value, offsetBytes >>> 0) !== checksum) throw refuse("its checksum is wrong");
    return value;
  }

  /** Opens a file on first use; one that has nothing yet is made. */
  #handle(id: GroupId, group: GroupValues, file: ValueFile): Promise<FileHandle> {
    if (file.handle === null) {
      const path = `${this.#directory}/${valueName(id, file.file)}`;
      file.handle = this.#open(path, group);
    }
    return file.handle;
  }

  async #open(path: string, group: GroupValues): Promise<FileHandle> {
    const { fileSystem } = this.#options;
    const names = await fileSystem.list(this.#directory);
    if (names.includes(path.slice(this.#directory.length + 1))) {
      return await fileSystem.open(path, "update");
    }
    group.made = true;
    return await fileSystem.open(path, "create");
  }
}

export function valueDirectory(directory: string): string {
  return `${directory}/values`;
}

export function valueName(group: GroupId, file: number): string {
  return `${group}-${file}.val`;
}

/**
 * A file that a snapshot names must be there, and at least as long as it was then.
 * @param directory of the store
 * @throws {StorageCorruptError}
 */
export async function verifyValueFile(
  fileSystem: FileSystem,
  directory: string,
  group: GroupId,
  named: NamedValueFile,
): Promise<void> {
  const name = valueName(group, named.file);
  const path = `${valueDirectory(directory)}/${name}`;
  const names = await fileSystem.list(valueDirectory(directory));
  let sizeBytes = 0;
  if (names.includes(name)) {
    const file = await fileSystem.open(path, "read");
    sizeBytes = await file.sizeBytes();
    file.close();
  }
  if (sizeBytes >= named.lengthBytes) return;
  throw new StorageCorruptError(
    `cannot open the store: ${path} is damaged at offset ${sizeBytes}: a snapshot names ${named.lengthBytes} bytes of it`,
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
