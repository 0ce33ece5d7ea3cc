/**
 * Whom an entry of the list leads to, as far as handshakes and endpoints have told by now. Forming a cluster
 * counts the list's entries, and must count neither this peer nor another twice. Pure: what is known comes
 * in, and the answer may grow with every handshake.
 */
import type { PeerId } from "../raft/entry.ts";
import type { EntryView } from "./static.ts";

export interface KnownPeers {
  readonly self: PeerId;
  /** host:port under which this peer listens or is advertised. */
  readonly selfAddresses: readonly string[];
  /** Whether an address was found, by handshake, to lead to this peer itself. */
  readonly isOwnAddress: (address: string) => boolean;
  /** The peer that was met at an address, by handshake; null while unknown. */
  readonly peerAt: (address: string) => PeerId | null;
}

/** @returns the peer that the entry leads to (this one included), or null while that is unknown */
export function identifyEntry(entry: EntryView, known: KnownPeers): PeerId | null {
  const { self, selfAddresses, isOwnAddress, peerAt } = known;
  if (entry.peers.includes(self)) return self;
  const addresses = [...entry.addresses, ...entry.lookedUp];
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
