/**
 * Which snapshots of which groups are kept, and which value files they have need of: bookkeeping for storages, in
 * which nothing is read or written. A snapshot stays while the log refers to it; the one before stays one turn
 * longer if somebody has read of it, for a transfer that is under way.
 *
 * A value file goes once no kept snapshot names it, nor one that is being written, unless it is of a state that is
 * newer than the reference: the files of a group are numbered in the order in which they were made.
 */
import { isSameSnapshot, type SnapshotMeta } from "../raft/entry.ts";
import type { GroupId } from "./storage.ts";

/** A snapshot with what the log's reference says of it beside. */
export interface ReferencedSnapshot {
  readonly snapshot: SnapshotMeta;
  /** The numbers of its value files here, in its order. */
  readonly valueFiles: readonly number[];
}

export interface KeptSnapshot extends ReferencedSnapshot {
  readonly group: GroupId;
  /** Later ones have higher numbers; 0 for those that were there at opening. */
  readonly serial: number;
  /** The group's last value file when this one was begun: later ones are of a newer state. */
  lastValueFile: number;
  /** Read since a newer one came into force. */
  read: boolean;
}

/** What may go now that a reference is durable. */
export interface Replaced {
  readonly snapshots: readonly KeptSnapshot[];
  /** Other value files up to this one may go too; 0: none. */
  readonly lastValueFile: number;
  readonly valueFilesNeeded: ReadonlySet<number>;
}

export class KeptSnapshots {
  readonly #kept = new Map<string, KeptSnapshot>();
  /** Value files of snapshots that are being written. */
  readonly #named = new Set<{ readonly group: GroupId; readonly valueFiles: readonly number[] }>();
  #serial = 0;

  /** Tells snapshots that were there by now from later ones, for `replaced`. */
  get serial(): number {
    return this.#serial;
  }

  find(group: GroupId, snapshot: SnapshotMeta): KeptSnapshot | undefined {
    const kept = this.#kept.get(keyOf(group, snapshot));
    return kept !== undefined && isSameSnapshot(kept.snapshot, snapshot) ? kept : undefined;
  }

  /** @returns whether this is what is kept */
  has(kept: KeptSnapshot): boolean {
    return this.#kept.get(keyOf(kept.group, kept.snapshot)) === kept;
  }

  all(): IterableIterator<KeptSnapshot> {
    return this.#kept.values();
  }

  /** It is durable from now on. One that is kept already stays what it is. */
  keep(
    group: GroupId,
    { snapshot, valueFiles }: ReferencedSnapshot,
    lastValueFile: number,
  ): void {
    this.#serial++;
    if (this.find(group, snapshot) !== undefined) return;
    const serial = this.#serial;
    const kept = { group, snapshot, valueFiles, lastValueFile, serial, read: false };
    this.#kept.set(keyOf(group, snapshot), kept);
  }

  /** Value files that a snapshot names which is being written stay until `run` has ended. */
  async naming<T>(
    group: GroupId,
    valueFiles: readonly number[],
    run: () => Promise<T>,
  ): Promise<T> {
    const named = { group, valueFiles };
    this.#named.add(named);
    try {
      return await run();
    } finally {
      this.#named.delete(named);
    }
  }

  /**
   * The log refers durably to this snapshot now, or to none of the group: forgets what may go.
   * @param serial as it was when the log was told
   */
  replaced(group: GroupId, snapshot: SnapshotMeta | null, serial: number): Replaced {
    const current = snapshot === null ? undefined : this.find(group, snapshot);
    const before = current?.serial ?? serial;
    const snapshots: KeptSnapshot[] = [];
    for (const [key, kept] of [...this.#kept]) {
      if (kept.group !== group || kept === current || kept.serial > before) continue;
      if (snapshot !== null && kept.read) {
        kept.read = false;
        continue;
      }
      this.#kept.delete(key);
      snapshots.push(kept);
    }
    const lastValueFile = current?.lastValueFile ?? 0;
    return { snapshots, lastValueFile, valueFilesNeeded: this.#valueFilesNeeded(group) };
  }

  #valueFilesNeeded(group: GroupId): ReadonlySet<number> {
    const needed = new Set<number>();
    for (const one of [...this.#kept.values(), ...this.#named]) {
      if (one.group !== group) continue;
      for (const file of one.valueFiles) needed.add(file);
    }
    return needed;
  }
}

/**
 * @param offsetBytes in the stream of a whole transfer, past the snapshot's own bytes
 * @returns which of its value files that is, and where in it; null at the end
 */
export function valuePartAt(
  { sizeBytes, values }: SnapshotMeta,
  offsetBytes: number,
  bytesMax: number,
): { readonly place: number; readonly offsetBytes: number; readonly sizeBytes: number } | null {
  let beginBytes = sizeBytes;
  for (const [place, { lengthBytes }] of values.entries()) {
    const endBytes = beginBytes + lengthBytes;
    if (offsetBytes < endBytes) {
      const partBytes = Math.min(bytesMax, endBytes - offsetBytes);
      return { place, offsetBytes: offsetBytes - beginBytes, sizeBytes: partBytes };
    }
    beginBytes = endBytes;
  }
  return null;
}

/** Two that differ in value files alone have one key, as they have one file name: the later one takes its place. */
function keyOf(group: GroupId, { index, term, checksum }: SnapshotMeta): string {
  return `${group}-${index}-${term}-${checksum}`;
}
