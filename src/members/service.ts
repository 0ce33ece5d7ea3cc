/**
 * The members as callers see them: the replicated list joined with this peer's own opinion of who is
 * alive and who leads. Admits joining peers, registers this one, and takes what operators ask for
 * (`operations.ts`). Whom group 0's configuration holds is the steward's business (`steward.ts`), except in
 * a removal, which a caller waits for.
 */
import type { Clock } from "../clock.ts";
import { SkeinError } from "../errors.ts";
import type { GroupListener, Groups } from "../groups/groups.ts";
import type { Effect } from "../groups/machine.ts";
import { errorOf } from "../groups/refusal.ts";
import type { Logger } from "../logger.ts";
import { RequestError, type Transport } from "../net/transport.ts";
import type { Configuration, PeerId } from "../raft/entry.ts";
import { encodeMembersCommand, MEMBERS_MACHINE, type MembersCommand } from "./commands.ts";
import { hasReplica, isVoter } from "./configuration.ts";
import { JOIN_METHOD, type JoinRequest, parseJoinRequest } from "./join_request.ts";
import type { MembersEffect, MembersMachine } from "./machine.ts";
import type { MemberInfo } from "./member_info.ts";
import type {
  AddedMember,
  ClusterView,
  Liveness,
  Members,
  MemberView,
  RemoveOptions,
} from "./members.ts";
import { Operations } from "./operations.ts";
import type { Member } from "./state.ts";
import { unlikeCaches } from "./unlike_caches.ts";
import { type Wanted, WantedPlacement } from "./wanted.ts";

/** The failure detector's opinion. */
export interface LivenessSource {
  state(peer: PeerId): Liveness;
}

export interface MemberServiceOptions {
  readonly self: PeerId;
  readonly groups: Pick<Groups, "propose" | "changeConfiguration" | "status" | "groups">;
  /** The machine of group 0 at this peer. */
  readonly machine: MembersMachine;
  readonly liveness: LivenessSource;
  readonly transport: Pick<Transport, "request" | "peers" | "peerAt">;
  /** What this peer's cache stands in front of, in words; "": nothing. */
  readonly cacheFront: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Dials an address, again and again, until the returned function is called. */
  readonly dial: (address: string) => () => void;
  /** See `OperationsEdges.checkRemoval`. */
  readonly checkRemoval: (peer: PeerId, timeoutMs: number) => Promise<void>;
}

const REGISTER_TIMEOUT_MS = 5_000;
const REGISTER_RETRY_MS = 500;
const ADMIT_TIMEOUT_MS = 5_000;

export class MemberService implements Members, GroupListener {
  readonly #options: MemberServiceOptions;
  /** What this peer last told the cluster of itself. */
  #registered: JoinRequest | null = null;
  /** Counts registrations: one that is under way ends when a newer one, or `stop`, takes its place. */
  #registration = 0;
  readonly #wanted = new WantedPlacement();
  readonly #operations: Operations;

  constructor(options: MemberServiceOptions) {
    this.#options = options;
    const propose = (command: MembersCommand, timeoutMs: number) =>
      this.#propose(command, timeoutMs);
    this.#operations = new Operations({ ...options, propose });
  }

  view(): ClusterView {
    const { clusterId, partitions, replicas } = this.#foundation();
    return {
      clusterId,
      partitions,
      replicas,
      members: this.#members().map((member) => this.#viewOf(member)),
      warnings: this.#warnings(),
    };
  }

  find(id: PeerId): MemberView | null {
    const member = this.#members().find((candidate) => candidate.id === id);
    return member === undefined ? null : this.#viewOf(member);
  }

  wanted(): Wanted | null {
    const { clusterId, partitions, replicas } = this.#foundation();
    return clusterId === null ? null : this.#wanted.of(this.#members(), partitions, replicas);
  }

  remove(idOrName: string, { force }: RemoveOptions, timeoutMs: number): Promise<void> {
    return this.#operations.remove(idOrName, force, timeoutMs);
  }

  drain(idOrName: string, draining: boolean, timeoutMs: number): Promise<void> {
    return this.#operations.drain(idOrName, draining, timeoutMs);
  }

  add(address: string, timeoutMs: number): Promise<AddedMember> {
    return this.#operations.add(address, timeoutMs);
  }

  /**
   * Answers `members.join` of another peer: proposes it to group 0, wherever its leader is.
   * @throws {SkeinError} by rejection: BAD_REQUEST, CONFLICT where the cluster says no, NO_LEADER, …
   */
  async admit(from: PeerId, body: unknown): Promise<null> {
    const request = parseJoinRequest(body);
    if (request === null || request.member.id !== from) {
      throw new SkeinError("BAD_REQUEST", "no request to join");
    }
    const { clusterId } = this.#options.machine;
    if (clusterId === null) {
      throw new SkeinError("UNAVAILABLE", "this peer does not know its own cluster yet");
    }
    if (request.clusterId !== clusterId) {
      const message = `this is cluster ${clusterId}, not ${request.clusterId}`;
      throw new SkeinError("CONFLICT", message);
    }
    await this.#propose({ kind: "join", member: request.member }, ADMIT_TIMEOUT_MS);
    return null;
  }

  /**
   * Tells the cluster what this peer is now (its boot id, its addresses), until the cluster has taken it:
   * after it is formed or joined, after every start, and whenever its hello changes. Does not wait.
   */
  register(clusterId: string, member: MemberInfo): void {
    this.#registered = { clusterId, member };
    void this.#register(this.#registered, ++this.#registration);
  }

  /** Of group 0, as they are applied here: what others made of this peer. */
  effects(effects: readonly Effect[]): void {
    for (const effect of effects as readonly MembersEffect[]) {
      if (effect.kind === "memberUpdated") this.#correct(effect.member);
      else if (effect.kind === "memberRemoved" && effect.peer === this.#options.self) {
        this.#options.logger.log("error", "this peer was removed from the cluster");
      }
    }
  }

  /** A registration of an earlier boot of this peer may be applied after the one of this boot. */
  #correct(member: Member): void {
    const registered = this.#registered;
    if (registered === null || member.id !== this.#options.self) return;
    if (member.bootId === registered.member.bootId) return;
    this.register(registered.clusterId, registered.member);
  }

  stop(): void {
    this.#registration++;
  }

  async #register(request: JoinRequest, registration: number): Promise<void> {
    const { clock, logger } = this.#options;
    while (registration === this.#registration) {
      try {
        await this.#registerOnce(request);
        return;
      } catch (error) {
        if (!(error instanceof SkeinError || error instanceof RequestError)) throw error;
        const level = error.code === "CONFLICT" ? "error" : "debug";
        logger.log(level, `this peer is not registered: ${error.message}`);
      }
      await new Promise<void>((resolve) => clock.timer(REGISTER_RETRY_MS, resolve));
    }
  }

  /** A peer that has no replica of group 0 (yet) asks one that has met the same cluster. */
  async #registerOnce(request: JoinRequest): Promise<void> {
    const { groups, transport, clock } = this.#options;
    if (groups.status(0) !== null) {
      return await this.#propose({ kind: "join", member: request.member }, REGISTER_TIMEOUT_MS);
    }
    const members = transport.peers().filter(({ hello }) => hello.clusterId === request.clusterId);
    if (members.length === 0) throw new SkeinError("NO_LEADER", "no member is connected");
    const { id } = members[Math.floor(clock.monotonicMs() / REGISTER_RETRY_MS) % members.length]!;
    await transport.request(id, JOIN_METHOD, request, REGISTER_TIMEOUT_MS);
  }

  async #propose(command: MembersCommand, timeoutMs: number): Promise<void> {
    const body = encodeMembersCommand(command);
    const options = { timeoutMs, request: null };
    const answer = await this.#options.groups.propose(0, MEMBERS_MACHINE, body, options);
    const error = errorOf(answer);
    if (error !== null) throw error;
  }

  #founded(): boolean {
    return this.#options.machine.clusterId !== null;
  }

  /** Between forming and the founding entry, a founder's plan says the same. */
  #foundation(): Pick<ClusterView, "clusterId" | "partitions" | "replicas"> {
    const { machine } = this.#options;
    return this.#founded() ? machine : machine.plan ?? machine;
  }

  #members(): readonly Member[] {
    const { machine } = this.#options;
    if (this.#founded() || machine.plan === null) return machine.members();
    return machine.plan.members.map((member) => ({
      ...member,
      joinedAtMs: 0,
      dead: false,
      draining: false,
    }));
  }

  #viewOf(member: Member): MemberView {
    const { id, name, addresses, httpUrl, zone } = member;
    const configuration = this.#configuration();
    const replica = configuration !== null && hasReplica(configuration, id);
    return {
      id,
      name,
      addresses,
      httpUrl,
      zone,
      state: this.#stateOf(member),
      draining: member.draining,
      role: !replica ? "none" : isVoter(configuration, id) ? "voter" : "learner",
      leads: this.#leads(id),
    };
  }

  #stateOf(member: Member): Liveness {
    const { self, liveness } = this.#options;
    if (member.id === self) return "alive";
    return member.dead ? "dead" : liveness.state(member.id);
  }

  #leads(peer: PeerId): number[] {
    const { groups } = this.#options;
    return groups.groups().filter((group) => groups.status(group)?.leader === peer);
  }

  #configuration(): Configuration | null {
    return this.#options.groups.status(0)?.configuration ?? null;
  }

  #warnings(): string[] {
    const { transport, cacheFront } = this.#options;
    const members = new Set(this.#members().map(({ id }) => id));
    const unlike = unlikeCaches(cacheFront, transport.peers().filter(({ id }) => members.has(id)));
    if (this.#configuration()?.voters.length !== 2) return unlike;
    return ["a cluster of two stops when either peer stops: add a third", ...unlike];
  }
}
