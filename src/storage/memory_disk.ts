/**
 * The disk under a `MemoryStorage`: it outlives the instance, and knows what an fsync has reached
 * (`durable`) and what was only written (`unsynced`, one batch at most: the next gathers meanwhile).
 *
 * `crash` is a power cut: of the written batch a prefix may survive, as the embedded log finds it after
 * cutting its torn tail, even in the middle of one record's entries. `kill` is kill -9: what was written
 * stays. Either way the instance on top is dead: none of its promises ever settles again.
 */
import { Random } from "../random.ts";
import type { SnapshotMeta } from "../raft/entry.ts";
import type { ReferencedSnapshot } from "./kept_snapshots.ts";
import { MemoryState } from "./memory_state.ts";
import type { MemoryValueFile } from "./memory_values.ts";
import type { GroupId, Identity, StorageRecord } from "./storage.ts";

/** A snapshot's file, with what the log's reference says of it beside. */
export interface MemorySnapshotFile extends ReferencedSnapshot {
  readonly bytes: Uint8Array;
}

export class MemoryDisk {
  identity: Identity | null = null;
  durable = new MemoryState();
  /** What the last write brought and no fsync has confirmed. */
  unsynced: StorageRecord[] = [];
  /** By `snapshotKey`. */
  readonly snapshots = new Map<string, MemorySnapshotFile>();
  /** By `valueFileName`. */
  readonly valueFiles = new Map<string, MemoryValueFile>();
  /** Records that the last end of an instance cost; shown as a torn tail by the next opening. */
  lostRecords = 0;
  /** Grows when an instance opens, crashes or closes; an instance of another epoch is dead. */
  epoch = 0;
  /** True while an instance holds the disk, as the directory lock would say. */
  held = false;
  /** Where durable bytes are damaged; null where they are sound. */
  damage: { readonly file: string; readonly offsetBytes: number } | null = null;
  random = new Random(1);

  /**
   * A power cut. What was not synced is lost; with `tornTail`, a random prefix of it survives.
   */
  crash(options: { readonly tornTail: boolean }): void {
    this.#release();
    this.settle(options.tornTail ? this.random.fraction() : 0);
  }

  /** kill -9: the process is gone, the page cache is not. */
  kill(): void {
    this.#release();
    this.settle(1);
  }

  /** Damages durable bytes: the next `open` throws `StorageCorruptError` naming this place. */
  corrupt(file = "memory/0000000000000001.seg", offsetBytes = 64): void {
    this.damage = { file, offsetBytes };
  }

  /** Decides the fate of what was only written: this fraction of it, counted in entries, is kept. */
  settle(fraction: number): void {
    const sizes = this.unsynced.map((record) =>
      record.kind === "entries" ? record.entries.length : 1
    );
    const total = sizes.reduce((sum, size) => sum + size, 0);
    let kept = fraction === 1 ? total : Math.floor(fraction * (total + 1));
    this.lostRecords = total - kept;
    for (const [at, record] of this.unsynced.entries()) {
      if (kept === 0) break;
      const size = sizes[at]!;
      const part = kept < size && record.kind === "entries"
        ? { ...record, entries: record.entries.slice(0, kept) }
        : record;
      this.durable.apply(part);
      kept -= Math.min(kept, size);
    }
    this.unsynced = [];
  }

  #release(): void {
    this.epoch++;
    this.held = false;
  }
}

/** Tells two snapshots of a disk apart. */
export function snapshotKey(group: GroupId, snapshot: SnapshotMeta): string {
  return `${group}-${snapshot.index}-${snapshot.term}-${snapshot.checksum}`;
}
