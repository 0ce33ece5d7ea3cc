/**
 * The replicated state machine of the cache in one partition: what homes wrote back, and which peers may hold lines.
 * Pure: time is group time, handed in with each entry.
 *
 * Guarantees, on every replica alike: an entry that another term's home proposed than the entry's own changes nothing;
 * a key's version only grows, also over its removal; a value that is over is never read, and cleared away by later
 * commands, because a ttl is no deadline. Nothing is refused for want of room: who may write asks its home before, and
 * what was answered to a writer must not be lost here.
 */
import type { ApplyContext, Effect, Machine, Outcome } from "../groups/machine.ts";
import { refuse, type RefusedAnswer } from "../groups/refusal.ts";
import { joinRows, readRows, RowChunks } from "../groups/snapshot_rows.ts";
import type { ValueHolder, ValueReference, Values } from "../groups/values.ts";
import { assert } from "../assert.ts";
import { LIMITS } from "../limits.ts";
import {
  type CacheCommand,
  decodeCacheCommand,
  identityOfCacheCommand,
  type PutCommand,
  type RemoveCommand,
  type WriteBackCommand,
} from "./commands.ts";
import { ValueTable } from "./value_table.ts";
import { isSettled, type Version } from "./version.ts";

export const CACHE_MACHINE = "cache";

export type CacheAnswer =
  /** @param older places of items that the key had already, or something later */
  | { readonly kind: "written"; readonly older: readonly number[] }
  | { readonly kind: "removed"; readonly existed: boolean }
  /** By the home itself. */
  | { readonly kind: "put"; readonly version: Version }
  /** How many peers may hold lines now. */
  | { readonly kind: "holders"; readonly count: number }
  | RefusedAnswer;

interface CacheOutcome extends Outcome {
  readonly answer: CacheAnswer;
}

/** What a home grants, at this replica. */
export interface StoredContent {
  readonly version: Version;
  readonly expiresMs: number | null;
  /** Null: it lies at `reference`. */
  readonly inline: Uint8Array | null;
  readonly reference: ValueReference | null;
}

/** The first row of a snapshot: `[floor's term, counter, write, or three zeros, lease holders]`. */
type HeaderRow = readonly [number, number, number, readonly string[]];

export class CacheMachine implements Machine<CacheCommand>, ValueHolder {
  readonly name = CACHE_MACHINE;
  readonly #table: ValueTable;
  #holders: ReadonlySet<string> = new Set();

  /** @param values holds what is large; the same for as long as the machine is */
  constructor(values: Values) {
    this.#table = new ValueTable(values);
  }

  decode(body: unknown): CacheCommand | null {
    return decodeCacheCommand(body);
  }

  identityOf(command: CacheCommand): unknown {
    return identityOfCacheCommand(command);
  }

  apply(command: CacheCommand, context: ApplyContext): CacheOutcome {
    this.#table.clearAway(context.timeMs, LIMITS.cacheClearedEachEntry);
    return { answer: this.#answer(command, context), effects: [] };
  }

  #answer(command: CacheCommand, { term, timeMs }: ApplyContext): CacheAnswer {
    if (command.term !== term) {
      return refuse("CONFLICT", `a home of term ${command.term} is none in term ${term}`);
    }
    switch (command.kind) {
      case "writeBack":
        return this.#writeBack(command);
      case "remove":
        return this.#remove(command, timeMs);
      case "put":
        return this.#put(command, timeMs);
      case "enterHolder":
        return this.#enter(command.peer);
      case "leaveHolders": {
        const leaving = new Set(command.peers);
        this.#holders = new Set([...this.#holders].filter((peer) => !leaving.has(peer)));
        return { kind: "holders", count: this.#holders.size };
      }
    }
  }

  #writeBack({ items }: WriteBackCommand): CacheAnswer {
    const older: number[] = [];
    for (const [place, { key, version, value, expiresMs }] of items.entries()) {
      if (isSettled(version, this.settled(key))) older.push(place);
      else this.#table.put(key, version, value, expiresMs);
    }
    return { kind: "written", older };
  }

  #remove({ key, grant }: RemoveCommand, timeMs: number): CacheAnswer {
    const version = { ...grant, write: 0 };
    if (isSettled(version, this.settled(key))) {
      return refuse("CONFLICT", `${key} has a later version than its removal`);
    }
    const existed = this.read(key, timeMs) !== null;
    this.#table.remove(key, version, timeMs + LIMITS.cacheRemovalKeepMs);
    return { kind: "removed", existed };
  }

  #put({ key, grant, value, ttlMs }: PutCommand, timeMs: number): CacheAnswer {
    const version = { ...grant, write: 1 };
    if (isSettled(version, this.settled(key))) {
      return refuse("CONFLICT", `${key} has a later version than this write`);
    }
    this.#table.put(key, version, value, ttlMs === null ? null : timeMs + ttlMs);
    return { kind: "put", version };
  }

  #enter(peer: string): CacheAnswer {
    if (!this.#holders.has(peer)) {
      if (this.#holders.size >= LIMITS.cacheHoldersMax) {
        return refuse("TOO_MANY_REQUESTS", `${this.#holders.size} peers hold lines already`);
      }
      this.#holders = new Set([...this.#holders, peer]);
    }
    return { kind: "holders", count: this.#holders.size };
  }

  /** What a key has now; null: nothing, or its time is over. Must be read again if the reference has gone. */
  read(key: string, timeMs: number): StoredContent | null {
    const stored = this.#table.get(key);
    if (stored === undefined || stored.isRemoved) return null;
    const { version, inline, reference, dueMs } = stored;
    if (dueMs !== null && dueMs <= timeMs) return null;
    return { version, expiresMs: dueMs, inline, reference };
  }

  /** The version that a key last had, or its removal's; null: none is remembered. */
  settled(key: string): Version | null {
    return this.#table.get(key)?.version ?? null;
  }

  /** No removal that is not remembered is of a later version; null: there is none. */
  get floor(): Version | null {
    return this.#table.floor;
  }

  /** Peers that may hold lines; a set of its own. */
  get leaseHolders(): ReadonlySet<string> {
    return this.#holders;
  }

  /** Whether it should let nobody write at all. */
  get isOverfull(): boolean {
    return this.#table.bytes >= LIMITS.cachePartitionBytesOverMax;
  }

  /** Whether a home should let nobody write further keys. */
  get isFull(): boolean {
    const { count, bytes } = this.#table;
    return count >= LIMITS.cachePartitionKeysMax || bytes >= LIMITS.cachePartitionBytesMax;
  }

  /** Whether any further entry would clear something away. */
  hasDue(timeMs: number): boolean {
    return this.#table.hasDue(timeMs);
  }

  /** Keys that have a value, over ones not yet cleared away included, and their bytes. */
  get usage(): { readonly keys: number; readonly bytes: number } {
    return { keys: this.#table.count, bytes: this.#table.bytes };
  }

  valuesIn(file: number, max: number): readonly ValueReference[] {
    return this.#table.valuesIn(file, max);
  }

  moved(from: ValueReference, to: ValueReference): boolean {
    return this.#table.moved(from, to);
  }

  /** Nothing: see above. */
  expire(): readonly Effect[] {
    return [];
  }

  nextDeadlineMs(): number | null {
    return null;
  }

  snapshot(): Iterator<Uint8Array> {
    const { term, counter, write } = this.#table.floor ?? { term: 0, counter: 0, write: 0 };
    const header: HeaderRow = [term, counter, write, [...this.#holders]];
    return new RowChunks(joinRows([header].values(), this.#table.snapshot()));
  }

  restore(chunks: Iterable<Uint8Array>): void {
    this.#table.clear();
    this.#holders = new Set();
    const rows = readRows(chunks);
    const header = rows.next();
    if (header.done === true) return;
    const [term, counter, write, holders] = header.value as HeaderRow;
    if (term > 0) this.#table.floor = { term, counter, write };
    this.#holders = new Set(holders);
    for (const row of rows) this.#table.load(row);
  }

  checkInvariants(): void {
    this.#table.checkInvariants();
    assert(this.#holders.size <= LIMITS.cacheHoldersMax, "the lease holders are bounded");
  }
}
