/**
 * N of section "Forming a cluster": how many empty peers must meet before they form one. Said with
 * `--expect`, else derived from `--peers`. A pure function, asked again whenever a handshake tells
 * where an entry of the list leads. While an entry is not resolved this peer only joins, and what a
 * handshake tells can only lower N: a peer that knows too little waits for too many and never for too
 * few.
 */
import type { PeerId } from "../raft/entry.ts";

/** One entry of `--peers`, with what is known of it by now. */
export interface PeerEntry {
  /** As the operator wrote it. */
  readonly written: string;
  /** How many addresses its name resolves to; 1 for a literal address, 0 while unresolved. */
  readonly addressCount: number;
  /** It is one of this peer's own addresses. */
  readonly ownAddress: boolean;
  /** Who answered the handshake there; null while nobody has. */
  readonly identity: PeerId | null;
}

export interface ExpectInputs {
  /** `--expect`; null where it is not given. */
  readonly expect: number | null;
  readonly peers: readonly PeerEntry[];
  /** Whether `--swarm` is given. */
  readonly swarm: boolean;
}

export interface Expected {
  /** How many peers form a cluster, this one included; 0: this peer only joins. */
  readonly count: number;
  /** One sentence for the log and /health where an empty peer only joins; "" elsewhere. */
  readonly reason: string;
}

/**
 * @param self this peer's identity, so that an entry that leads back to it counts as itself
 * @returns N, and why it is 0 where it is
 */
export function deriveExpect(self: PeerId, inputs: ExpectInputs): Expected {
  if (inputs.expect !== null) {
    return inputs.expect === 0 ? onlyJoins("--expect is 0") : formsWith(inputs.expect);
  }
  if (inputs.peers.length === 0) {
    return inputs.swarm ? onlyJoins("only --swarm is given; --expect would form") : formsWith(1);
  }
  const unresolved = inputs.peers.find((entry) => entry.addressCount === 0);
  if (unresolved !== undefined) {
    return onlyJoins(`it is not known yet where ${unresolved.written} leads`);
  }
  const plural = inputs.peers.find((entry) => entry.addressCount > 1);
  if (plural !== undefined) {
    return onlyJoins(`${plural.written} has several addresses; --expect would form`);
  }
  const count = distinctPeers(self, inputs.peers);
  return count === 1
    ? onlyJoins("--peers names nobody but this peer; --expect would form")
    : formsWith(count);
}

/** Counts the peers that the list leads to, and this one; an entry that nobody answered yet is a peer. */
function distinctPeers(self: PeerId, entries: readonly PeerEntry[]): number {
  const distinct = new Set<string>([self]);
  for (const entry of entries) {
    distinct.add(entry.ownAddress ? self : entry.identity ?? `entry ${entry.written}`);
  }
  return distinct.size;
}

function formsWith(count: number): Expected {
  return { count, reason: "" };
}

function onlyJoins(because: string): Expected {
  return { count: 0, reason: `this empty peer only joins: ${because}` };
}
