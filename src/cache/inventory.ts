/**
 * What a peer tells a new home of a line, and the terms under which a peer may use it. Pure.
 *
 * A lease with the new home covers a line that an older home granted only once the directory is rebuilt and has
 * accepted it again: until then an older home, cut off, may take this peer's former lease for ended and grant the line
 * elsewhere, to somebody who has not reported yet. So such a line lives by the former lease, and ends with it.
 */
import type { Line } from "./line.ts";
import type { Grant, Version } from "./version.ts";
import { sameGrant } from "./version.ts";

export type Reported =
  /** E or M, and S. */
  | { readonly kind: "owned" | "shared"; readonly grant: Grant }
  /** Handed over or evicted, and not confirmed: whether it was committed, the home's state tells. */
  | {
    readonly kind: "owed";
    readonly grant: Grant;
    readonly version: Version;
    /** A Shared copy under the same grant is here. */
    readonly hasCopy: boolean;
  };

/** @returns null where there is nothing to tell */
export function inventoryOf({ state, grant, owed }: Line): Reported | null {
  if (owed !== null) {
    const hasCopy = sameGrant(owed.grant, grant);
    return { kind: "owed", grant: owed.grant, version: owed.content.version, hasCopy };
  }
  if (grant === null) return null;
  return { kind: state === "S" ? "shared" : "owned", grant };
}

/** What a peer has of one partition, now. */
export interface PeerLease {
  /** The newest term that the peer has heard of; messages of older ones are refused. */
  readonly term: number;
  /** The lease with the home of this term lasts. */
  readonly isLive: boolean;
  /** The lease with the home before lasts. */
  readonly isFormerLive: boolean;
  /** The home has accepted this peer's inventory after its directory was rebuilt. */
  readonly isRebuilt: boolean;
}

/** Whether a peer may use what it has under a grant; what it may not use, goes to I. */
export function isUsable({ term: grantTerm }: Grant, lease: PeerLease): boolean {
  const { term, isLive, isFormerLive, isRebuilt } = lease;
  if (grantTerm === term) return isLive;
  return isFormerLive || (isLive && isRebuilt);
}
