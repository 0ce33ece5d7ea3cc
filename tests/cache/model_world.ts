/**
 * A few peers and one key, as the model checker sees them: the pure protocol inside, and around it a network that
 * delivers in any order, a log, leases that end, crashes, and homes that move while the former one lives on. A
 * state is plain data; `movesOf` gives every move that is possible in it, and what each leads to.
 *
 * Time is left out: a lease ends by a move, which may come at any moment; but a home takes another's lease for
 * ended only once it is, which is what drift, and the waits of `lease_times.ts`, allow.
 */
import type { Entry, EntryEffect, EntryEvent } from "../../src/cache/directory_entry.ts";
import { beginTerm, type HomeTerm, peerReported } from "../../src/cache/home_term.ts";
import { isUsable, type Reported } from "../../src/cache/inventory.ts";
import { type Content, type Line, NO_LINE, type Wish, type Written } from "../../src/cache/line.ts";
import type { Keeps, LineEffect, LineEvent } from "../../src/cache/line_events.ts";
import type { Grant, Version } from "../../src/cache/version.ts";

export interface Budgets {
  readonly asks: number;
  readonly writes: number;
  readonly reads: number;
  readonly flushes: number;
  readonly evictions: number;
  readonly removals: number;
  readonly invalidations: number;
  readonly losses: number;
  readonly duplicates: number;
  readonly lapses: number;
  readonly homeLapses: number;
  readonly elections: number;
  readonly reports: number;
  readonly crashes: number;
}

/** Nothing happens. */
export const NO_BUDGETS: Budgets = {
  asks: 0,
  writes: 0,
  reads: 0,
  flushes: 0,
  evictions: 0,
  removals: 0,
  invalidations: 0,
  losses: 0,
  duplicates: 0,
  lapses: 0,
  homeLapses: 0,
  elections: 0,
  reports: 0,
  crashes: 0,
};

export interface PeerModel {
  readonly up: boolean;
  readonly term: number;
  /** Null: no lease with the home of `term`. */
  readonly session: number | null;
  /** The older term whose lease lasts; 0: none. */
  readonly former: number;
  readonly rebuilt: boolean;
  /** The inventory that is not answered. */
  readonly reporting: number | null;
  readonly line: Line;
}

export interface HomeModel {
  readonly peer: number;
  readonly home: HomeTerm;
  readonly hasLease: boolean;
  /** Its process is: what it had applied and proposed is in the others' logs. */
  readonly isGone: boolean;
  readonly entry: Entry | null;
  /** What this peer has applied. */
  readonly store: Store;
  /** Proposed and not committed. */
  readonly log: readonly LogEntry[];
}

export interface Store {
  /** Null: there was never anything. */
  readonly version: Version | null;
  readonly value: Uint8Array | null;
}

export type LogEntry = { readonly write: Written } | { readonly remove: Grant };

export type Message =
  | { readonly kind: "report"; readonly id: number; readonly line: Reported | null }
  | {
    readonly kind: "leased";
    readonly id: number;
    readonly session: number;
    readonly confirms: readonly (EntryEffect & { kind: "confirm" })[];
    readonly refuses: readonly (EntryEffect & { kind: "refuse" })[];
    readonly rebuilt: boolean;
  }
  | {
    readonly kind: "ask";
    readonly session: number;
    readonly request: number;
    readonly wish: Wish;
    readonly holds: Grant | null;
  }
  | {
    readonly kind: "granted";
    readonly request: number;
    readonly grant: Grant;
    readonly state: "S" | "E";
    readonly content: Content | null;
  }
  | { readonly kind: "recall"; readonly grant: Grant; readonly to: "S" | "I" }
  | {
    readonly kind: "acknowledge";
    readonly grant: Grant;
    readonly kept: boolean;
    readonly held: boolean;
    readonly dirty: Written | null;
  }
  | {
    readonly kind: "writeBack";
    readonly session: number;
    readonly grant: Grant;
    readonly content: Written;
    readonly keeps: Keeps;
  }
  | { readonly kind: "dropped"; readonly grant: Grant }
  | { readonly kind: "confirmed"; readonly grant: Grant; readonly version: Version }
  | { readonly kind: "refused"; readonly grant: Grant; readonly version: Version | null };

export interface Envelope {
  readonly from: number;
  readonly to: number;
  readonly term: number;
  readonly message: Message;
}

/** What a linearizable reader may see: the last write, or where one was lost, what was written back before it. */
export interface Ghost {
  readonly latest: Version | null;
  readonly floor: Version | null;
  /** The last removal; null: the beginning, when there was no value either. */
  readonly removed: Version | null;
  /** A writer was told that this one is committed. */
  readonly safe: Version | null;
}

export interface World {
  readonly peers: readonly PeerModel[];
  /** The last one is of the newest term; older ones live on until they hear of it. */
  readonly homes: readonly HomeModel[];
  readonly leaseHolders: readonly number[];
  readonly network: readonly Envelope[];
  readonly nextId: number;
  /** What is committed. */
  readonly store: Store;
  readonly ghost: Ghost;
  readonly left: Budgets;
}

export interface Move {
  readonly name: string;
  /** May throw an error: a broken promise. */
  run(): World;
}

/** What the checker watches beside the worlds themselves. */
export interface Observer {
  line(before: Line, event: LineEvent, after: Line, effects: readonly LineEffect[]): void;
  entry(before: Entry, event: EntryEvent, after: Entry, effects: readonly EntryEffect[]): void;
}

export const NOBODY: PeerModel = {
  up: true,
  term: 1,
  session: null,
  former: 0,
  rebuilt: true,
  reporting: null,
  line: NO_LINE,
};

/** Peer 0 is the home, all have a lease, and the key has no value and no line anywhere. */
export function firstWorld(peerCount: number, left: Budgets): World {
  let home = beginTerm(1, []);
  const peers: PeerModel[] = [];
  for (let peer = 0; peer < peerCount; peer++) {
    const reported = peerReported(home, nameOf(peer));
    home = reported.home;
    peers.push({ ...NOBODY, session: reported.session });
  }
  const store = { version: null, value: null };
  return {
    peers,
    homes: [{ peer: 0, home, hasLease: true, isGone: false, entry: null, store, log: [] }],
    leaseHolders: peers.map((_, peer) => peer),
    network: [],
    nextId: 1,
    store,
    ghost: { latest: null, floor: null, removed: null, safe: null },
    left,
  };
}

export function nameOf(peer: number): string {
  return String.fromCharCode(65 + peer);
}

export function numberOf(name: string): number {
  return name.charCodeAt(0) - 65;
}

export function homeAt(world: World, peer: number): HomeModel | undefined {
  return world.homes.find((home) => home.peer === peer && !home.isGone);
}

/** Whether a peer may use, now, what it has under this grant. */
export function mayUse(world: World, peer: number, grant: Grant): boolean {
  const { term, session, former, rebuilt } = world.peers[peer]!;
  const home = homeAt(world, peer);
  const isHome = home !== undefined && home.home.term === term;
  const isLive = isHome ? home.hasLease : session !== null;
  return isUsable(grant, { term, isLive, isFormerLive: former !== 0, isRebuilt: rebuilt });
}
