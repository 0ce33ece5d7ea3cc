/**
 * One value file: where it lies, how far it goes, and the checksum of all that is in it, which grows with it: bytes
 * below a length never change, so a snapshot can name a length and its checksum without reading anything.
 */
import { crc32 } from "node:zlib";
import type { SnapshotValues } from "../../raft/entry.ts";
import type { FileHandle, FileSystem } from "./file_system.ts";

export class ValueFile {
  readonly number: number;
  readonly path: string;
  /** With what waits to be written. */
  lengthBytes = 0;
  /** Below this it can be read. */
  writtenBytes = 0;
  /** Written since the last fsync. */
  dirty = false;
  /** Its name in the directory is not durable yet. */
  isNew = true;
  #closed = false;
  #checksum = 0;
  #exists = false;
  #handle: Promise<FileHandle> | null = null;
  /** Calls of `use` that are under way. */
  #users = 0;

  constructor(number: number, path: string) {
    this.number = number;
    this.path = path;
  }

  /** One that a snapshot names; the file is there, and cut to its length. */
  static found(number: number, path: string, named: SnapshotValues): ValueFile {
    const file = new ValueFile(number, path);
    file.lengthBytes = named.lengthBytes;
    file.writtenBytes = named.lengthBytes;
    file.#checksum = named.checksum;
    file.#exists = true;
    file.isNew = false;
    return file;
  }

  /** Of everything that `sum` was given. */
  get checksum(): number {
    return this.#checksum;
  }

  /** The next bytes of the file are these. */
  sum(bytes: Uint8Array): void {
    this.#checksum = crc32(bytes, this.#checksum);
  }

  /**
   * Opens the file if it is not open; one that has nothing yet is made.
   * @param run gets a handle that stays open until its promise is settled
   * @throws by rejection, once the file is closed
   */
  async use<T>(fileSystem: FileSystem, run: (handle: FileHandle) => Promise<T>): Promise<T> {
    if (this.#closed) throw new Error(`${this.path} is closed`);
    this.#users++;
    try {
      this.#handle ??= this.#open(fileSystem);
      return await run(await this.#handle);
    } finally {
      this.#users--;
    }
  }

  async #open(fileSystem: FileSystem): Promise<FileHandle> {
    try {
      const handle = await fileSystem.open(this.path, this.#exists ? "update" : "create");
      this.#exists = true;
      return handle;
    } catch (error) {
      // Another attempt may find room among open files.
      this.#handle = null;
      throw error;
    }
  }

  /** Closes the file until it is used again, unless it is in use or has bytes that no fsync has reached. */
  rest(): boolean {
    if (this.#users > 0 || this.dirty) return false;
    this.#handle?.then((handle) => handle.close(), () => {});
    this.#handle = null;
    return true;
  }

  /** For good. Waits for an opening that is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    (await this.#handle?.catch(() => null))?.close();
  }
}
