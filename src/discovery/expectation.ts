/**
 * How many empty peers must meet before they form a cluster, where `--expect` does not say: the entries
 * of `--peers` as written, and one for this peer if none of them leads to it. An identity that several
 * entries lead to counts once. Where the list leaves the number open, an empty peer only joins. Pure: what is
 * known of the entries comes in, and may grow with every handshake.
 */
import type { PeerId } from "../raft/entry.ts";
import type { EntryView } from "./static.ts";

export interface ExpectationContext {
  readonly self: PeerId;
  /** host:port under which this peer listens or is advertised. */
  readonly selfAddresses: readonly string[];
  /** Whether an address was found, by handshake, to lead to this peer itself. */
  readonly isOwnAddress: (address: string) => boolean;
  /** The peer that was met at an address, by handshake; null while unknown. */
  readonly peerAt: (address: string) => PeerId | null;
}

export interface Expectation {
  /** 0: the list does not say; this peer only joins. */
  readonly count: number;
  /** Why it only joins, for the log; "" otherwise. */
  readonly reason: string;
}

/** @param entries of a list that is not empty, in any state of resolution */
export function expectedPeers(
  entries: readonly EntryView[],
  context: ExpectationContext,
): Expectation {
  const several = entries.find(({ isSeveral }) => isSeveral);
  if (several !== undefined) {
    return { count: 0, reason: `${several.written} has several addresses` };
  }
  const unresolved = entries.find(({ isResolved }) => !isResolved);
  if (unresolved !== undefined) {
    return { count: 0, reason: `${unresolved.written} is not resolved yet` };
  }
  const identities = new Set<PeerId>();
  let unknown = 0;
  for (const entry of entries) {
    const identity = identify(entry, context);
    if (identity === null) unknown++;
    else identities.add(identity);
  }
  identities.add(context.self);
  const count = identities.size + unknown;
  return count > 1 ? { count, reason: "" } : { count: 0, reason: "the list names only this peer" };
}

function identify(entry: EntryView, context: ExpectationContext): PeerId | null {
  const { self, selfAddresses, isOwnAddress, peerAt } = context;
  const addresses = [...entry.addresses, ...entry.lookedUp];
  if (entry.peers.includes(self)) return self;
  if (addresses.some((address) => selfAddresses.includes(address) || isOwnAddress(address))) {
    return self;
  }
  if (entry.peers[0] !== undefined) return entry.peers[0];
  for (const address of entry.addresses) {
    const peer = peerAt(address);
    if (peer !== null) return peer;
  }
  return null;
}
