/**
 * What the home of a partition knows of its peers in one term: who may hold lines that it has not heard of, and who has
 * a lease. Pure: when a time is over comes as a call; `lease_times.ts` says when that is.
 *
 * A new home is rebuilt once every peer in the replicated set of lease holders has reported its lines, or none of
 * their leases with older homes can last. A session is one lease of a peer, from its inventory on: whoever lets its
 * lease end reports again, and requests from before come to nothing.
 */
import type { Grant } from "./version.ts";

interface Session {
  readonly peer: string;
  readonly session: number;
  /** It covers lines of older homes: the directory was rebuilt when it began. */
  readonly isFull: boolean;
}

export interface HomeTerm {
  readonly term: number;
  /** Grants and sessions so far. */
  readonly minted: number;
  readonly sessions: readonly Session[];
  /** Lease holders of older terms that have not reported. */
  readonly missing: readonly string[];
  readonly isAlone: boolean;
  readonly isRebuilt: boolean;
}

/**
 * @param term whose first entry is applied here
 * @param leaseHolders the replicated set as it then is, the home of the term before included
 */
export function beginTerm(term: number, leaseHolders: readonly string[]): HomeTerm {
  const isRebuilt = leaseHolders.length === 0;
  return { term, minted: 0, sessions: [], missing: leaseHolders, isAlone: isRebuilt, isRebuilt };
}

export function mintGrant(home: HomeTerm): { readonly home: HomeTerm; readonly grant: Grant } {
  const minted = home.minted + 1;
  return { home: { ...home, minted }, grant: { term: home.term, counter: minted } };
}

/** The peer's inventory came, whole, and all its lines are in the directory. It has to be in the replicated set. */
export function peerReported(
  home: HomeTerm,
  peer: string,
): { readonly home: HomeTerm; readonly session: number } {
  const session = home.minted + 1;
  const missing = home.missing.filter((other) => other !== peer);
  const isRebuilt = home.isRebuilt || missing.length === 0;
  const others = home.sessions.filter((other) => other.peer !== peer);
  const sessions = [...others, { peer, session, isFull: isRebuilt }];
  return { home: { ...home, minted: session, sessions, missing, isRebuilt }, session };
}

/** The peer's lease with this home cannot last any more; then the entries are told (`ended`). */
export function leaseEnded(home: HomeTerm, peer: string): HomeTerm {
  return { ...home, sessions: home.sessions.filter((other) => other.peer !== peer) };
}

/** No older home holds a home lease any more. */
export function olderHomesOver(home: HomeTerm): HomeTerm {
  return { ...home, isAlone: true };
}

/** No lease with an older home lasts any more. */
export function olderLeasesOver(home: HomeTerm): HomeTerm {
  return { ...home, missing: [], isAlone: true, isRebuilt: true };
}

/** Whether the peer has this session. @param grant one that it must cover */
export function isLeased(
  home: HomeTerm,
  peer: string,
  session: number,
  grant: Grant | null,
): boolean {
  const found = home.sessions.find((other) => other.peer === peer && other.session === session);
  return found !== undefined && (grant === null || grant.term === home.term || found.isFull);
}
