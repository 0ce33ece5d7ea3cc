/**
 * Value files of a `MemoryStorage`. The disk has the files, as bytes in the form of `value_format.ts`; which of them
 * an instance knows, and which it appends to, is its own, as with the embedded log.
 */
import { crc32 } from "node:zlib";
import { assert } from "../assert.ts";
import type { SnapshotMeta, SnapshotValues } from "../raft/entry.ts";
import type { ReferencedSnapshot } from "./kept_snapshots.ts";
import { type GroupId, StorageCorruptError, type ValueReference } from "./storage.ts";
import { takeValue, VALUE_HEAD_BYTES, valueChecksum } from "./value_format.ts";

/** One file on a memory disk. */
export class MemoryValueFile {
  #bytes = new Uint8Array(256);
  #lengthBytes = 0;
  #checksum = 0;
  #summedBytes = 0;

  get lengthBytes(): number {
    return this.#lengthBytes;
  }

  /** The bytes themselves: a test may damage them. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#lengthBytes);
  }

  append(bytes: Uint8Array): void {
    const endBytes = this.#lengthBytes + bytes.length;
    if (endBytes > this.#bytes.length) {
      const grown = new Uint8Array(2 * endBytes);
      grown.set(this.bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, this.#lengthBytes);
    this.#lengthBytes = endBytes;
  }

  /** Takes away what came after a snapshot, whose checksum goes on from there. */
  cut({ lengthBytes, checksum }: SnapshotValues): void {
    this.#lengthBytes = lengthBytes;
    this.#summedBytes = lengthBytes;
    this.#checksum = checksum;
  }

  checksum(): number {
    this.#checksum = crc32(this.bytes.subarray(this.#summedBytes), this.#checksum);
    this.#summedBytes = this.#lengthBytes;
    return this.#checksum;
  }
}

/** The value files of one group, as one instance knows them. */
export class MemoryGroupValues {
  readonly #group: GroupId;
  readonly #disk: Map<string, MemoryValueFile>;
  readonly #fileBytesMax: number;
  readonly #files = new Set<number>();
  #current: number | null = null;
  #lastFile: number;

  /**
   * @param disk all files of it, by `valueFileName`
   * @param lastFile numbers up to this one are not used (again)
   */
  constructor(
    group: GroupId,
    disk: Map<string, MemoryValueFile>,
    fileBytesMax: number,
    lastFile: number,
  ) {
    this.#group = group;
    this.#disk = disk;
    this.#fileBytesMax = fileBytesMax;
    this.#lastFile = lastFile;
  }

  get lastFile(): number {
    return this.#lastFile;
  }

  /** Takes in what the snapshot in force names, and cuts the files to it. */
  found({ snapshot, valueFiles }: ReferencedSnapshot): void {
    for (const [place, file] of valueFiles.entries()) {
      this.#file(file).cut(snapshot.values[place]!);
      this.#files.add(file);
      if (file < this.#lastFile) continue;
      this.#lastFile = file;
      this.#current = file;
    }
  }

  append(value: Uint8Array): ValueReference {
    const number = this.#fileFor(VALUE_HEAD_BYTES + value.length);
    const file = this.#file(number);
    const offsetBytes = file.lengthBytes;
    const head = new Uint8Array(VALUE_HEAD_BYTES);
    new DataView(head.buffer).setUint32(0, valueChecksum(value, offsetBytes), true);
    file.append(head);
    file.append(value);
    return { file: number, offsetBytes, sizeBytes: value.length };
  }

  #fileFor(sizeBytes: number): number {
    if (this.#current !== null) {
      const { lengthBytes } = this.#file(this.#current);
      if (lengthBytes === 0 || lengthBytes + sizeBytes <= this.#fileBytesMax) return this.#current;
    }
    this.#current = this.#make(new MemoryValueFile());
    return this.#current;
  }

  #make(file: MemoryValueFile): number {
    const number = ++this.#lastFile;
    this.#files.add(number);
    this.#disk.set(valueFileName(this.#group, number), file);
    return number;
  }

  /** @returns null where the file was dropped */
  read({ file: number, offsetBytes, sizeBytes }: ValueReference): Uint8Array | null {
    if (!this.#files.has(number) && number <= this.#lastFile) return null;
    const endBytes = offsetBytes + VALUE_HEAD_BYTES + sizeBytes;
    const bytes = this.#files.has(number)
      ? this.#file(number).bytes.slice(offsetBytes, endBytes)
      : new Uint8Array();
    const value = bytes.length === endBytes - offsetBytes ? takeValue(bytes, offsetBytes) : null;
    if (value !== null) return value;
    const path = `memory/${valueFileName(this.#group, number)}`;
    throw new StorageCorruptError(
      `cannot read a value: ${path} at offset ${offsetBytes}: it is not there, or damaged`,
      path,
      offsetBytes,
    );
  }

  /** Some bytes of a file, for a transfer; null when the file was dropped. */
  readPart(number: number, offsetBytes: number, sizeBytes: number): Uint8Array | null {
    if (!this.#files.has(number)) return null;
    return this.#file(number).bytes.slice(offsetBytes, offsetBytes + sizeBytes);
  }

  /** As they are now, for a snapshot of this moment. The current file goes on only if it is among them. */
  name(files: readonly number[]): readonly SnapshotValues[] {
    const named = files.map((number) => {
      const file = this.#file(number);
      return { file: number, lengthBytes: file.lengthBytes, checksum: file.checksum() };
    });
    if (this.#current !== null && !files.includes(this.#current)) this.seal();
    return named;
  }

  /** The next value begins a new file. */
  seal(): void {
    this.#current = null;
  }

  /** @returns the numbers of files that came with a snapshot; null where they are not what it names */
  receive({ values }: SnapshotMeta, bytes: Uint8Array): readonly number[] | null {
    const files: MemoryValueFile[] = [];
    let at = 0;
    for (const { lengthBytes, checksum } of values) {
      const file = new MemoryValueFile();
      file.append(bytes.subarray(at, at + lengthBytes));
      if (file.checksum() !== checksum) return null;
      files.push(file);
      at += lengthBytes;
    }
    return files.map((file) => this.#make(file));
  }

  /** Removes files up to this one that are not needed. */
  drop(lastFile: number, needed: ReadonlySet<number>): void {
    for (const file of this.#files) {
      if (file > lastFile || needed.has(file)) continue;
      assert(file !== this.#current, `value file ${file} is dropped and appended to`);
      this.#files.delete(file);
      this.#disk.delete(valueFileName(this.#group, file));
    }
  }

  #file(number: number): MemoryValueFile {
    const file = this.#disk.get(valueFileName(this.#group, number));
    assert(file !== undefined, `value file ${number} of group ${this.#group} is there`);
    return file;
  }
}

export function valueFileName(group: GroupId, file: number): string {
  return `${group}-${file}.val`;
}
