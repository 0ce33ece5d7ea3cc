/**
 * Forming a cluster, and joining one, as a pure state machine (design, section "Forming a cluster").
 * It is an atomic commit: the proposer of a plan decides, every founder has accepted durably before it
 * may decide for it, and only the proposer's signature ends what a founder has accepted.
 *
 * Inputs are calls with the time; each returns effects, to be carried out in order. While a write is
 * under way nothing is sent and messages wait, so no message ever promises what a crash could undo.
 * Lost messages are asked for again by `tick`; the straight path needs no tick.
 *
 * Why no two clusters form among peers of which N are more than half: two plans share a founder, and
 * that founder holds one at a time and lets go of it only when its proposer has aborted durably.
 */
import { assert, unreachable } from "../assert.ts";
import type { LogLevel } from "../logger.ts";
import type { Hello } from "../net/transport.ts";
import type { PeerId } from "../raft/entry.ts";
import { type Candidates, clustersMet, findCandidates } from "./candidates.ts";
import type { FormationMessage } from "./formation_message.ts";
import { clusterOf, type FormationRecord, type FormationState } from "./formation_record.ts";
import { formationStatus } from "./formation_status.ts";
import {
  abortBytes,
  type ClusterParameters,
  commitBytes,
  type FormationPlan,
  isPlanMember,
  makePlan,
  PLAN_BYTES_MAX,
  planBytes,
  type PlanName,
  planName,
  samePlan,
  type Signer,
} from "./plan.ts";

export type FormationEffect =
  /** Write it as the property `FORMATION_PROPERTY`, then call `durable`. */
  | { readonly kind: "makeDurable"; readonly record: FormationRecord }
  /** The same, in one batch with `foundationRecords(plan, self)`. */
  | { readonly kind: "commit"; readonly record: FormationRecord; readonly plan: FormationPlan }
  | { readonly kind: "send"; readonly to: PeerId; readonly message: FormationMessage }
  /** The plan is committed and durable here: begin its groups. */
  | { readonly kind: "formed"; readonly plan: FormationPlan }
  /** This peer is the preferred leader and a majority can hear it: campaign at once. */
  | { readonly kind: "campaign" }
  /** Ask `through` to have this peer added, then call `joinAnswered`. */
  | { readonly kind: "join"; readonly through: PeerId; readonly clusterId: string }
  /** The cluster has added this peer, and that is durable here. */
  | { readonly kind: "joined"; readonly clusterId: string }
  | { readonly kind: "log"; readonly level: LogLevel; readonly message: string };

export type JoinAnswer =
  | { readonly ok: true }
  /** `message` is the cluster's refusal; null where nobody answered. */
  | { readonly ok: false; readonly message: string | null };

export interface FormationOptions {
  readonly self: PeerId;
  readonly hello: Hello;
  readonly parameters: ClusterParameters;
  readonly signer: Signer;
  /** 16 random bytes in hex, new at each call. */
  readonly makeClusterId: () => string;
  readonly record: FormationRecord;
}

/** How long the candidate whose turn it is may leave it without outcome before the next one's begins. */
export const TURN_MS = 5_000;
/** How long a proposer waits for all to accept. */
export const PLAN_TIMEOUT_MS = 5_000;
/** After an abort the lowest identity waits once this long, the next twice, …: so they do not collide again. */
export const RETRY_MS = 1_000;
/** What had no answer is sent again after this. */
export const RESEND_MS = 500;
/** How long a peer that refused a plan is not counted. */
export const BUSY_MS = 10_000;
/** Messages that wait for a write; past it they are dropped, and sent again by whoever needs them. */
const DEFERRED_MAX = 256;

export class Formation {
  readonly #options: FormationOptions;
  #hello: Hello;
  /** What was last decided; `#durableRecord` lags behind it while a write is under way. */
  #record: FormationRecord;
  #durableRecord: FormationRecord;
  #nowMs = 0;
  readonly #met = new Map<PeerId, Hello>();
  readonly #busyUntilMs = new Map<PeerId, number>();
  /** When what this state keeps asking of a peer was last sent to it. */
  readonly #sentAtMs = new Map<PeerId, number>();
  /** Who holds this peer's own plan. */
  readonly #accepted = new Set<PeerId>();
  /** Who has begun the groups of this peer's own plan. */
  readonly #committed = new Set<PeerId>();
  #campaigned = false;
  /** Since when N candidates are met and nothing came of it; null while there are fewer. */
  #enoughSinceMs: number | null = null;
  #proposeFromMs = 0;
  #proposedAtMs = 0;
  #joinUnderWay = false;
  #joinFromMs = 0;
  #joinRefusal: string | null = null;
  readonly #logged = new Set<string>();

  /** Not null while a write is under way: what to do once it is durable. */
  #afterWrite: (() => void) | null = null;
  #deferred: { readonly from: PeerId; readonly message: FormationMessage }[] = [];
  #effects: FormationEffect[] = [];

  constructor(options: FormationOptions) {
    this.#options = options;
    this.#hello = options.hello;
    this.#record = options.record;
    this.#durableRecord = options.record;
  }

  /** What is durable. */
  get record(): FormationRecord {
    return this.#durableRecord;
  }

  /** Begins, or resumes after a crash with the record that was durable. */
  start(nowMs: number): readonly FormationEffect[] {
    return this.#input(nowMs, () => {
      const { state } = this.#record;
      this.#proposedAtMs = nowMs;
      if (state.kind === "held") this.#logHeld(state.plan);
    });
  }

  /** This peer's own hello changed, e.g. its N (see `expect.ts`). */
  changeHello(hello: Hello, nowMs: number): readonly FormationEffect[] {
    return this.#input(nowMs, () => this.#hello = hello);
  }

  /** A peer is connected, or says something new about itself. */
  met(peer: PeerId, hello: Hello, nowMs: number): readonly FormationEffect[] {
    assert(peer !== this.#options.self, "a peer does not meet itself");
    return this.#input(nowMs, () => {
      if (!this.#met.has(peer)) this.#sentAtMs.delete(peer);
      this.#met.set(peer, hello);
      if (this.isForeign(peer)) this.#logForeign(peer, hello);
    });
  }

  left(peer: PeerId, nowMs: number): readonly FormationEffect[] {
    return this.#input(nowMs, () => this.#met.delete(peer));
  }

  received(from: PeerId, message: FormationMessage, nowMs: number): readonly FormationEffect[] {
    return this.#input(nowMs, () => {
      if (this.#afterWrite === null) this.#receive(from, message);
      else if (this.#deferred.length < DEFERRED_MAX) this.#deferred.push({ from, message });
    });
  }

  /** The write that the last `makeDurable` or `commit` asked for is durable. */
  durable(nowMs: number): readonly FormationEffect[] {
    return this.#input(nowMs, () => {
      const afterWrite = this.#afterWrite;
      assert(afterWrite !== null, "no write is under way");
      this.#afterWrite = null;
      this.#durableRecord = this.#record;
      afterWrite();
      const deferred = this.#deferred;
      this.#deferred = [];
      for (const { from, message } of deferred) {
        if (this.#afterWrite === null) this.#receive(from, message);
        else this.#deferred.push({ from, message });
      }
    });
  }

  /** The outcome of the last `join`. */
  joinAnswered(answer: JoinAnswer, nowMs: number): readonly FormationEffect[] {
    return this.#input(nowMs, () => {
      const { state } = this.#record;
      assert(state.kind === "joining" && this.#joinUnderWay, "nobody was asked to add this peer");
      this.#joinUnderWay = false;
      if (answer.ok) {
        const { clusterId } = state;
        this.#write({ kind: "joined", clusterId }, () => this.#emit({ kind: "joined", clusterId }));
        return;
      }
      this.#joinFromMs = nowMs + RETRY_MS;
      this.#joinRefusal = answer.message;
      if (answer.message !== null) this.#logOnce("error", `not added: ${answer.message}`);
    });
  }

  /** Time has passed. Needed at least every `RESEND_MS` unless `settled`. */
  tick(nowMs: number): readonly FormationEffect[] {
    return this.#input(nowMs, () => {});
  }

  /** Whether nothing is left that time alone would move. */
  get settled(): boolean {
    const { state } = this.#record;
    if (this.#afterWrite !== null) return false;
    if (state.kind === "joined") return true;
    return state.kind === "formed" && this.#unstarted(state.plan).length === 0;
  }

  /** Whether a met peer's data belongs to another cluster than this peer's. */
  isForeign(peer: PeerId): boolean {
    const theirs = this.#met.get(peer)?.clusterId ?? null;
    const { state } = this.#record;
    const own = state.kind === "joining" ? state.clusterId : clusterOf(this.#record);
    return theirs !== null && own !== null && theirs !== own;
  }

  /** One line for /health and the log: what this peer waits for. */
  statusLine(): string {
    return formationStatus({
      self: this.#options.self,
      expect: this.#hello.expect,
      state: this.#record.state,
      candidates: this.#candidates(),
      clusters: clustersMet(this.#met),
      joinRefusal: this.#joinRefusal,
    });
  }

  /** Throws an AssertionError if the state contradicts itself. */
  checkInvariants(): void {
    const { attempts, state } = this.#record;
    if (state.kind === "held" || state.kind === "formed") {
      const own = state.plan.proposer === this.#options.self;
      assert(isPlanMember(state.plan, this.#options.self), "a held plan names this peer");
      assert(!own || state.plan.attempt === attempts, "the own plan is the last one proposed");
    }
    assert(this.#deferred.length <= DEFERRED_MAX, "too many messages wait for a write");
  }

  #input(nowMs: number, handle: () => void): readonly FormationEffect[] {
    this.#nowMs = nowMs;
    handle();
    if (this.#afterWrite === null) this.#advance();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** Does what the state calls for now. Idempotent: called after every input. */
  #advance(): void {
    const { state } = this.#record;
    switch (state.kind) {
      case "empty":
        return this.#advanceEmpty();
      case "held":
        return state.plan.proposer === this.#options.self
          ? this.#advanceProposal(state.plan)
          : this.#ask(state.plan.proposer, { kind: "accepted", plan: planName(state.plan) });
      case "formed":
        for (const member of this.#unstarted(state.plan)) {
          this.#ask(member, { ...state, kind: "commit" });
        }
        return;
      case "joining":
        return this.#advanceJoining(state.clusterId);
      case "joined":
        return;
      default:
        unreachable(state);
    }
  }

  #advanceEmpty(): void {
    const clusters = clustersMet(this.#met);
    const [clusterId] = clusters;
    if (clusterId !== undefined) {
      if (clusters.size === 1) this.#write({ kind: "joining", clusterId });
      else this.#logOnce("error", this.statusLine());
      return;
    }
    const { members } = this.#candidates();
    const { expect } = this.#hello;
    const rank = members.findIndex((member) => member.id === this.#options.self);
    if (expect === 0 || members.length < expect || rank < 0) {
      this.#enoughSinceMs = null;
      return;
    }
    this.#enoughSinceMs ??= this.#nowMs;
    const turnMs = this.#enoughSinceMs + rank * TURN_MS;
    if (rank < expect && this.#nowMs >= Math.max(turnMs, this.#proposeFromMs)) this.#propose();
  }

  #propose(): void {
    const { self, parameters, makeClusterId } = this.#options;
    const founders = this.#candidates().members.slice(0, this.#hello.expect);
    const name = { proposer: self, attempt: this.#record.attempts + 1 };
    const plan = makePlan(name, makeClusterId(), founders, parameters);
    if (planBytes(plan).length > PLAN_BYTES_MAX) {
      return this.#logOnce(
        "error",
        "no formation plan: the peers' names and addresses are too long",
      );
    }
    this.#proposedAtMs = this.#nowMs;
    this.#accepted.clear();
    const record = { attempts: plan.attempt, state: { kind: "held", plan } } as const;
    this.#log("info", `proposing a cluster of ${founders.length}, plan ${plan.attempt}`);
    this.#writeRecord(record, () => this.#accepted.add(self));
  }

  /** The proposer's decision: commit once all hold the plan, abort when that is not to be expected. */
  #advanceProposal(plan: FormationPlan): void {
    this.#accepted.add(this.#options.self);
    if (plan.members.every((member) => this.#accepted.has(member.id))) return this.#commit(plan);
    if (clustersMet(this.#met).size > 0) return this.#abort(plan, "a formed cluster was met");
    if (this.#nowMs - this.#proposedAtMs >= PLAN_TIMEOUT_MS) {
      return this.#abort(plan, "not all accepted it in time");
    }
    for (const { id } of plan.members) {
      if (!this.#accepted.has(id)) this.#ask(id, { kind: "plan", plan });
    }
  }

  #commit(plan: FormationPlan): void {
    const signature = this.#options.signer.sign(commitBytes(plan));
    this.#committed.clear();
    this.#writeFormed(plan, signature, () => this.#countCommitted(plan, this.#options.self));
  }

  /** @param next what takes the aborted plan's place, in the same write */
  #abort(plan: FormationPlan, reason: string, next: FormationState = { kind: "empty" }): void {
    const { self, signer } = this.#options;
    assert(plan.proposer === self, "only its proposer aborts a plan");
    this.#log("warn", `formation plan ${plan.attempt} aborted: ${reason}`);
    this.#accepted.clear();
    const rank = plan.members.findIndex((member) => member.id === self);
    this.#enoughSinceMs = this.#nowMs;
    this.#proposeFromMs = this.#nowMs + (1 + rank) * RETRY_MS;
    this.#write(next, () => {
      const signature = signer.sign(abortBytes(plan));
      for (const { id } of plan.members) {
        if (id !== self) this.#send(id, { kind: "abort", plan: planName(plan), signature });
      }
    });
  }

  #advanceJoining(clusterId: string): void {
    if (this.#joinUnderWay || this.#nowMs < this.#joinFromMs) return;
    const members = [...this.#met].filter(([, hello]) => hello.clusterId === clusterId);
    if (members.length === 0) return;
    // Another one at each attempt: the last one asked may itself be out of touch with its cluster.
    const [through] = members[Math.floor(this.#nowMs / RETRY_MS) % members.length]!;
    this.#joinUnderWay = true;
    this.#emit({ kind: "join", through, clusterId });
  }

  #receive(from: PeerId, message: FormationMessage): void {
    switch (message.kind) {
      case "plan":
        return this.#receivePlan(from, message.plan);
      case "accepted":
        return this.#receiveAccepted(from, message.plan);
      case "refused":
        return this.#receiveRefused(from, message.plan, message.holding, message.reason);
      case "abort":
        return this.#receiveAbort(message.plan, message.signature);
      case "commit":
        return this.#receiveCommit(from, message.plan, message.signature);
      case "committed":
        return this.#receiveCommitted(from, message.plan);
      default:
        unreachable(message);
    }
  }

  #receivePlan(from: PeerId, plan: FormationPlan): void {
    const { state } = this.#record;
    const { self } = this.#options;
    if (from !== plan.proposer || !isPlanMember(plan, self)) return;
    if (state.kind === "held" && samePlan(state.plan, plan)) {
      return this.#send(from, { kind: "accepted", plan: planName(plan) });
    }
    if (plan.members.length !== this.#hello.expect) {
      return this.#refuse(plan, `expects ${this.#hello.expect} peers, not ${plan.members.length}`);
    }
    if (state.kind === "held") {
      const ownAndHigher = state.plan.proposer === self && from < self;
      if (ownAndHigher) return this.#abort(state.plan, "a lower identity proposes", held(plan));
      return this.#refuse(plan, "holds another plan", planName(state.plan));
    }
    if (state.kind !== "empty" || clustersMet(this.#met).size > 0) {
      return this.#refuse(plan, "belongs to, or has met, a formed cluster");
    }
    // `#advance` sends `accepted` once this is durable.
    this.#write(held(plan));
  }

  #refuse(plan: PlanName, reason: string, holding: PlanName | null = null): void {
    this.#send(plan.proposer, { kind: "refused", plan: planName(plan), reason, holding });
  }

  #receiveAccepted(from: PeerId, name: PlanName): void {
    const { attempts, state } = this.#record;
    if (name.proposer !== this.#options.self) return;
    if (state.kind === "held" && samePlan(state.plan, name)) {
      if (isPlanMember(state.plan, from)) this.#accepted.add(from);
    } else if (state.kind === "formed" && samePlan(state.plan, name)) {
      this.#send(from, { ...state, kind: "commit" });
    } else if (name.attempt <= attempts) {
      this.#sendAbort(from, name);
    } else {
      this.#logOnce("error", `${brief(from)} holds a plan of this peer that it never proposed`);
    }
  }

  #receiveRefused(from: PeerId, name: PlanName, holding: PlanName | null, reason: string): void {
    const { attempts, state } = this.#record;
    const { self } = this.#options;
    if (state.kind !== "held" || !samePlan(state.plan, name) || name.proposer !== self) return;
    if (!isPlanMember(state.plan, from) || this.#accepted.has(from)) return;
    if (holding !== null && holding.proposer === self && holding.attempt < attempts) {
      this.#sendAbort(from, holding);
      this.#sentAtMs.delete(from);
      return;
    }
    // A higher identity's plan may yet give way to this one: that ends by the plan's own timeout.
    if (holding !== null && holding.proposer > self) return;
    this.#busyUntilMs.set(from, this.#nowMs + BUSY_MS);
    this.#abort(state.plan, `refused by ${this.#nameOf(from)}: ${reason}`);
  }

  #receiveAbort(name: PlanName, signature: Uint8Array): void {
    const { state } = this.#record;
    const { self, signer } = this.#options;
    if (state.kind !== "held" || !samePlan(state.plan, name) || name.proposer === self) return;
    if (!signer.verify(name.proposer, abortBytes(name), signature)) {
      return this.#logOnce("warn", `an abort in the name of ${brief(name.proposer)} is not signed`);
    }
    this.#enoughSinceMs = this.#nowMs;
    this.#write({ kind: "empty" });
  }

  #receiveCommit(from: PeerId, plan: FormationPlan, signature: Uint8Array): void {
    const { state } = this.#record;
    const { self, signer } = this.#options;
    if (!isPlanMember(plan, self)) return;
    if (state.kind === "formed" && samePlan(state.plan, plan)) {
      return this.#send(from, { kind: "committed", plan: planName(plan) });
    }
    if (!signer.verify(plan.proposer, commitBytes(plan), signature)) {
      return this.#logOnce("warn", `a commit in the name of ${brief(plan.proposer)} is not signed`);
    }
    if (state.kind !== "held" || !samePlan(state.plan, plan)) {
      return this.#logOnce("error", "a plan was committed that this peer's data does not hold");
    }
    this.#writeFormed(plan, signature, () => {
      this.#send(from, { kind: "committed", plan: planName(plan) });
      // The proposer passes the commit on itself: others help only those whom it does not reach.
      for (const { id } of plan.members) this.#sentAtMs.set(id, this.#nowMs);
    });
  }

  #receiveCommitted(from: PeerId, name: PlanName): void {
    const { state } = this.#record;
    if (state.kind === "formed" && samePlan(state.plan, name)) {
      this.#countCommitted(state.plan, from);
    }
  }

  #countCommitted(plan: FormationPlan, from: PeerId): void {
    if (plan.proposer !== this.#options.self || this.#campaigned) return;
    this.#committed.add(from);
    const started = plan.voters.filter((voter) => this.#committed.has(voter)).length;
    if (started * 2 <= plan.voters.length) return;
    this.#campaigned = true;
    this.#emit({ kind: "campaign" });
  }

  #sendAbort(to: PeerId, name: PlanName): void {
    const signature = this.#options.signer.sign(abortBytes(name));
    this.#send(to, { kind: "abort", plan: planName(name), signature });
  }

  #writeFormed(plan: FormationPlan, signature: Uint8Array, after: () => void): void {
    const record = { ...this.#record, state: { kind: "formed", plan, signature } } as const;
    this.#begin(record, () => {
      this.#log("info", `formed cluster ${plan.clusterId} of ${plan.members.length}`);
      this.#emit({ kind: "formed", plan });
      after();
    });
    this.#emit({ kind: "commit", record, plan });
  }

  #write(state: FormationState, after: () => void = () => {}): void {
    this.#writeRecord({ attempts: this.#record.attempts, state }, after);
  }

  #writeRecord(record: FormationRecord, after: () => void): void {
    this.#begin(record, () => {
      if (record.state.kind === "held") this.#logHeld(record.state.plan);
      after();
    });
    this.#emit({ kind: "makeDurable", record });
  }

  #begin(record: FormationRecord, after: () => void): void {
    assert(this.#afterWrite === null, "one write at a time");
    this.#record = record;
    this.#afterWrite = after;
    this.#sentAtMs.clear();
  }

  /** Sends to a met peer now, unless the same was sent within `RESEND_MS`. */
  #ask(to: PeerId, message: FormationMessage): void {
    if (!this.#met.has(to)) return;
    const sentAtMs = this.#sentAtMs.get(to);
    if (sentAtMs !== undefined && this.#nowMs - sentAtMs < RESEND_MS) return;
    this.#sentAtMs.set(to, this.#nowMs);
    this.#send(to, message);
  }

  /** Founders that are met and have not begun, as far as their hello tells. */
  #unstarted(plan: FormationPlan): PeerId[] {
    return plan.members.map((member) => member.id)
      .filter((id) => this.#met.get(id)?.clusterId === null);
  }

  #candidates(): Candidates {
    const self = { id: this.#options.self, hello: this.#hello };
    return findCandidates(
      self,
      this.#met,
      (peer) => (this.#busyUntilMs.get(peer) ?? 0) > this.#nowMs,
    );
  }

  #send(to: PeerId, message: FormationMessage): void {
    this.#emit({ kind: "send", to, message });
  }

  #emit(effect: FormationEffect): void {
    this.#effects.push(effect);
  }

  #log(level: LogLevel, message: string): void {
    this.#emit({ kind: "log", level, message });
  }

  #logOnce(level: LogLevel, message: string): void {
    if (this.#logged.has(message)) return;
    if (this.#logged.size < DEFERRED_MAX) this.#logged.add(message);
    this.#log(level, message);
  }

  #logHeld(plan: FormationPlan): void {
    if (plan.proposer !== this.#options.self) this.#log("info", this.statusLine());
  }

  #logForeign(peer: PeerId, hello: Hello): void {
    this.#logOnce(
      "error",
      `refused ${hello.name} (${brief(peer)}): its data belongs to cluster ${hello.clusterId}, ` +
        "which has the same key as this one: give each cluster a key of its own",
    );
  }

  #nameOf(peer: PeerId): string {
    return `${this.#met.get(peer)?.name ?? "a peer"} (${brief(peer)})`;
  }
}

function held(plan: FormationPlan): FormationState {
  return { kind: "held", plan };
}

function brief(peer: PeerId): string {
  return peer.slice(0, 8);
}
