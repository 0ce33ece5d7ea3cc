/**
 * The replicated member list of group 0: who belongs to the cluster, under which name and addresses,
 * and who is dead. "Dead" here is an entry that all replicas agree on, not an opinion. Pure and
 * deterministic (see `groups/machine.ts`). Identities and names are unique. A removed identity never
 * comes back: it would return with votes that its cluster has forgotten.
 *
 * Every replica begins empty, and the first command brings the founders. Were they there from the start,
 * a learner that gets the log from its beginning would lack them.
 *
 * It also keeps what is owed for boots that have ended: the lock waiters of each are to be detached, by
 * whoever leads group 0 then. A debt stays until an entry says that it is paid, whoever crashes.
 */
import { assert, unreachable } from "../assert.ts";
import type { ApplyContext, Effect, Machine, Outcome } from "../groups/machine.ts";
import { refuse } from "../groups/refusal.ts";
import { LIMITS } from "../limits.ts";
import type { PeerId } from "../raft/entry.ts";
import { MEMBERS_MACHINE, type MembersCommand, parseMembersCommand } from "./commands.ts";
import { type MemberInfo, sameMemberInfo } from "./member_info.ts";
import type { FormationPlan } from "./plan.ts";
import {
  decodeMembersState,
  emptyMembersState,
  encodeMembersState,
  type EndedBoot,
  foundedMembersState,
  type Member,
  type MembersState,
} from "./state.ts";

export type MembersEffect =
  | (Effect & { readonly kind: "memberJoined"; readonly member: Member })
  | (Effect & { readonly kind: "memberUpdated"; readonly member: Member })
  | (Effect & { readonly kind: "memberRemoved"; readonly peer: PeerId; readonly bootId: string })
  | (Effect & { readonly kind: "memberDead"; readonly peer: PeerId; readonly bootId: string })
  | (Effect & { readonly kind: "memberAlive"; readonly peer: PeerId })
  | (Effect & {
    readonly kind: "memberDraining";
    readonly peer: PeerId;
    readonly draining: boolean;
  })
  | (Effect & {
    readonly kind: "memberBootChanged";
    readonly peer: PeerId;
    readonly oldBootId: string;
  });

/** Removed identities that are remembered; the oldest go first. */
export const REMOVED_MAX = 1_024;
/** Ended boots that are remembered; the oldest go first, and their waiters end by their own deadlines. */
export const ENDED_BOOTS_MAX = 1_024;

/** The answer of every command that is taken; refusals are as in `groups/refusal.ts`. */
const OK = { ok: true };

export class MembersMachine implements Machine<MembersCommand, MembersEffect> {
  readonly name = MEMBERS_MACHINE;
  /** What this peer founded its cluster on, for a leader to propose first; null for one that joined. */
  readonly plan: FormationPlan | null;
  #state: MembersState = emptyMembersState();

  /** @param plan does not touch the state: only the founding entry does, on every replica alike */
  constructor(plan: FormationPlan | null = null) {
    this.plan = plan;
  }

  get clusterId(): string | null {
    return this.#state.clusterId;
  }

  get partitions(): number {
    return this.#state.partitions;
  }

  get replicas(): number {
    return this.#state.replicas;
  }

  /** Rises whenever anything of the members changes; equal ones stand for equal members. */
  get revision(): number {
    return this.#state.revision;
  }

  members(): readonly Member[] {
    return [...this.#state.members.values()];
  }

  member(id: PeerId): Member | null {
    return this.#state.members.get(id) ?? null;
  }

  /** Boots whose waiters are still to be detached, oldest first. */
  endedBoots(): readonly EndedBoot[] {
    return this.#state.endedBoots;
  }

  decode(body: unknown): MembersCommand | null {
    return parseMembersCommand(body);
  }

  apply(command: MembersCommand, context: ApplyContext): Outcome<MembersEffect> {
    const outcome = this.#apply(command, context);
    if (outcome.effects.length > 0) this.#state.revision = context.index;
    return outcome;
  }

  #apply(command: MembersCommand, context: ApplyContext): Outcome<MembersEffect> {
    if (command.kind === "found") return this.#found(command.plan, context);
    if (this.#state.clusterId === null) {
      return refused("UNAVAILABLE", "the cluster begins only now");
    }
    switch (command.kind) {
      case "join":
        return this.#join(command.member, context);
      case "remove":
        return this.#remove(command.peer);
      case "markDead":
        return this.#markDead(command.peer, command.bootId);
      case "markAlive":
        return this.#markAlive(command.peer);
      case "drain":
        return this.#drain(command.peer, command.draining);
      case "detached":
        return this.#detached(command.peer, command.bootId);
      default:
        unreachable(command);
    }
  }

  expire(): readonly MembersEffect[] {
    return [];
  }

  nextDeadlineMs(): number | null {
    return null;
  }

  snapshot(): Iterator<Uint8Array> {
    return [encodeMembersState(this.#state)][Symbol.iterator]();
  }

  restore(chunks: Iterable<Uint8Array>): void {
    const [chunk, ...more] = chunks;
    assert(more.length === 0, "the members' snapshot is one chunk");
    this.#state = chunk === undefined ? emptyMembersState() : decodeMembersState(chunk);
  }

  checkInvariants(): void {
    const { members, removed, endedBoots } = this.#state;
    assert(members.size <= LIMITS.membersMax, `${members.size} members`);
    assert(removed.length <= REMOVED_MAX, `${removed.length} removed identities`);
    assert(endedBoots.length <= ENDED_BOOTS_MAX, `${endedBoots.length} ended boots`);
    const names = new Set<string>();
    for (const [id, member] of members) {
      assert(id === member.id, "a member stands under its own identity");
      assert(!names.has(member.name), `two members are named ${member.name}`);
      assert(!removed.includes(id), `${id} is a member and removed`);
      names.add(member.name);
    }
    const boots = new Set(endedBoots.map(({ peer, bootId }) => `${peer} ${bootId}`));
    assert(boots.size === endedBoots.length, "an ended boot stands once");
  }

  #found(plan: FormationPlan, context: ApplyContext): Outcome<MembersEffect> {
    if (this.#state.clusterId !== null) return { answer: OK, effects: [] };
    this.#state = foundedMembersState(plan, context.timeMs);
    const effects = this.members().map((member) => ({ kind: "memberJoined", member }) as const);
    return { answer: OK, effects };
  }

  #join(info: MemberInfo, context: ApplyContext): Outcome<MembersEffect> {
    const refusal = this.#joinRefusal(info);
    if (refusal !== null) return refused("CONFLICT", refusal);
    const { members } = this.#state;
    const known = members.get(info.id);
    // Its boot lives after all: it was taken for dead, or for older than one that an old message named.
    this.#settle(info.id, info.bootId);
    if (known === undefined) {
      const member = { ...info, joinedAtMs: context.timeMs, dead: false, draining: false };
      members.set(info.id, member);
      return { answer: OK, effects: [{ kind: "memberJoined", member }] };
    }
    if (sameMemberInfo(known, info) && !known.dead) return { answer: OK, effects: [] };
    const { joinedAtMs, draining } = known;
    const member = { ...info, joinedAtMs, dead: false, draining };
    members.set(info.id, member);
    const effects: MembersEffect[] = [{ kind: "memberUpdated", member }];
    if (known.dead) effects.push({ kind: "memberAlive", peer: info.id });
    if (known.bootId !== info.bootId) {
      this.#owe(info.id, known.bootId);
      effects.push({ kind: "memberBootChanged", peer: info.id, oldBootId: known.bootId });
    }
    return { answer: OK, effects };
  }

  /** Why this peer may not be a member under what it says of itself; null where it may. */
  #joinRefusal(info: MemberInfo): string | null {
    const { members, removed } = this.#state;
    if (removed.includes(info.id)) {
      return "this peer was removed from the cluster: start it with an empty data directory";
    }
    const namesake = this.members().find(({ id, name }) => name === info.name && id !== info.id);
    if (namesake !== undefined) {
      return `the name ${info.name} belongs to the member ${namesake.id.slice(0, 8)}: ` +
        "choose another, or remove that member";
    }
    if (!members.has(info.id) && members.size >= LIMITS.membersMax) {
      return `the cluster has ${members.size} members already, the most there can be`;
    }
    return null;
  }

  #remove(peer: PeerId): Outcome<MembersEffect> {
    const { members, removed } = this.#state;
    const member = members.get(peer);
    if (member === undefined) return notFound(peer);
    if (members.size === 1) return refused("CONFLICT", "the last member cannot be removed");
    members.delete(peer);
    removed.push(peer);
    if (removed.length > REMOVED_MAX) removed.shift();
    this.#owe(peer, member.bootId);
    return { answer: OK, effects: [{ kind: "memberRemoved", peer, bootId: member.bootId }] };
  }

  #markDead(peer: PeerId, bootId: string): Outcome<MembersEffect> {
    const { members } = this.#state;
    const member = members.get(peer);
    if (member === undefined) return notFound(peer);
    if (member.bootId !== bootId) {
      return refused("CONFLICT", `${member.name} has started again since`);
    }
    if (member.dead) return { answer: OK, effects: [] };
    members.set(peer, { ...member, dead: true });
    this.#owe(peer, bootId);
    return { answer: OK, effects: [{ kind: "memberDead", peer, bootId }] };
  }

  #markAlive(peer: PeerId): Outcome<MembersEffect> {
    const { members } = this.#state;
    const member = members.get(peer);
    if (member === undefined) return notFound(peer);
    if (!member.dead) return { answer: OK, effects: [] };
    members.set(peer, { ...member, dead: false });
    return { answer: OK, effects: [{ kind: "memberAlive", peer }] };
  }

  /** The last one that replicas may lie on keeps them: there would be nowhere to move them. */
  #drain(peer: PeerId, draining: boolean): Outcome<MembersEffect> {
    const { members } = this.#state;
    const member = members.get(peer);
    if (member === undefined) return notFound(peer);
    if (member.draining === draining) return { answer: OK, effects: [] };
    const isNeeded = this.members().every(({ id, dead, draining }) => {
      return id === peer || dead || draining;
    });
    if (draining && isNeeded) {
      return refused("CONFLICT", `no living member but ${member.name} is there to take replicas`);
    }
    members.set(peer, { ...member, draining });
    return { answer: OK, effects: [{ kind: "memberDraining", peer, draining }] };
  }

  #detached(peer: PeerId, bootId: string): Outcome<MembersEffect> {
    this.#settle(peer, bootId);
    return { answer: OK, effects: [] };
  }

  #settle(peer: PeerId, bootId: string): void {
    const { endedBoots } = this.#state;
    const position = endedBoots.findIndex((boot) => boot.peer === peer && boot.bootId === bootId);
    if (position >= 0) endedBoots.splice(position, 1);
  }

  #owe(peer: PeerId, bootId: string): void {
    const { endedBoots } = this.#state;
    if (endedBoots.some((boot) => boot.peer === peer && boot.bootId === bootId)) return;
    endedBoots.push({ peer, bootId });
    if (endedBoots.length > ENDED_BOOTS_MAX) endedBoots.shift();
  }
}

function refused(
  code: "CONFLICT" | "NOT_FOUND" | "UNAVAILABLE",
  message: string,
): Outcome<MembersEffect> {
  return { answer: refuse(code, message), effects: [] };
}

function notFound(peer: PeerId): Outcome<MembersEffect> {
  return refused("NOT_FOUND", `no member has the identity ${peer}`);
}
