/**
 * The real file system, through Deno. Small writes go to the page cache at once, on this thread (2 µs
 * against 17 µs for the way through the thread pool); everything that may wait for the device, reads,
 * large writes and fsyncs, runs beside the event loop.
 */
import { statfs } from "node:fs/promises";
import type { FileHandle, FileSystem, OpenMode } from "./file_system.ts";

/** 60 µs, which is what the way through the thread pool and back comes to where all cores are busy. */
const SYNCHRONOUS_WRITE_BYTES_MAX = 256 * 1024;
/** How long a lock is waited for where the runtime can only wait, not try. */
const LOCK_WAIT_MS = 250;

/** What newer runtimes have beside `lock`. */
interface TryLock {
  tryLock?(exclusive?: boolean): Promise<boolean>;
}

export class DenoFileSystem implements FileSystem {
  async makeDirectory(path: string): Promise<void> {
    await Deno.mkdir(path, { recursive: true });
  }

  async list(path: string): Promise<readonly string[]> {
    const names: string[] = [];
    try {
      for await (const entry of Deno.readDir(path)) if (entry.isFile) names.push(entry.name);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
    return names.sort();
  }

  async open(path: string, mode: OpenMode, ownerOnly = false): Promise<FileHandle> {
    const create = mode === "create";
    const file = await Deno.open(path, {
      read: true,
      write: mode !== "read",
      create,
      truncate: create,
      ...(ownerOnly ? { mode: 0o600 } : {}),
    });
    return new DenoFile(file);
  }

  async rename(from: string, to: string): Promise<void> {
    await Deno.rename(from, to);
  }

  async remove(path: string): Promise<void> {
    try {
      await Deno.remove(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async syncDirectory(path: string): Promise<void> {
    // Windows cannot open a directory; there a rename is durable with the file system's own journal.
    if (Deno.build.os === "windows") return;
    using directory = await Deno.open(path, { read: true });
    await directory.sync();
  }

  async lock(path: string): Promise<{ release(): void } | null> {
    const file = await Deno.open(path, { read: true, write: true, create: true });
    const tries = file as Deno.FsFile & TryLock;
    const locked = tries.tryLock === undefined
      ? await lockInTime(file)
      : await tries.tryLock(true).catch(closing(file));
    if (!locked) return null;
    return { release: () => file.close() };
  }

  async freeBytes(path: string): Promise<number | null> {
    try {
      const { bavail, bsize } = await statfs(path);
      return bavail * bsize;
    } catch {
      return null;
    }
  }

  randomBytes(sizeBytes: number): Uint8Array {
    return crypto.getRandomValues(new Uint8Array(sizeBytes));
  }

  monotonicMs(): number {
    return performance.now();
  }
}

class DenoFile implements FileHandle {
  readonly file: Deno.FsFile;
  #turn: Promise<unknown> = Promise.resolve();
  #busy = 0;

  constructor(file: Deno.FsFile) {
    this.file = file;
  }

  write(offsetBytes: number, bytes: Uint8Array): Promise<number> {
    if (this.#busy === 0 && bytes.length <= SYNCHRONOUS_WRITE_BYTES_MAX) {
      try {
        this.file.seekSync(offsetBytes, Deno.SeekMode.Start);
        return Promise.resolve(this.file.writeSync(bytes));
      } catch (error) {
        return Promise.reject(error);
      }
    }
    return this.#inTurn(() => {
      this.file.seekSync(offsetBytes, Deno.SeekMode.Start);
      return this.file.write(bytes);
    });
  }

  read(offsetBytes: number, into: Uint8Array): Promise<number> {
    return this.#inTurn(async () => {
      this.file.seekSync(offsetBytes, Deno.SeekMode.Start);
      return await this.file.read(into) ?? 0;
    });
  }

  sync(): Promise<void> {
    return this.#inTurn(() => this.file.syncData());
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#inTurn(() => this.file.truncate(sizeBytes));
  }

  /** Where its end is: for `stat` of an open file Deno wants a right to its real path, behind all links. */
  sizeBytes(): Promise<number> {
    return this.#inTurn(() => this.file.seek(0, Deno.SeekMode.End));
  }

  close(): void {
    this.file.close();
  }

  /** The cursor belongs to the file, so seeking and what follows it must not be interleaved. */
  async #inTurn<T>(run: () => Promise<T>): Promise<T> {
    const before = this.#turn;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#turn = promise;
    if (this.#busy++ > 0) await before;
    try {
      return await run();
    } finally {
      this.#busy--;
      resolve();
    }
  }
}

/** Waits a moment for the lock. A wait that comes to nothing ends with the other holder, and lets go. */
async function lockInTime(file: Deno.FsFile): Promise<boolean> {
  let late = false;
  const locked = file.lock(true).then(
    () => {
      if (late) file.close();
      return true;
    },
    closing(file),
  );
  let timer: ReturnType<typeof setTimeout> | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), LOCK_WAIT_MS);
  });
  const won = await Promise.race([locked, timeout]);
  clearTimeout(timer);
  late = !won;
  return won;
}

function closing(file: Deno.FsFile): (error: unknown) => never {
  return (error) => {
    file.close();
    throw error;
  };
}
