/**
 * Who leads, as answers name it, and the refusal to forward: `?forward=false`, or the header
 * `Skein-Forward: no`, makes a peer that does not lead the group answer `NOT_LEADER` with the leader's
 * name and address, for callers that would rather go there themselves.
 */
import { SkeinError } from "../errors.ts";
import type { Peer } from "../peer/peer.ts";
import type { PeerId } from "../raft/entry.ts";

const FORWARD_HEADER = "skein-forward";
const FORWARD_OFF = /[?&]forward=(?:false|no|0)(?:&|$)/;

/** A member's name; its id where the name is not known: not yet, or not while the storage has failed. */
export function nameOf(peer: Peer, id: PeerId): string {
  if (id === peer.id) return peer.name;
  try {
    return peer.members.find(id)?.name ?? id;
  } catch (error) {
    if (error instanceof SkeinError) return id;
    throw error;
  }
}

/** @returns the name of the group's leader, or null where this peer knows none */
export function leaderName(peer: Peer, group: number): string | null {
  const leader = peer.groups.status(group)?.leader ?? null;
  return leader === null ? null : nameOf(peer, leader);
}

/**
 * @returns the answer to a caller that does not want its request forwarded from here, or null where the
 * request may go on
 */
export function refusalToForward(peer: Peer, request: Request, group: number): SkeinError | null {
  if (!FORWARD_OFF.test(request.url) && !isOff(request.headers.get(FORWARD_HEADER))) return null;
  const leader = peer.groups.status(group)?.leader ?? null;
  if (leader === peer.id) return null;
  if (leader === null) {
    return new SkeinError(
      "NOT_LEADER",
      `${peer.name} does not lead group ${group}, and knows no leader`,
      {
        leader: null,
        leader_url: null,
      },
    );
  }
  const name = nameOf(peer, leader);
  const url = peer.members.find(leader)?.httpUrl ?? "";
  return new SkeinError("NOT_LEADER", `${peer.name} does not lead group ${group}; ${name} does`, {
    leader: name,
    leader_url: url === "" ? null : url,
  });
}

function isOff(header: string | null): boolean {
  return header !== null && /^(?:no|false|0)$/i.test(header);
}
