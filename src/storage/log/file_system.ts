/**
 * The edge of the embedded log: everything it asks of an operating system. `DenoFileSystem` is the real
 * one; tests hand in one that writes short, runs out of space, fails an fsync, or forgets its page cache.
 *
 * Paths are joined with "/". Errors are thrown as the system gives them; `isDiskFull` and `isMissing`
 * are the only questions that the log asks about them.
 */

/** An open file. Calls of one handle are carried out in the order in which they were made. */
export interface FileHandle {
  /** @returns how many bytes were written, which may be fewer than were given */
  write(offsetBytes: number, bytes: Uint8Array): Promise<number>;
  /** @returns how many bytes were read; 0 at the file's end */
  read(offsetBytes: number, into: Uint8Array): Promise<number>;
  /** fdatasync: the bytes and the size are durable when it resolves. */
  sync(): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  sizeBytes(): Promise<number>;
  close(): void;
}

export type OpenMode =
  /** Only to read; it must exist. */
  | "read"
  /** To read and write; it must exist. */
  | "update"
  /** To read and write; made anew and empty. */
  | "create";

export interface FileSystem {
  /** With all its parents. Nothing happens when it is there. */
  makeDirectory(path: string): Promise<void>;
  /** Names of the files in a directory, sorted; none when there is no such directory. */
  list(path: string): Promise<readonly string[]>;
  /** @param ownerOnly mode 0600 for a file that is made */
  open(path: string, mode: OpenMode, ownerOnly?: boolean): Promise<FileHandle>;
  rename(from: string, to: string): Promise<void>;
  /** Nothing happens when it is missing. */
  remove(path: string): Promise<void>;
  syncDirectory(path: string): Promise<void>;
  /** Takes an exclusive lock on a file, made when missing, for this process; null when another has it. */
  lock(path: string): Promise<{ release(): void } | null>;
  /** @returns how much room the disk of a path has left; null where the system does not tell */
  freeBytes(path: string): Promise<number | null>;
  /** Random bytes that nobody can foresee. */
  randomBytes(sizeBytes: number): Uint8Array;
  /** For measuring how long an fsync takes. */
  monotonicMs(): number;
}

/** True for an error that says that there is no room. */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = (error as { readonly code?: unknown }).code;
  return code === "ENOSPC" || code === "EDQUOT";
}

/** True for an error that says that a file is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error &&
    ((error as { readonly code?: unknown }).code === "ENOENT" || error.name === "NotFound");
}

/** Writes all of it, however short the system's single writes are. */
export async function writeAll(
  file: FileHandle,
  offsetBytes: number,
  bytes: Uint8Array,
): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const part = await file.write(offsetBytes + written, bytes.subarray(written));
    if (part === 0) throw new Error("cannot write to a file: nothing was taken");
    written += part;
  }
}

/** @returns the bytes from an offset on; fewer than were asked for at the file's end */
export async function readUpTo(
  file: FileHandle,
  offsetBytes: number,
  sizeBytes: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(sizeBytes);
  let read = 0;
  while (read < sizeBytes) {
    const part = await file.read(offsetBytes + read, bytes.subarray(read));
    if (part === 0) break;
    read += part;
  }
  return read === sizeBytes ? bytes : bytes.subarray(0, read);
}

/** @returns all bytes of a file */
export async function readWhole(fileSystem: FileSystem, path: string): Promise<Uint8Array> {
  const file = await fileSystem.open(path, "read");
  try {
    return await readUpTo(file, 0, await file.sizeBytes());
  } finally {
    file.close();
  }
}

/**
 * Makes a file durable under its name, all or nothing: under a temporary name first, fsynced, renamed,
 * and the directory fsynced.
 */
export async function writeDurably(
  fileSystem: FileSystem,
  directory: string,
  name: string,
  bytes: Uint8Array,
  ownerOnly = false,
): Promise<void> {
  const temporary = `${directory}/${name}${TEMPORARY_SUFFIX}`;
  const file = await fileSystem.open(temporary, "create", ownerOnly);
  try {
    await writeAll(file, 0, bytes);
    await file.sync();
  } finally {
    file.close();
  }
  await fileSystem.rename(temporary, `${directory}/${name}`);
  await fileSystem.syncDirectory(directory);
}

/** Files with this ending are nobody's: opening removes them. */
export const TEMPORARY_SUFFIX = ".tmp";
