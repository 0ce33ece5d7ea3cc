/**
 * What the home of a key knows: who holds its line, by which grant, and what is under way. The form of the entry,
 * of what happens to it and of what it causes; the rules are in `directory.ts`.
 */
import type { Written } from "./line.ts";
import type { Keeps } from "./line_events.ts";
import type { Reported } from "./inventory.ts";
import type { Grant, Version } from "./version.ts";

export interface Holder {
  readonly peer: string;
  readonly grant: Grant;
  readonly mode: "shared" | "owned";
}

/** A peer wants the line. */
export interface LineJob {
  readonly kind: "shared" | "owned";
  readonly peer: string;
  /** The peer's lease: see `home_term.ts`. A request under a former one comes to nothing. */
  readonly session: number;
  readonly request: number;
  /** The grant of the Shared line that the peer has, where it wants to own it. */
  readonly holds: Grant | null;
}

/** Asked at the home itself, by whoever serves a caller's `delete` or `invalidate`. */
export interface KeyJob {
  readonly kind: "remove" | "invalidate";
  readonly request: number;
  /** Before all others: what they would be granted is not to be seen beside what somebody still has. */
  readonly isFirst?: boolean;
}

/** One at a time is under way, the others wait in order. */
export type Job = LineJob | KeyJob;

/** A recall that was sent. `S`: a Shared copy may stay. */
interface Awaited {
  readonly peer: string;
  readonly grant: Grant;
  readonly to: "S" | "I";
}

/** A write-back on its way through the log, or a handed over value that the removal under way makes void. */
interface PendingWrite {
  readonly peer: string;
  readonly grant: Grant;
  readonly version: Version;
  readonly keeps: Keeps;
  /** The confirmation may wait for the next frame to that peer: nobody there waits for it. */
  readonly rides: boolean;
}

export interface Entry {
  readonly holders: readonly Holder[];
  /** Whether every copy that there may be is among the holders; false only while the directory is rebuilt. */
  readonly exact: boolean;
  readonly job: Job | null;
  readonly awaited: readonly Awaited[];
  readonly writes: readonly PendingWrite[];
  readonly removing: boolean;
  readonly queue: readonly Job[];
}

/** What the home knows beside the entry. */
export interface HomeView {
  /** Of the committed value or removal; null: none is remembered. */
  readonly settled: Version | null;
  /** No removal that is not remembered is of a later version; null: there was none. */
  readonly floor: Version | null;
  /** The home lease lasts. */
  readonly mayGrant: boolean;
  /** No further key should be written: who reads a key alone gets it Shared, and has to ask before. */
  readonly isFull: boolean;
  /** No home of an older term can grant any more. */
  readonly isAlone: boolean;
  /** @param grant one that the peer's session must cover; null: any session */
  isLeased(peer: string, session: number, grant: Grant | null): boolean;
  mint(): Grant;
}

export type EntryEvent =
  | { readonly kind: "ask"; readonly job: Job }
  | {
    readonly kind: "acknowledged";
    readonly peer: string;
    readonly grant: Grant;
    readonly kept: boolean;
    readonly held: boolean;
    readonly dirty: Written | null;
  }
  | {
    readonly kind: "writeBack";
    readonly peer: string;
    readonly session: number;
    readonly grant: Grant;
    readonly content: Written;
    readonly keeps: Keeps;
  }
  | { readonly kind: "dropped"; readonly peer: string; readonly grant: Grant }
  /** The write-back of this version is committed; `settled` says so already. */
  | { readonly kind: "committed"; readonly version: Version }
  | { readonly kind: "removed" }
  /** A line of a peer's inventory. What it causes at once belongs into the answer to that inventory. */
  | { readonly kind: "reported"; readonly peer: string; readonly line: Reported }
  /** The lease of this peer is over: it uses none of its lines. */
  | { readonly kind: "ended"; readonly peer: string }
  /** Every peer that may hold lines has reported them, or its lease is over. */
  | { readonly kind: "rebuilt" }
  /** Nobody waits any more for this `remove` or `invalidate`: it does not begin, where it has not. */
  | { readonly kind: "withdrawn"; readonly request: number }
  /** The home lease lasts again. */
  | { readonly kind: "resumed" }
  /** The peer was heard of and may have lost what it was sent: its recalls are sent again. */
  | { readonly kind: "remind"; readonly peer: string };

export type EntryEffect =
  | {
    readonly kind: "recall";
    readonly peer: string;
    readonly grant: Grant;
    readonly to: "S" | "I";
  }
  /** With what is committed, unless the peer has it: the answer to its request. */
  | {
    readonly kind: "grant";
    readonly peer: string;
    readonly request: number;
    readonly grant: Grant;
    readonly state: "S" | "E";
    readonly withContent: boolean;
  }
  /** Propose this write-back in the home's own term; then `committed`. */
  | { readonly kind: "commit"; readonly content: Written }
  /** Propose the removal in the home's own term, under this grant; then `removed`. */
  | { readonly kind: "remove"; readonly grant: Grant }
  | {
    readonly kind: "confirm";
    readonly peer: string;
    readonly grant: Grant;
    readonly version: Version;
    readonly rides: boolean;
  }
  /** The write-back is not of the current grant; or (null) that line of the inventory is not. */
  | {
    readonly kind: "refuse";
    readonly peer: string;
    readonly grant: Grant;
    readonly version: Version | null;
  }
  /** A `remove` or `invalidate` is done. */
  | { readonly kind: "done"; readonly request: number };

export interface EntryStep {
  readonly entry: Entry;
  readonly effects: readonly EntryEffect[];
}

/** @param exact whether the directory is complete: else somebody may hold a line who has not reported it yet */
export function newEntry(exact: boolean): Entry {
  return { holders: [], exact, job: null, awaited: [], writes: [], removing: false, queue: [] };
}

/** Whether nothing is known of the key that a new entry would not say. */
export function isForgettable({ holders, exact, job, writes, queue }: Entry): boolean {
  return exact && job === null && holders.length === 0 && writes.length === 0 && queue.length === 0;
}
