/**
 * Questions about a Raft configuration that both the service and the steward ask. In a joint one, both
 * sets of voters count.
 */
import type { Configuration, PeerId, Replica } from "../raft/entry.ts";

/** Whether the peer votes, in the outgoing set included. */
export function isVoter(configuration: Configuration, peer: PeerId): boolean {
  return holds(configuration.voters, peer) || holds(configuration.votersOutgoing, peer);
}

/** Whether the peer has a replica of any kind. */
export function hasReplica(configuration: Configuration, peer: PeerId): boolean {
  return isVoter(configuration, peer) || holds(configuration.learners, peer) ||
    holds(configuration.learnersNext, peer);
}

function holds(replicas: readonly Replica[], peer: PeerId): boolean {
  return replicas.some((replica) => replica.peer === peer);
}
