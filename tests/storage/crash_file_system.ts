/**
 * A file system in memory with a page cache that a crash can take away, for tests of the embedded log. Files
 * and names are durable only after their fsync; `powerCut` keeps, by a seeded choice, any part of
 * what was written since, in pages of 512 bytes, and any of the renames and removals.
 *
 * Faults: short writes, a full disk after a number of bytes, a failing fsync, and an end of all life at
 * the n-th step that changes something (`dieAtStep`), after which nothing works any more.
 */
import { Random } from "../../src/random.ts";
import type { FileHandle, FileSystem, OpenMode } from "../../src/storage/log/file_system.ts";

const PAGE_BYTES = 512;

class Contents {
  cached = new Uint8Array();
  durable = new Uint8Array();
  dirtyPages = new Set<number>();
}

export class DeadError extends Error {
  override readonly name = "DeadError";
}

export class CrashFileSystem implements FileSystem {
  /** What a process sees. */
  #names = new Map<string, Contents>();
  /** What a power cut would leave of names, by directory fsync. */
  #durableNames = new Map<string, Contents>();
  readonly #locked = new Set<string>();
  #random: Random;
  #life = 0;
  /** Steps so far that change something: writes, fsyncs, renames, removals, files made. */
  steps = 0;
  /** Everything ends at this step, before it is done; a write may be done in part. */
  dieAtStep = Infinity;
  writeBytesMax = Infinity;
  /** Bytes that still fit on the disk. */
  room = Infinity;
  failingSyncs = 0;
  syncs = 0;
  reads = 0;
  readBytes = 0;

  constructor(seed = 1) {
    this.#random = new Random(seed);
  }

  get isDead(): boolean {
    return this.steps >= this.dieAtStep;
  }

  /** All processes are gone; what they wrote is still in the page cache. */
  kill(): void {
    this.#locked.clear();
    this.#life++;
    this.steps = 0;
    this.dieAtStep = Infinity;
  }

  /** The page cache is gone too, but for what happened to reach the disk. */
  powerCut(): void {
    this.kill();
    const names = new Map(this.#durableNames);
    for (const [name, contents] of this.#names) {
      if (names.get(name) !== contents && this.#random.chance(0.5)) names.set(name, contents);
    }
    for (const name of this.#durableNames.keys()) {
      if (!this.#names.has(name) && this.#random.chance(0.5)) names.delete(name);
    }
    for (const contents of new Set(names.values())) this.#tear(contents);
    this.#names = names;
    this.#durableNames = new Map(names);
  }

  /** The bytes of a file, to damage them and to compare. Changes count as durable. */
  bytesOf(path: string): Uint8Array {
    return this.#contents(path).cached.slice();
  }

  setBytes(path: string, bytes: Uint8Array): void {
    const contents = this.#names.get(path) ?? new Contents();
    contents.cached = bytes.slice();
    contents.durable = bytes.slice();
    contents.dirtyPages.clear();
    this.#names.set(path, contents);
    this.#durableNames.set(path, contents);
  }

  forget(path: string): void {
    this.#names.delete(path);
    this.#durableNames.delete(path);
  }

  paths(): string[] {
    return [...this.#names.keys()].sort();
  }

  /** A copy of everything as it is now. */
  copy(seed = 1): CrashFileSystem {
    const copy = new CrashFileSystem(seed);
    for (const [path, contents] of this.#names) copy.setBytes(path, contents.cached);
    return copy;
  }

  makeDirectory(): Promise<void> {
    return this.#alive();
  }

  async list(path: string): Promise<readonly string[]> {
    await this.#alive();
    const prefix = `${path}/`;
    return this.paths().filter((name) => name.startsWith(prefix))
      .map((name) => name.slice(prefix.length)).filter((name) => !name.includes("/"));
  }

  async open(path: string, mode: OpenMode): Promise<FileHandle> {
    await this.#alive();
    if (mode === "create") {
      this.#step();
      const contents = this.#names.get(path) ?? new Contents();
      contents.cached = new Uint8Array();
      this.#names.set(path, contents);
    }
    return this.#handle(this.#contents(path));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#alive();
    this.#step();
    this.#names.set(to, this.#contents(from));
    this.#names.delete(from);
  }

  async remove(path: string): Promise<void> {
    await this.#alive();
    if (!this.#names.has(path)) return;
    this.#step();
    this.room += this.#contents(path).cached.length;
    this.#names.delete(path);
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#alive();
    this.#step();
    const prefix = `${path}/`;
    for (const name of [...this.#durableNames.keys()]) {
      if (name.startsWith(prefix) && !this.#names.has(name)) this.#durableNames.delete(name);
    }
    for (const [name, contents] of this.#names) {
      if (name.startsWith(prefix)) this.#durableNames.set(name, contents);
    }
  }

  async lock(path: string): Promise<{ release(): void } | null> {
    await this.#alive();
    if (this.#locked.has(path)) return null;
    this.#locked.add(path);
    if (!this.#names.has(path)) this.setBytes(path, new Uint8Array());
    const life = this.#life;
    return { release: () => void (life === this.#life && this.#locked.delete(path)) };
  }

  async freeBytes(): Promise<number | null> {
    await this.#alive();
    return this.room;
  }

  randomBytes(sizeBytes: number): Uint8Array {
    return Uint8Array.from({ length: sizeBytes }, () => this.#random.integer(0, 255));
  }

  monotonicMs(): number {
    return 0;
  }

  #handle(contents: Contents): FileHandle {
    const life = this.#life;
    // A process that is dead does nothing any more, and never hears of it.
    const alive = async () => {
      if (life !== this.#life) await new Promise(() => {});
      await this.#alive();
    };
    return {
      write: async (offsetBytes, bytes) => {
        await alive();
        if (this.steps + 1 >= this.dieAtStep) this.#write(contents, offsetBytes, this.#part(bytes));
        this.#step();
        const taken = bytes.subarray(0, Math.min(bytes.length, this.writeBytesMax));
        const grown = Math.max(0, offsetBytes + taken.length - contents.cached.length);
        if (grown > this.room) throw Object.assign(new Error("no room"), { code: "ENOSPC" });
        this.room -= grown;
        this.#write(contents, offsetBytes, taken);
        return taken.length;
      },
      read: async (offsetBytes, into) => {
        await alive();
        this.reads++;
        this.readBytes += into.length;
        const bytes = contents.cached.subarray(offsetBytes, offsetBytes + into.length);
        into.set(bytes);
        return bytes.length;
      },
      sync: async () => {
        await alive();
        this.#step();
        this.syncs++;
        if (this.failingSyncs > 0) {
          this.failingSyncs--;
          // As the kernel does: the pages count as clean from now on, whatever reached the disk.
          contents.dirtyPages.clear();
          throw Object.assign(new Error("I/O error"), { code: "EIO" });
        }
        this.#flush(contents);
      },
      truncate: async (sizeBytes) => {
        await alive();
        this.#step();
        contents.cached = contents.cached.slice(0, sizeBytes);
      },
      sizeBytes: async () => {
        await alive();
        return contents.cached.length;
      },
      close: () => {},
    };
  }

  #write(contents: Contents, offsetBytes: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const endBytes = offsetBytes + bytes.length;
    if (endBytes > contents.cached.length) {
      const grown = new Uint8Array(endBytes);
      grown.set(contents.cached);
      contents.cached = grown;
    }
    contents.cached.set(bytes, offsetBytes);
    for (let page = Math.floor(offsetBytes / PAGE_BYTES); page * PAGE_BYTES < endBytes; page++) {
      contents.dirtyPages.add(page);
    }
  }

  #part(bytes: Uint8Array): Uint8Array {
    return bytes.subarray(0, this.#random.integer(0, bytes.length));
  }

  #flush(contents: Contents): void {
    const durable = new Uint8Array(contents.cached.length);
    durable.set(contents.durable.subarray(0, durable.length));
    for (const page of contents.dirtyPages) copyPage(contents.cached, durable, page);
    contents.durable = durable;
    contents.dirtyPages.clear();
  }

  /** Of the pages that no fsync has reached, any may be on disk. */
  #tear(contents: Contents): void {
    const keepsSize = contents.dirtyPages.size === 0 || this.#random.chance(0.5);
    const size = keepsSize ? contents.cached.length : contents.durable.length;
    const torn = new Uint8Array(size);
    torn.set(contents.durable.subarray(0, size));
    for (const page of contents.dirtyPages) {
      if (this.#random.chance(0.5)) copyPage(contents.cached, torn, page);
    }
    contents.cached = torn;
    contents.durable = torn.slice();
    contents.dirtyPages.clear();
  }

  #contents(path: string): Contents {
    const contents = this.#names.get(path);
    if (contents === undefined) throw Object.assign(new Error(path), { code: "ENOENT" });
    return contents;
  }

  #step(): void {
    this.steps++;
    if (this.isDead) throw new DeadError("the process is dead");
  }

  async #alive(): Promise<void> {
    if (this.isDead) await Promise.reject(new DeadError("the process is dead"));
  }
}

function copyPage(from: Uint8Array, to: Uint8Array, page: number): void {
  const part = from.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
  if (page * PAGE_BYTES < to.length) {
    to.set(part.subarray(0, to.length - page * PAGE_BYTES), page * PAGE_BYTES);
  }
}
