/**
 * The reserve: a file of zeros that keeps room on the disk, so that a full disk can still be opened and
 * compacted. It is given up when there is no room otherwise, and made again, a little at a time, once the
 * disk has room for it twice: what was given up is not taken back while it is needed. Its bytes mean
 * nothing, and it is never an error that it cannot be made.
 */
import { type FileSystem, isDiskFull, writeAll } from "./file_system.ts";

const NAME = "reserve";
const STEP_BYTES = 1024 * 1024;

export class ReserveFile {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly sizeBytes: number;
  readonly #path: string;
  #stopped = false;

  /** @param directory of the store */
  constructor(fileSystem: FileSystem, directory: string, sizeBytes: number) {
    this.fileSystem = fileSystem;
    this.directory = directory;
    this.sizeBytes = sizeBytes;
    this.#path = `${directory}/${NAME}`;
  }

  /** Gives the room up. @returns false when there was none */
  async release(): Promise<boolean> {
    const names = await this.fileSystem.list(this.directory);
    if (!names.includes(NAME)) return false;
    await this.fileSystem.remove(this.#path);
    return true;
  }

  /** Makes it whole. @returns false when the disk has not enough room for it */
  async restore(): Promise<boolean> {
    const names = await this.fileSystem.list(this.directory);
    const file = await this.fileSystem.open(this.#path, names.includes(NAME) ? "update" : "create");
    try {
      const free = await this.fileSystem.freeBytes(this.directory);
      let written = await file.sizeBytes();
      if (free !== null && free + written < this.sizeBytes * 2) return written >= this.sizeBytes;
      const zeros = new Uint8Array(Math.min(STEP_BYTES, this.sizeBytes));
      while (written < this.sizeBytes && !this.#stopped) {
        const part = zeros.subarray(0, Math.min(zeros.length, this.sizeBytes - written));
        await writeAll(file, written, part);
        // One step at a time goes to the device, so that no fsync of the log waits behind all of it.
        await file.sync();
        written += part.length;
      }
      return true;
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      return false;
    } finally {
      file.close();
    }
  }

  stop(): void {
    this.#stopped = true;
  }
}
