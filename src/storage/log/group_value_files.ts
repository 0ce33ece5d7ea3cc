/**
 * The value files of one group. The current one is appended to: values gather in a buffer while the one before is
 * being written, and are fsynced when a snapshot of the group is written, since only that lets the entries go
 * which brought them. Files of which no snapshot that is kept has need are dropped when a reference is durable.
 */
import { assert } from "../../assert.ts";
import type { SnapshotValues } from "../../raft/entry.ts";
import { StorageCorruptError, type ValueReference } from "../storage.ts";
import { takeValue, VALUE_HEAD_BYTES, valueChecksum } from "../value_format.ts";
import { ByteBuffer } from "./byte_buffer.ts";
import { type FileHandle, type FileSystem, readUpTo, writeAll } from "./file_system.ts";
import type { NamedValueFile } from "./metadata_codec.ts";
import type { OpenFiles } from "./open_files.ts";
import { ValueFile } from "./value_file.ts";
import { planReads, type ValueRead } from "./value_reads.ts";

/** A buffer that has reached this is closed, and the next one begins. */
const WRITE_BYTES = 1024 * 1024;

export interface GroupValueFilesOptions {
  readonly fileSystem: FileSystem;
  /** Of value files. */
  readonly directory: string;
  readonly fileBytesMax: number;
  /** Of all groups. */
  readonly open: OpenFiles;
  pathOf(file: number): string;
  /** So many bytes more, or fewer, wait to be written. */
  pending(changeBytes: number): void;
  failed(what: string, error: unknown): void;
}

/** Values of one file that are written together. */
interface Gathered {
  readonly file: ValueFile;
  readonly offsetBytes: number;
  readonly buffer: ByteBuffer;
  /** How much of it is in the file's checksum. */
  summedBytes: number;
}

export class GroupValueFiles {
  readonly #options: GroupValueFilesOptions;
  readonly #files = new Map<number, ValueFile>();
  /** Files of snapshots that are being received. */
  readonly #incoming = new Map<number, ValueFile>();
  /** Is appended to; null: the next value begins a new file. */
  #current: ValueFile | null = null;
  #lastFile: number;
  #gathering: Gathered | null = null;
  /** Settles when everything that was appended so far is written. */
  #writing: Promise<void> = Promise.resolve();
  #syncing: Promise<void> = Promise.resolve();

  /** @param lastFile numbers up to this one are not used (again) */
  constructor(options: GroupValueFilesOptions, lastFile: number) {
    this.#options = options;
    this.#lastFile = lastFile;
  }

  /** The highest number that a file was ever given. */
  get lastFile(): number {
    return this.#lastFile;
  }

  /** Takes in what the snapshot in force names; each file is there, and cut to its length. */
  found(files: readonly NamedValueFile[]): void {
    for (const named of files) {
      const { localFile } = named;
      this.#files.set(
        localFile,
        ValueFile.found(localFile, this.#options.pathOf(localFile), named),
      );
      if (localFile < this.#lastFile) continue;
      this.#lastFile = localFile;
      this.#current = this.#files.get(localFile)!;
    }
  }

  append(bytes: Uint8Array): ValueReference {
    const file = this.#fileFor(VALUE_HEAD_BYTES + bytes.length);
    const offsetBytes = file.lengthBytes;
    const { buffer } = this.#gatheringOf(file);
    buffer.putU32(valueChecksum(bytes, offsetBytes));
    buffer.putBytes(bytes);
    file.lengthBytes += VALUE_HEAD_BYTES + bytes.length;
    this.#options.pending(VALUE_HEAD_BYTES + bytes.length);
    return { file: file.number, offsetBytes, sizeBytes: bytes.length };
  }

  #fileFor(sizeBytes: number): ValueFile {
    const current = this.#current;
    if (current !== null) {
      const fits = current.lengthBytes + sizeBytes <= this.#options.fileBytesMax;
      if (fits || current.lengthBytes === 0) return current;
    }
    const file = this.#make();
    this.#files.set(file.number, file);
    this.#current = file;
    return file;
  }

  #make(): ValueFile {
    const number = ++this.#lastFile;
    return new ValueFile(number, this.#options.pathOf(number));
  }

  #gatheringOf(file: ValueFile): Gathered {
    const former = this.#gathering;
    if (former !== null) {
      if (former.file === file && former.buffer.length < WRITE_BYTES) return former;
      sumGathered(former);
    }
    const { lengthBytes: offsetBytes } = file;
    const gathered = { file, offsetBytes, buffer: new ByteBuffer(), summedBytes: 0 };
    this.#gathering = gathered;
    this.#writing = this.#writing.then(() => this.#write(gathered));
    return gathered;
  }

  async #write(gathered: Gathered): Promise<void> {
    if (this.#gathering === gathered) this.#gathering = null;
    sumGathered(gathered);
    const { file, offsetBytes, buffer } = gathered;
    try {
      const bytes = buffer.bytes.subarray(0, buffer.length);
      await this.#writeTo(file, offsetBytes, bytes);
      file.writtenBytes = offsetBytes + buffer.length;
    } catch (error) {
      this.#options.failed("cannot write a value", error);
    }
    this.#options.pending(-buffer.length);
  }

  async read(references: readonly ValueReference[]): Promise<readonly (Uint8Array | null)[]> {
    if (references.some((reference) => this.#waits(reference))) await this.#writing;
    const found = new Array<Uint8Array | null>(references.length).fill(null);
    for (const read of planReads(references)) {
      const file = this.#files.get(read.file);
      // Its number was given: it was dropped, so nothing refers to it any more.
      if (file === undefined && read.file <= this.#lastFile) continue;
      const { offsetBytes } = references[read.places[0]!]!;
      if (file === undefined) throw this.#damaged(read.file, offsetBytes, "it is not there");
      await this.#readRun(file, read, references, found);
    }
    return found;
  }

  #waits({ file, offsetBytes, sizeBytes }: ValueReference): boolean {
    const found = this.#files.get(file);
    const endBytes = offsetBytes + VALUE_HEAD_BYTES + sizeBytes;
    return found !== undefined && endBytes > found.writtenBytes;
  }

  async #readRun(
    file: ValueFile,
    { offsetBytes, endBytes, places }: ValueRead,
    references: readonly ValueReference[],
    found: (Uint8Array | null)[],
  ): Promise<void> {
    const bytes = await this.#readBytes(file, offsetBytes, endBytes - offsetBytes);
    if (bytes === null) return;
    for (const place of places) {
      const reference = references[place]!;
      const from = reference.offsetBytes - offsetBytes;
      const part = bytes.subarray(from, from + VALUE_HEAD_BYTES + reference.sizeBytes);
      if (part.length < VALUE_HEAD_BYTES + reference.sizeBytes) {
        throw this.#damaged(file.number, reference.offsetBytes, "the file is too short");
      }
      const value = takeValue(part, reference.offsetBytes);
      if (value === null) {
        throw this.#damaged(file.number, reference.offsetBytes, "its checksum is wrong");
      }
      found[place] = value;
    }
  }

  /** Some bytes of a file, for a transfer; null when the file was dropped. */
  async readPart(
    number: number,
    offsetBytes: number,
    sizeBytes: number,
  ): Promise<Uint8Array | null> {
    const file = this.#files.get(number);
    return file === undefined ? null : await this.#readBytes(file, offsetBytes, sizeBytes);
  }

  /** @returns null when the file was dropped meanwhile */
  async #readBytes(
    file: ValueFile,
    offsetBytes: number,
    sizeBytes: number,
  ): Promise<Uint8Array | null> {
    try {
      return await this.#use(file, (handle) => readUpTo(handle, offsetBytes, sizeBytes));
    } catch (error) {
      if (this.#files.get(file.number) !== file) return null;
      throw error;
    }
  }

  /**
   * The length and checksum of files as they are now, for a snapshot of this moment. Where the current file is not
   * among them, nothing in it is needed: the next value begins a new one.
   */
  name(files: readonly number[]): readonly SnapshotValues[] {
    if (this.#gathering !== null) sumGathered(this.#gathering);
    const named = files.map((number): SnapshotValues => {
      const file = this.#files.get(number);
      assert(file !== undefined, `a snapshot names the value file ${number}, which is not there`);
      return { file: number, lengthBytes: file.lengthBytes, checksum: file.checksum };
    });
    if (this.#current !== null && !files.includes(this.#current.number)) this.seal();
    return named;
  }

  /** The next value begins a new file. */
  seal(): void {
    this.#current = null;
  }

  /** Everything that was appended so far is durable when this resolves. */
  sync(): Promise<void> {
    const writing = this.#writing;
    return this.#inTurn(async () => {
      await writing;
      await this.#sync([...this.#files.values()]);
    });
  }

  #inTurn(run: () => Promise<void>): Promise<void> {
    const syncing = this.#syncing.then(run);
    this.#syncing = syncing.catch(() => {});
    return syncing;
  }

  async #sync(files: readonly ValueFile[]): Promise<void> {
    for (const file of files) {
      if (!file.dirty) continue;
      file.dirty = false;
      await this.#use(file, (handle) => handle.sync());
    }
    const made = files.filter(({ isNew, writtenBytes }) => isNew && writtenBytes > 0);
    if (made.length === 0) return;
    await this.#options.fileSystem.syncDirectory(this.#options.directory);
    for (const file of made) file.isNew = false;
  }

  /** Begins a file that comes with a snapshot. Until `adopt` nothing else knows it. */
  receive(): ValueFile {
    const file = this.#make();
    this.#incoming.set(file.number, file);
    return file;
  }

  /** Writes the next bytes of such a file. */
  async write(file: ValueFile, bytes: Uint8Array): Promise<void> {
    await this.#writeTo(file, file.lengthBytes, bytes);
    file.sum(bytes);
    file.lengthBytes += bytes.length;
    file.writtenBytes = file.lengthBytes;
  }

  /** All of them are written: makes them durable. */
  syncReceived(files: readonly ValueFile[]): Promise<void> {
    return this.#inTurn(() => this.#sync(files));
  }

  /** They are durable, and a snapshot that is kept names them from now on. */
  adopt(files: readonly ValueFile[]): void {
    for (const file of files) {
      this.#incoming.delete(file.number);
      this.#files.set(file.number, file);
    }
  }

  /** What was received is of no use. */
  async discard(files: readonly ValueFile[]): Promise<void> {
    for (const file of files) {
      if (this.#incoming.delete(file.number)) await this.#remove(file);
    }
  }

  /**
   * Removes files that nothing has need of.
   * @param lastFile later files stay: they are of a state that is newer than the reference
   * @param needed files that snapshots name which are kept
   */
  async drop(lastFile: number, needed: ReadonlySet<number>): Promise<void> {
    for (const file of [...this.#files.values()]) {
      if (file.number > lastFile || needed.has(file.number)) continue;
      assert(file !== this.#current, `value file ${file.number} is dropped and appended to`);
      this.#files.delete(file.number);
      if (file.lengthBytes > file.writtenBytes) await this.#writing;
      await this.#remove(file);
    }
  }

  /** Removes everything. */
  async removeAll(): Promise<void> {
    await this.#writing;
    const all = [...this.#files.values(), ...this.#incoming.values()];
    this.#files.clear();
    this.#incoming.clear();
    this.seal();
    for (const file of all) await this.#remove(file);
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#syncing;
    for (const file of [...this.#files.values(), ...this.#incoming.values()]) await file.close();
  }

  async #remove(file: ValueFile): Promise<void> {
    await this.#syncing;
    this.#options.open.forget(file);
    await file.close();
    await this.#options.fileSystem.remove(file.path);
  }

  #writeTo(file: ValueFile, offsetBytes: number, bytes: Uint8Array): Promise<void> {
    return this.#use(file, async (handle) => {
      await writeAll(handle, offsetBytes, bytes);
      file.dirty = true;
    });
  }

  #use<T>(file: ValueFile, run: (handle: FileHandle) => Promise<T>): Promise<T> {
    this.#options.open.used(file);
    return file.use(this.#options.fileSystem, run);
  }

  #damaged(file: number, offsetBytes: number, why: string): StorageCorruptError {
    const path = this.#options.pathOf(file);
    const message = `cannot read a value: ${path} at offset ${offsetBytes}: ${why}`;
    return new StorageCorruptError(message, path, offsetBytes);
  }
}

function sumGathered(gathered: Gathered): void {
  const { file, buffer, summedBytes } = gathered;
  if (summedBytes === buffer.length) return;
  file.sum(buffer.bytes.subarray(summedBytes, buffer.length));
  gathered.summedBytes = buffer.length;
}
