/**
 * A snapshot on its way into a `MemoryStorage`, part by part. Its parts are in the process and not on the
 * disk, so a crash forgets them, as the embedded log forgets temporary files.
 */
import { crc32 } from "node:zlib";
import { assert } from "../assert.ts";
import { LIMITS } from "../limits.ts";
import { type SnapshotMeta, transferBytes } from "../raft/entry.ts";
import type { IncomingSnapshot } from "./storage.ts";

export class MemoryIncoming implements IncomingSnapshot {
  readonly snapshot: SnapshotMeta;
  readonly #confirm: () => Promise<void>;
  readonly #ended: (bytes: Uint8Array | null) => boolean;
  #parts: Uint8Array[] = [];
  #storedBytes = 0;

  /**
   * @param confirm one write to the disk
   * @param ended takes all bytes of the stream, or null where its first part is damaged; tells whether it is sound
   */
  constructor(
    snapshot: SnapshotMeta,
    confirm: () => Promise<void>,
    ended: (bytes: Uint8Array | null) => boolean,
  ) {
    this.snapshot = snapshot;
    this.#confirm = confirm;
    this.#ended = ended;
  }

  get storedBytes(): number {
    return this.#storedBytes;
  }

  async write(offsetBytes: number, bytes: Uint8Array): Promise<number> {
    const fits = this.#storedBytes + bytes.length <= transferBytes(this.snapshot);
    if (offsetBytes !== this.#storedBytes || !fits) return this.#storedBytes;
    assert(bytes.length <= LIMITS.frameBytesMax, "a part of a snapshot comes in a frame");
    this.#parts.push(bytes.slice());
    this.#storedBytes += bytes.length;
    await this.#confirm();
    return this.#storedBytes;
  }

  async finish(): Promise<boolean> {
    await this.#confirm();
    const bytes = concatenate(this.#parts);
    const { sizeBytes, checksum } = this.snapshot;
    const sound = bytes.length === transferBytes(this.snapshot) &&
      crc32(bytes.subarray(0, sizeBytes)) === checksum;
    return this.#ended(sound ? bytes : null);
  }
}

export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
