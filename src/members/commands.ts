/**
 * The commands of the members' machine: as arrays, the kind first, in an entry's envelope. Makers and
 * the parser stand together, so that one cannot change without the other.
 */
import type { PeerId } from "../raft/entry.ts";
import { isPeerId, isText, type MemberInfo, parseMemberInfo } from "./member_info.ts";
import { type FormationPlan, parsePlan } from "./plan.ts";

/** The machine's name in envelopes and snapshots. */
export const MEMBERS_MACHINE = "members";

export type MembersCommand =
  /** The first of all: the founders and the cluster's parameters. By the first leader, once. */
  | { readonly kind: "found"; readonly plan: FormationPlan }
  /** Adds a member, or renews what is known of one; by the peer itself, through any member. */
  | { readonly kind: "join"; readonly member: MemberInfo }
  | { readonly kind: "remove"; readonly peer: PeerId }
  /** Only while the peer still has this boot id: one that came back meanwhile is not dead. */
  | { readonly kind: "markDead"; readonly peer: PeerId; readonly bootId: string }
  | { readonly kind: "markAlive"; readonly peer: PeerId }
  /** An operator's: whether replicas should leave the member, or may lie on it again. */
  | { readonly kind: "drain"; readonly peer: PeerId; readonly draining: boolean }
  /** The waiters of this boot of the peer are detached: nothing is owed for it any more. */
  | { readonly kind: "detached"; readonly peer: PeerId; readonly bootId: string };

const BOOT_ID_BYTES_MAX = 256;

/** The command's body for `Groups.propose`. */
export function encodeMembersCommand(command: MembersCommand): readonly unknown[] {
  switch (command.kind) {
    case "found":
      return [command.kind, command.plan];
    case "join":
      return [command.kind, command.member];
    case "remove":
    case "markAlive":
      return [command.kind, command.peer];
    case "markDead":
    case "detached":
      return [command.kind, command.peer, command.bootId];
    case "drain":
      return [command.kind, command.peer, command.draining];
  }
}

/** @returns null for what this version does not know, and for what is out of bounds */
export function parseMembersCommand(body: unknown): MembersCommand | null {
  if (!Array.isArray(body)) return null;
  const [kind, subject, detail] = body;
  if (kind === "found") {
    const plan = parsePlan(subject);
    return plan === null ? null : { kind, plan };
  }
  if (kind === "join") {
    const member = parseMemberInfo(subject);
    return member === null ? null : { kind, member };
  }
  if (!isPeerId(subject)) return null;
  switch (kind) {
    case "remove":
    case "markAlive":
      return { kind, peer: subject };
    case "markDead":
    case "detached":
      return isText(detail, BOOT_ID_BYTES_MAX) ? { kind, peer: subject, bootId: detail } : null;
    case "drain":
      return typeof detail === "boolean" ? { kind, peer: subject, draining: detail } : null;
    default:
      return null;
  }
}
