/**
 * A connection in use as people see it: over which way it goes, how its peer came to be known, and how it fares.
 */
import type { PeerId } from "../raft/entry.ts";
import type { ConnectionMeasures } from "./connection.ts";
import type { Way } from "./line.ts";

/** Who wants addresses to be dialled: the list of `--peers`, or what the cluster knows of its members. */
export type AddressSource = "list" | "members";

/** How a peer came to be known; in no such way: it dialled this one. */
export type FoundBy = AddressSource | "swarm";

export interface LinkView extends ConnectionMeasures {
  readonly peer: PeerId;
  readonly way: Way;
  readonly foundBy: readonly FoundBy[];
}
