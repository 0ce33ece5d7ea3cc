/**
 * The values of one group at this replica, over its value files in storage. It counts what is alive in each file,
 * and so knows what the others need: which files a snapshot must name, how many bytes the next snapshot would
 * give back, and which file is so sparse that it is worth being rewritten (`value_rewriter.ts`).
 */
import { assert } from "../assert.ts";
import type { SnapshotMeta } from "../raft/entry.ts";
import type { GroupId, Storage, ValueReference } from "../storage/storage.ts";
import { VALUE_HEAD_BYTES } from "../storage/value_format.ts";
import type { ValueReader, Values } from "./values.ts";

/** A file is sparse when less than this part of it is alive. */
const LIVE_PART_MIN = 0.5;

/** What is known of one file. */
interface FileUse {
  lengthBytes: number;
  liveBytes: number;
}

/** The files as they are at the moment of a snapshot. */
export interface FilesInUse {
  /** By rising number: the snapshot names these. */
  readonly alive: readonly number[];
  /** These go once its reference is durable. */
  readonly dead: readonly number[];
}

export class GroupValues implements Values, ValueReader {
  readonly #storage: Pick<Storage, "appendValue" | "readValues">;
  readonly #group: GroupId;
  readonly #files = new Map<number, FileUse>();
  /** Files that storage appends to no more and that are sparse, but not dead. */
  readonly #sparse = new Set<number>();
  /** Files that cannot be read: they stay as they are. */
  readonly #unreadable = new Set<number>();
  #lastFile = 0;
  #deadBytes = 0;
  /** Number in the snapshot → number here, while it is being restored. */
  #translation: ReadonlyMap<number, number> | null = null;
  #generation = 0;

  constructor(storage: Pick<Storage, "appendValue" | "readValues">, group: GroupId) {
    this.#storage = storage;
    this.#group = group;
  }

  append(bytes: Uint8Array): ValueReference {
    const reference = this.#storage.appendValue(this.#group, bytes);
    const { file } = reference;
    if (file > this.#lastFile) {
      const former = this.#lastFile;
      this.#lastFile = file;
      this.#judge(former);
    }
    this.#change(file, costOf(reference), costOf(reference));
    return reference;
  }

  discard(reference: ValueReference): void {
    this.#change(reference.file, 0, -costOf(reference));
  }

  restored(reference: ValueReference): ValueReference {
    const file = this.#translation?.get(reference.file);
    assert(file !== undefined, `value file ${reference.file} came with the snapshot in force`);
    this.#change(file, 0, costOf(reference));
    return file === reference.file ? reference : { ...reference, file };
  }

  read(references: readonly ValueReference[]): Promise<readonly (Uint8Array | null)[]> {
    return this.#storage.readValues(this.#group, references);
  }

  /**
   * Everything that was held is forgotten; what is held afterwards comes by `restored`.
   * @param snapshot names the files that there are from now on
   * @param valueFiles their numbers here
   * @param restore restores the machines from the snapshot
   */
  restore(snapshot: SnapshotMeta, valueFiles: readonly number[], restore: () => void): void {
    this.#generation++;
    this.#files.clear();
    this.#sparse.clear();
    this.#unreadable.clear();
    this.#deadBytes = 0;
    this.#lastFile = valueFiles.at(-1) ?? 0;
    const translation = new Map<number, number>();
    for (const [place, { file, lengthBytes }] of snapshot.values.entries()) {
      translation.set(file, valueFiles[place]!);
      this.#change(valueFiles[place]!, lengthBytes, 0);
    }
    this.#translation = translation;
    restore();
    this.#translation = null;
  }

  /** Changes with each `restore`: references of before mean nothing after it. */
  get generation(): number {
    return this.#generation;
  }

  /** Bytes of files in which nothing is alive: the next snapshot gives them back. */
  get deadBytes(): number {
    return this.#deadBytes;
  }

  /** Bytes of all files that snapshots of this state need, and of those that wait for the next snapshot. */
  get fileBytes(): number {
    let bytes = 0;
    for (const { lengthBytes } of this.#files.values()) bytes += lengthBytes;
    return bytes;
  }

  /** Bytes of what is held, with the head of each value. */
  get liveBytes(): number {
    let bytes = 0;
    for (const { liveBytes } of this.#files.values()) bytes += liveBytes;
    return bytes;
  }

  inUse(): FilesInUse {
    const numbers = [...this.#files.keys()].sort((left, right) => left - right);
    const isAlive = (file: number) => this.#files.get(file)!.liveBytes > 0;
    return {
      alive: numbers.filter(isAlive),
      dead: numbers.filter((file) => !isAlive(file)),
    };
  }

  /** A snapshot is in force that was begun when these were dead. */
  dropped(dead: FilesInUse["dead"]): void {
    for (const file of dead) {
      const use = this.#files.get(file);
      if (use === undefined) continue;
      assert(use.liveBytes === 0, `value file ${file} was dead, and nothing is appended to it`);
      this.#deadBytes -= use.lengthBytes;
      this.#files.delete(file);
    }
  }

  /** A file that is worth being rewritten: little of it is alive, and nothing is appended to it any more. */
  get sparseFile(): number | null {
    for (const file of this.#sparse) return file;
    return null;
  }

  /** This file cannot be read: it is not worth another try. */
  giveUp(file: number): void {
    this.#unreadable.add(file);
    this.#sparse.delete(file);
  }

  #change(file: number, lengthBytes: number, liveBytes: number): void {
    let use = this.#files.get(file);
    if (use === undefined) {
      use = { lengthBytes: 0, liveBytes: 0 };
      this.#files.set(file, use);
    }
    if (use.liveBytes === 0) this.#deadBytes -= use.lengthBytes;
    use.lengthBytes += lengthBytes;
    use.liveBytes += liveBytes;
    if (use.liveBytes < 0 || use.liveBytes > use.lengthBytes) {
      assert(false, `${use.liveBytes} of ${use.lengthBytes} bytes of value file ${file} are alive`);
    }
    if (use.liveBytes === 0) this.#deadBytes += use.lengthBytes;
    this.#judge(file);
  }

  #judge(file: number): void {
    const use = this.#files.get(file);
    const isSparse = use !== undefined && file !== this.#lastFile && use.liveBytes > 0 &&
      use.liveBytes < use.lengthBytes * LIVE_PART_MIN && !this.#unreadable.has(file);
    if (isSparse) this.#sparse.add(file);
    else this.#sparse.delete(file);
  }

  checkInvariants(): void {
    let deadBytes = 0;
    for (const { lengthBytes, liveBytes } of this.#files.values()) {
      if (liveBytes === 0) deadBytes += lengthBytes;
    }
    assert(deadBytes === this.#deadBytes, `${deadBytes} bytes are dead, not ${this.#deadBytes}`);
  }
}

/** What a value takes in its file. */
function costOf({ sizeBytes }: ValueReference): number {
  return VALUE_HEAD_BYTES + sizeBytes;
}
