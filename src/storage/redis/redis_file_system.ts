/**
 * The embedded log's files as keys in Redis: a string for each. So the log, its snapshots and its values are in Redis
 * what they are on a disk, byte for byte, and everything that holds for them there holds here.
 *
 * One process owns them (`owner.ts`), so it knows names and lengths itself and asks Redis for bytes alone. A write goes
 * out at once and is confirmed later; `sync` waits for that. Writes are carried out in the order of the calls, over all
 * files, each in one step; so where a directory or a name is to be durable there is nothing to do but to wait.
 */
import { Buffer } from "node:buffer";
import type { FileHandle, FileSystem, OpenMode } from "../log/file_system.ts";
import { StorageForeignError } from "../storage.ts";
import type { RedisKeys } from "./redis_keys.ts";
import { textOf, textsOf } from "./redis_client.ts";
import type { RedisSession } from "./redis_session.ts";

/** One command reads so much at most: other clients of the server wait for as long as it takes. */
const READ_BYTES_MAX = 1024 * 1024;

/** What is known of one file. Handles have it too, and so see that their file was removed. */
interface Known {
  sizeBytes: number;
  removed: boolean;
}

export interface RedisFileSystemOptions {
  readonly session: RedisSession;
  readonly keys: RedisKeys;
  randomBytes(sizeBytes: number): Uint8Array;
  monotonicMs(): number;
}

export class RedisFileSystem implements FileSystem {
  readonly #options: RedisFileSystemOptions;
  readonly #files = new Map<string, Known>();

  constructor(options: RedisFileSystemOptions) {
    this.#options = options;
  }

  /** Learns what is there. @throws {StorageForeignError} where a file's key holds something else */
  async load(): Promise<void> {
    const { session, keys } = this.#options;
    const names = textsOf(await session.ask("SMEMBERS", keys.names));
    const kinds = await Promise.all(names.map((name) => session.ask("TYPE", name)));
    // One that is gone is left out: what misses it says so.
    const files = names.filter((name, at) => isFile(name, textOf(kinds[at])));
    const sizes = await Promise.all(files.map((name) => session.ask("STRLEN", name)));
    for (const [at, name] of files.entries()) {
      this.#files.set(name, { sizeBytes: Number(textOf(sizes[at])), removed: false });
    }
  }

  /** Names have no need of directories. */
  makeDirectory(): Promise<void> {
    return Promise.resolve();
  }

  list(path: string): Promise<readonly string[]> {
    const names = [...this.#files.keys()]
      .filter((name) => name.startsWith(`${path}/`))
      .map((name) => name.slice(path.length + 1))
      .filter((name) => !name.includes("/"));
    return Promise.resolve(names.sort());
  }

  open(path: string, mode: OpenMode): Promise<FileHandle> {
    let known = this.#files.get(path);
    if (mode === "create") {
      void this.#options.session.write("create", path, path);
      if (known !== undefined) known.removed = true;
      known = { sizeBytes: 0, removed: false };
      this.#files.set(path, known);
    }
    if (known === undefined) return Promise.reject(missing(path));
    return Promise.resolve(new RedisFile(this.#options.session, path, known));
  }

  rename(from: string, to: string): Promise<void> {
    const known = this.#files.get(from);
    if (known === undefined) return Promise.reject(missing(from));
    const replaced = this.#files.get(to);
    if (replaced !== undefined) replaced.removed = true;
    this.#files.delete(from);
    this.#files.set(to, known);
    return this.#write("rename", from, to);
  }

  remove(path: string): Promise<void> {
    const known = this.#files.get(path);
    if (known === undefined) return Promise.resolve();
    known.removed = true;
    this.#files.delete(path);
    return this.#write("remove", path);
  }

  syncDirectory(): Promise<void> {
    return this.#options.session.settled();
  }

  /** The state has been taken before any file of it is opened. */
  lock(): Promise<{ release(): void }> {
    return Promise.resolve({ release() {} });
  }

  freeBytes(): Promise<null> {
    return Promise.resolve(null);
  }

  randomBytes(sizeBytes: number): Uint8Array {
    return this.#options.randomBytes(sizeBytes);
  }

  monotonicMs(): number {
    return this.#options.monotonicMs();
  }

  async #write(what: "rename" | "remove", path: string, next = path): Promise<void> {
    await this.#options.session.write(what, path, next);
  }
}

class RedisFile implements FileHandle {
  readonly #session: RedisSession;
  readonly #path: string;
  readonly #known: Known;

  constructor(session: RedisSession, path: string, known: Known) {
    this.#session = session;
    this.#path = path;
    this.#known = known;
  }

  async write(offsetBytes: number, bytes: Uint8Array): Promise<number> {
    await this.#session.room();
    this.#requireThere();
    const known = this.#known;
    // The caller may use its buffer again before this is sent, or sent once more.
    const copy = Buffer.from(bytes);
    const where = [String(known.sizeBytes), String(offsetBytes)];
    void this.#session.write("write", this.#path, this.#path, [...where, copy]);
    known.sizeBytes = Math.max(known.sizeBytes, offsetBytes + bytes.length);
    return bytes.length;
  }

  async read(offsetBytes: number, into: Uint8Array): Promise<number> {
    this.#requireThere();
    const wantedBytes = Math.min(
      into.length,
      READ_BYTES_MAX,
      this.#known.sizeBytes - offsetBytes,
    );
    if (wantedBytes <= 0) return 0;
    const last = offsetBytes + wantedBytes - 1;
    const found = await this.#session
      .ask("GETRANGE", this.#path, String(offsetBytes), String(last)) as Uint8Array;
    into.set(found);
    return found.length;
  }

  sync(): Promise<void> {
    return this.#session.settled();
  }

  async truncate(sizeBytes: number): Promise<void> {
    this.#requireThere();
    this.#known.sizeBytes = Math.min(this.#known.sizeBytes, sizeBytes);
    await this.#session.write("cut", this.#path, this.#path, [String(sizeBytes)]);
  }

  sizeBytes(): Promise<number> {
    return Promise.resolve(this.#known.sizeBytes);
  }

  close(): void {}

  #requireThere(): void {
    if (this.#known.removed) throw missing(this.#path);
  }
}

/** @throws {StorageForeignError} where something else is in its place */
function isFile(name: string, kind: string): boolean {
  if (kind === "string" || kind === "none") return kind === "string";
  throw new StorageForeignError(
    `cannot open the state in Redis: ${name} is a ${kind}, and no file of this peer's`,
  );
}

function missing(path: string): Error {
  return Object.assign(new Error(`${path} is not there`), { code: "ENOENT" });
}
