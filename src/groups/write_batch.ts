/**
 * Records of all groups that go to storage together, and the tokens that come back to their cores once
 * they are durable. Also knows, for each group, up to which entry its log is durable: a truncation takes
 * back what an older write, still under way, would otherwise be credited with.
 */
import type { Persist } from "../raft/ready.ts";
import type { StorageRecord } from "../storage/storage.ts";
import type { Group } from "./group.ts";

/** One call of `Storage.append`. */
export interface Written {
  readonly records: readonly StorageRecord[];
  /** The newest token of each group in it. */
  readonly tokens: ReadonlyMap<Group, number>;
}

interface InFlight {
  readonly token: number;
  lastIndex: number;
}

export class WriteBatch {
  #records: StorageRecord[] = [];
  #tokens = new Map<Group, number>();
  #writing = 0;
  readonly #inFlight = new Map<Group, InFlight[]>();
  readonly #durableIndex = new Map<Group, number>();
  #waiting: { readonly group: Group; readonly settled: () => void }[] = [];

  get empty(): boolean {
    return this.#records.length === 0;
  }

  /** Whether an append has not resolved yet. */
  get writing(): boolean {
    return this.#writing > 0;
  }

  addRecord(record: StorageRecord): void {
    this.#records.push(record);
  }

  /** Takes in one Persist, in the order that its contract gives. */
  add(group: Group, persist: Persist): void {
    const { token, hardState, truncateFrom, entries, snapshot } = persist;
    const id = group.id;
    if (truncateFrom !== null) {
      this.#records.push({ kind: "truncation", group: id, fromIndex: truncateFrom });
      this.#takeBack(group, truncateFrom);
    }
    if (entries.length > 0) this.#records.push({ kind: "entries", group: id, entries });
    if (hardState !== null) {
      const { replica } = group;
      this.#records.push({ kind: "hardState", group: id, replica, hardState });
    }
    if (snapshot !== null) {
      this.#records.push({ kind: "snapshot", group: id, snapshot, keepEntries: false });
    }
    this.#tokens.set(group, token);
    const lastIndex = entries.at(-1)?.index ?? snapshot?.index ?? 0;
    const inFlight = this.#inFlight.get(group);
    if (inFlight === undefined) this.#inFlight.set(group, [{ token, lastIndex }]);
    else inFlight.push({ token, lastIndex });
  }

  #takeBack(group: Group, truncateFrom: number): void {
    for (const write of this.#inFlight.get(group) ?? []) {
      write.lastIndex = Math.min(write.lastIndex, truncateFrom - 1);
    }
    const durable = this.#durableIndex.get(group);
    if (durable !== undefined && durable >= truncateFrom) {
      this.#durableIndex.set(group, truncateFrom - 1);
    }
  }

  /** Forgets a group whose replica ended. Its records stay: they lie before its tombstone. */
  drop(group: Group): void {
    this.#tokens.delete(group);
    this.#inFlight.delete(group);
    this.#durableIndex.delete(group);
    this.#settle();
  }

  /** Empties the batch for one append. */
  take(): Written {
    const written = { records: this.#records, tokens: this.#tokens };
    this.#records = [];
    this.#tokens = new Map();
    this.#writing++;
    return written;
  }

  /** The append has resolved: tells the cores, in the order of the appends. */
  durable(written: Written): void {
    this.#writing--;
    for (const [group, token] of written.tokens) {
      const inFlight = this.#inFlight.get(group);
      if (inFlight === undefined) continue;
      let durable = this.#durableIndex.get(group) ?? 0;
      while (inFlight[0] !== undefined && inFlight[0].token <= token) {
        durable = Math.max(durable, inFlight.shift()!.lastIndex);
      }
      this.#durableIndex.set(group, durable);
      group.raft.persisted(token);
    }
    this.#settle();
  }

  /** @returns the last entry whose write is known to be durable; what was recovered counts as durable */
  durableIndex(group: Group): number {
    const inFlight = this.#inFlight.get(group);
    if (inFlight === undefined || inFlight.length === 0) return group.raft.lastIndex;
    return this.#durableIndex.get(group) ?? 0;
  }

  /** Resolves once nothing of this group is under way. */
  settled(group: Group): Promise<void> {
    if (!this.#busy(group)) return Promise.resolve();
    return new Promise((settled) => this.#waiting.push({ group, settled }));
  }

  #busy(group: Group): boolean {
    return (this.#inFlight.get(group)?.length ?? 0) > 0;
  }

  #settle(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const waiter of waiting) {
      if (this.#busy(waiter.group)) this.#waiting.push(waiter);
      else waiter.settled();
    }
  }
}
