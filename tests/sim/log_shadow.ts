/**
 * What one replica's log holds, as told by the records that it gave to its storage: terms and digests
 * without payloads. A twin of the storage's bookkeeping, kept as plainly as possible.
 */
import { crc32 } from "node:zlib";
import type { Entry } from "../../src/raft/entry.ts";
import type { RecoveredGroup, StorageRecord } from "../../src/storage/storage.ts";

export interface EntryMark {
  readonly term: number;
  /** Of everything in the entry but its index and term. */
  readonly digest: number;
}

/** A record that belongs to one group. */
export type GroupRecord = Extract<StorageRecord, { readonly group: number }>;

export class LogShadow {
  /** The log begins after this position. */
  baseIndex = 0;
  baseTerm = 0;
  lastIndex = 0;
  readonly #marks = new Map<number, EntryMark>();

  /** Null below the base and past the end. */
  mark(index: number): EntryMark | null {
    return this.#marks.get(index) ?? null;
  }

  /** 0 where it is not known. */
  termAt(index: number): number {
    return index === this.baseIndex ? this.baseTerm : this.#marks.get(index)?.term ?? 0;
  }

  /** @returns why the record cannot follow what is there, or null when it was taken */
  take(record: GroupRecord): string | null {
    switch (record.kind) {
      case "entries":
        for (const entry of record.entries) {
          // An empty replica takes a log that was never compacted from its beginning, after index 1.
          if (this.lastIndex === 0 && entry.index === 2) this.#rebase(1, 1, false);
          if (entry.index !== this.lastIndex + 1) {
            return `entry ${entry.index} was written behind entry ${this.lastIndex}`;
          }
          this.#marks.set(entry.index, markOf(entry));
          this.lastIndex = entry.index;
        }
        return null;
      case "truncation":
        if (record.fromIndex <= this.baseIndex) {
          return `truncated from ${record.fromIndex}, below the snapshot at ${this.baseIndex}`;
        }
        this.#cutFrom(record.fromIndex);
        return null;
      case "snapshot":
        this.#rebase(record.snapshot.index, record.snapshot.term, record.keepEntries);
        return null;
      case "foundation":
        this.#rebase(1, 1, false);
        return null;
      case "tombstone":
        this.#rebase(0, 0, false);
        return null;
      case "hardState":
        return null;
    }
  }

  /**
   * Becomes what the storage found when it was opened.
   * @param markOf the mark of an entry that was once written, by index and term
   */
  recover(group: RecoveredGroup, markOf: (index: number, term: number) => EntryMark | null): void {
    this.#marks.clear();
    const isFounding = group.snapshot === null && group.lastIndex > 0;
    this.baseIndex = group.snapshot?.index ?? (isFounding ? 1 : 0);
    this.baseTerm = group.snapshot?.term ?? (isFounding ? 1 : 0);
    this.lastIndex = group.lastIndex;
    group.terms.forEach((span, place) => {
      const endIndex = group.terms[place + 1]?.firstIndex ?? group.lastIndex + 1;
      for (let index = span.firstIndex; index < endIndex; index++) {
        const mark = markOf(index, span.term) ?? { term: span.term, digest: -1 };
        this.#marks.set(index, mark);
      }
    });
  }

  #cutFrom(fromIndex: number): void {
    for (let index = fromIndex; index <= this.lastIndex; index++) this.#marks.delete(index);
    this.lastIndex = Math.min(this.lastIndex, fromIndex - 1);
  }

  #rebase(index: number, term: number, keepEntries: boolean): void {
    for (const known of [...this.#marks.keys()]) {
      if (!keepEntries || known <= index) this.#marks.delete(known);
    }
    this.baseIndex = index;
    this.baseTerm = term;
    this.lastIndex = keepEntries ? Math.max(index, this.lastIndex) : index;
  }
}

export function markOf(entry: Entry): EntryMark {
  return {
    term: entry.term,
    digest: crc32(entry.payload, crc32(`${entry.kind} ${entry.timeMs}`)),
  };
}
