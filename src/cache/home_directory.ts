/**
 * The directory of one partition's home: the entries of all keys of which anything is known, and which of them are
 * busy or await somebody. What a step causes is handed on in order, once the entry has become what it is.
 */
import { assert } from "../assert.ts";
import { stepEntry } from "./directory.ts";
import {
  type Entry,
  type EntryEffect,
  type EntryEvent,
  type HomeView,
  isForgettable,
  newEntry,
} from "./directory_entry.ts";

export interface HomeDirectoryEdges {
  /** What the home knows beside the entry, now. */
  view(key: string): HomeView;
  effect(key: string, effect: EntryEffect): void;
  /** Whether every copy that there may be is in the directory. */
  isRebuilt(): boolean;
  nowMs(): number;
}

export class HomeDirectory {
  readonly #edges: HomeDirectoryEdges;
  readonly #entries = new Map<string, Entry>();
  /** Keys with work to do. */
  readonly #busy = new Set<string>();
  /** By peer: the keys for which it was sent a recall, and since when. */
  readonly #awaited = new Map<string, Map<string, number>>();

  constructor(edges: HomeDirectoryEdges) {
    this.#edges = edges;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Keys with work to do. */
  get busy(): number {
    return this.#busy.size;
  }

  entry(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  keys(): readonly string[] {
    return [...this.#entries.keys()];
  }

  /** @param take what is done with each effect, where that is not the usual */
  step(
    key: string,
    event: EntryEvent,
    take: (key: string, effect: EntryEffect) => void = this.#edges.effect,
  ): void {
    const before = this.#entries.get(key) ?? newEntry(this.#edges.isRebuilt());
    const { entry, effects } = stepEntry(before, event, this.#edges.view(key));
    if (isForgettable(entry)) this.#entries.delete(key);
    else this.#entries.set(key, entry);
    if (entry.job === null && entry.queue.length === 0) this.#busy.delete(key);
    else this.#busy.add(key);
    if (entry.awaited !== before.awaited) this.#indexAwaited(key, before, entry);
    for (const effect of effects) take(key, effect);
  }

  #indexAwaited(key: string, before: Entry, after: Entry): void {
    for (const { peer } of before.awaited) {
      if (after.awaited.some((one) => one.peer === peer)) continue;
      const keys = this.#awaited.get(peer);
      keys?.delete(key);
      if (keys?.size === 0) this.#awaited.delete(peer);
    }
    for (const { peer } of after.awaited) {
      let keys = this.#awaited.get(peer);
      if (keys === undefined) this.#awaited.set(peer, keys = new Map());
      if (!keys.has(key)) keys.set(key, this.#edges.nowMs());
    }
  }

  /** What is busy looks again whether it can go on. */
  resume(): void {
    for (const key of [...this.#busy]) this.step(key, { kind: "resumed" });
  }

  /** Every copy that there may be is in the directory. */
  rebuilt(): void {
    for (const key of [...this.#entries.keys()]) this.step(key, { kind: "rebuilt" });
  }

  /** The lease of this peer is over. */
  ended(peer: string): void {
    for (const [key, { holders, awaited, queue, job }] of [...this.#entries]) {
      const isMeant = (one: object) => "peer" in one && one.peer === peer;
      const isIn = holders.some(isMeant) || awaited.some(isMeant) || queue.some(isMeant) ||
        (job !== null && isMeant(job));
      if (isIn) this.step(key, { kind: "ended", peer });
    }
  }

  /** The peer was heard of, and may have lost what it was sent. */
  remind(peer: string): void {
    for (const key of [...this.#awaited.get(peer)?.keys() ?? []]) {
      this.step(key, { kind: "remind", peer });
    }
  }

  /** Since when this peer has left a recall unanswered; null: it owes no answer. */
  awaitedSinceMs(peer: string): number | null {
    // Keys keep the order in which they were first recalled.
    for (const sinceMs of this.#awaited.get(peer)?.values() ?? []) return sinceMs;
    return null;
  }

  /** A key that was entered long ago and that nobody wants now; null: none of the first ones. */
  idle(): string | null {
    let looked = 0;
    for (const key of this.#entries.keys()) {
      if (!this.#busy.has(key)) return key;
      if (++looked >= IDLE_LOOKED_AT_MAX) return null;
    }
    return null;
  }

  /** The key was asked for: others have not been for longer. */
  touch(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
  }

  checkInvariants(): void {
    for (const [key, entry] of this.#entries) {
      const owners = entry.holders.filter(({ mode }) => mode === "owned");
      const isSound = !entry.exact || owners.length === 0 ||
        (owners.length === 1 && entry.holders.length === 1);
      assert(isSound, `${key} has an owner and somebody else`);
      const isBusy = entry.job !== null || entry.queue.length > 0;
      assert(isBusy === this.#busy.has(key), `${key} is busy, or not`);
    }
  }
}

const IDLE_LOOKED_AT_MAX = 64;
