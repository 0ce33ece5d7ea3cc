/**
 * Who leads, as answers name it, and the refusal to forward: `?forward=false`, or the header
 * `Skein-Forward: no`, makes a peer that does not lead the group answer `NOT_LEADER` with the leader's
 * name and address, for callers that would rather go there themselves.
 */
import { z } from "@hono/zod-openapi";
import { SkeinError } from "../errors.ts";
import type { Peer } from "../peer/peer.ts";
import type { PeerId } from "../raft/entry.ts";
import { type PartitionedKind, partitionOf } from "../ring/partition_of.ts";

/** The query's `forward`, for routes' definitions. */
export const forwardField = z.string().optional().openapi({
  description: "false: answer NOT_LEADER in place of asking the leader",
});

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
  return declinesForwarding(request) ? notHere(peer, group) : null;
}

/** As `refusalToForward`, for the partition of a thing: of a queue's topic that is its first lane's. */
export function refusalToForwardTo(
  peer: Peer,
  request: Request,
  kind: PartitionedKind,
  name: string,
): SkeinError | null {
  if (!declinesForwarding(request)) return null;
  return notHere(peer, partitionOf(kind, name, peer.members.view().partitions));
}

/** As `refusalToForwardTo`, for a queue's topic. */
export function refusalToForwardTopic(
  peer: Peer,
  request: Request,
  topic: string,
): SkeinError | null {
  return refusalToForwardTo(peer, request, "queue", topic);
}

function declinesForwarding(request: Request): boolean {
  return FORWARD_OFF.test(request.url) || isOff(request.headers.get(FORWARD_HEADER));
}

function notHere(peer: Peer, group: number): SkeinError | null {
  const leader = peer.groups.leaderOf(group);
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
