/**
 * The live segments of an open log: what is needed to read their records, and their sizes. Read handles
 * are opened when first needed and kept as long as their segment; the writer has its own.
 */
import type { SegmentKey } from "./batch.ts";
import type { FileHandle, FileSystem } from "./file_system.ts";
import { segmentName } from "./segment_header.ts";

export class SegmentSet {
  readonly fileSystem: FileSystem;
  readonly wal: string;
  readonly #keys = new Map<number, SegmentKey>();
  /** Of all but the newest. */
  readonly #sizes = new Map<number, number>();
  readonly #handles = new Map<number, Promise<FileHandle>>();

  constructor(fileSystem: FileSystem, wal: string) {
    this.fileSystem = fileSystem;
    this.wal = wal;
  }

  get count(): number {
    return this.#keys.size;
  }

  /** Of all segments that have a successor, together. */
  get sealedBytes(): number {
    let bytes = 0;
    for (const size of this.#sizes.values()) bytes += size;
    return bytes;
  }

  /** Segments that have a successor, the oldest first. */
  get sealed(): readonly { readonly number: number; readonly sizeBytes: number }[] {
    return [...this.#sizes].map(([number, sizeBytes]) => ({ number, sizeBytes }));
  }

  key(number: number): SegmentKey | null {
    return this.#keys.get(number) ?? null;
  }

  file(number: number): string {
    return `${this.wal}/${segmentName(number)}`;
  }

  /** @param predecessorBytes what counts of the segment before it; null where there is none */
  add(key: SegmentKey, predecessorBytes: number | null): void {
    if (predecessorBytes !== null) this.#sizes.set(key.number - 1, predecessorBytes);
    this.#keys.set(key.number, key);
  }

  /** Opens a segment for reading, or gives the handle that is open already. */
  handle(number: number): Promise<FileHandle> {
    let handle = this.#handles.get(number);
    if (handle === undefined) {
      handle = this.fileSystem.open(this.file(number), "read");
      this.#handles.set(number, handle);
      handle.catch(() => this.#handles.delete(number));
    }
    return handle;
  }

  /** Removes a dead segment and its file. */
  async remove(number: number): Promise<void> {
    this.#keys.delete(number);
    this.#sizes.delete(number);
    this.#release(number);
    await this.fileSystem.remove(this.file(number));
  }

  close(): void {
    for (const number of [...this.#handles.keys()]) this.#release(number);
  }

  #release(number: number): void {
    const handle = this.#handles.get(number);
    this.#handles.delete(number);
    handle?.then((file) => file.close(), () => {});
  }
}
