/**
 * What a peer sends to any member to be added to its cluster, or to renew what the cluster knows of it
 * (a new boot id, other addresses). The member proposes it to group 0; see `service.ts`.
 */
import type { ConnectedPeer } from "../net/transport.ts";
import { isRecord, type MemberInfo, memberInfo, parseMemberInfo } from "./member_info.ts";

/** The request's method. Refused with CONFLICT where the cluster itself says no. */
export const JOIN_METHOD = "members.join";

export interface JoinRequest {
  /** The cluster that the peer means: one that has another id refuses. */
  readonly clusterId: string;
  readonly member: MemberInfo;
}

export function joinRequest(clusterId: string, self: ConnectedPeer): JoinRequest {
  return { clusterId, member: memberInfo(self) };
}

export function parseJoinRequest(body: unknown): JoinRequest | null {
  if (!isRecord(body) || typeof body.clusterId !== "string") return null;
  const member = parseMemberInfo(body.member);
  return member === null ? null : { clusterId: body.clusterId, member };
}
