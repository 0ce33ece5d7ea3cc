/**
 * A snapshot on its way in: one stream, of which the first bytes are the snapshot's own and the others those of its
 * value files, which get new numbers here. Nothing refers to any of these files before `finish`: a crash leaves
 * them to the next opening, which deletes what the log does not name.
 */
import { crc32 } from "node:zlib";
import { type SnapshotMeta, transferBytes } from "../../raft/entry.ts";
import type { IncomingSnapshot } from "../storage.ts";
import { type FileHandle, writeAll } from "./file_system.ts";
import type { GroupValueFiles } from "./group_value_files.ts";
import type { ValueFile } from "./value_file.ts";

export class IncomingFiles implements IncomingSnapshot {
  readonly snapshot: SnapshotMeta;
  readonly #file: FileHandle;
  readonly #values: GroupValueFiles;
  readonly #end: (valueFiles: readonly number[] | null) => Promise<void>;
  /** The value files that were begun, in the snapshot's order. */
  readonly #valueFiles: ValueFile[] = [];
  #storedBytes = 0;
  #checksum = 0;
  #ended = false;
  #turn: Promise<unknown> = Promise.resolve();

  /**
   * @param file empty, for the snapshot's own bytes
   * @param values the group's
   * @param end told the numbers of the value files once all of it is durable; null: it is given up
   */
  constructor(
    snapshot: SnapshotMeta,
    file: FileHandle,
    values: GroupValueFiles,
    end: (valueFiles: readonly number[] | null) => Promise<void>,
  ) {
    this.snapshot = snapshot;
    this.#file = file;
    this.#values = values;
    this.#end = end;
  }

  get storedBytes(): number {
    return this.#storedBytes;
  }

  write(offsetBytes: number, bytes: Uint8Array): Promise<number> {
    return this.#inTurn(async () => {
      const fits = this.#storedBytes + bytes.length <= transferBytes(this.snapshot);
      if (this.#ended || offsetBytes !== this.#storedBytes || !fits) return this.#storedBytes;
      for (let rest = bytes; rest.length > 0;) {
        const stored = await this.#writePart(rest);
        rest = rest.subarray(stored);
      }
      return this.#storedBytes;
    });
  }

  /** Stores as much as goes to one file. @returns how much that is */
  async #writePart(bytes: Uint8Array): Promise<number> {
    const { sizeBytes, values } = this.snapshot;
    if (this.#storedBytes < sizeBytes) {
      const part = bytes.subarray(0, sizeBytes - this.#storedBytes);
      await writeAll(this.#file, this.#storedBytes, part);
      this.#checksum = crc32(part, this.#checksum);
      this.#storedBytes += part.length;
      return part.length;
    }
    const last = this.#valueFiles.at(-1);
    const full = last === undefined ||
      last.lengthBytes === values[this.#valueFiles.length - 1]!.lengthBytes;
    if (full) this.#valueFiles.push(this.#values.receive());
    const file = this.#valueFiles.at(-1)!;
    const { lengthBytes } = values[this.#valueFiles.length - 1]!;
    const part = bytes.subarray(0, lengthBytes - file.lengthBytes);
    await this.#values.write(file, part);
    this.#storedBytes += part.length;
    return part.length;
  }

  finish(): Promise<boolean> {
    return this.#inTurn(async () => {
      if (this.#ended) return false;
      if (!this.#sound()) {
        await this.#giveUp();
        return false;
      }
      this.#ended = true;
      await this.#file.sync();
      this.#file.close();
      await this.#values.syncReceived(this.#valueFiles);
      this.#values.adopt(this.#valueFiles);
      await this.#end(this.#valueFiles.map(({ number }) => number));
      return true;
    });
  }

  #sound(): boolean {
    const { sizeBytes, checksum, values } = this.snapshot;
    if (this.#storedBytes < sizeBytes || this.#checksum !== checksum) return false;
    return values.every((named, place) => {
      const file = this.#valueFiles[place];
      return file?.lengthBytes === named.lengthBytes && file.checksum === named.checksum;
    });
  }

  discard(): Promise<void> {
    return this.#inTurn(() => this.#giveUp());
  }

  async #giveUp(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#file.close();
    await this.#values.discard(this.#valueFiles);
    await this.#end(null);
  }

  /** Parts may come before the last one is stored. */
  #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(run);
    this.#turn = result.catch(() => {});
    return result;
  }
}
