/**
 * The proposer's part in forming: whose turn it is, and what becomes of this peer's own plan. It alone
 * decides, once: commit when every founder holds the plan, or abort. Both are durable before anybody
 * hears of them. An aborted plan needs no record of its own: its attempt is counted and it is neither
 * held nor committed.
 */
import { assert } from "../assert.ts";
import type { PeerId } from "../raft/entry.ts";
import { clustersMet } from "./candidates.ts";
import type { FormationContext } from "./formation_context.ts";
import type { FormationState } from "./formation_record.ts";
import {
  abortBytes,
  commitBytes,
  type FormationPlan,
  isPlanMember,
  makePlan,
  PLAN_BYTES_MAX,
  planBytes,
  type PlanName,
  planName,
  samePlan,
} from "./plan.ts";

/** How long the candidate whose turn it is may leave it without outcome before the next one's begins. */
export const TURN_MS = 5_000;
/** How long a proposer waits for all to accept. */
export const PLAN_TIMEOUT_MS = 5_000;
/** After an abort the lowest founder waits once this long, the next twice, …: so they do not collide again. */
export const RETRY_MS = 1_000;
/** How long a peer that refused a plan is not counted. */
export const BUSY_MS = 10_000;

export class Proposer {
  readonly #context: FormationContext;
  /** Since when N candidates are met and nothing came of it; null while there are fewer. */
  #enoughSinceMs: number | null = null;
  #proposeFromMs = 0;
  #proposedAtMs = 0;
  /** Who holds the plan that is open. */
  readonly #accepted = new Set<PeerId>();
  /** Who has begun the groups of the committed plan. */
  readonly #committed = new Set<PeerId>();
  #campaigned = false;

  constructor(context: FormationContext) {
    this.#context = context;
  }

  /** A plan that a crash found open has its whole time again. */
  resume(): void {
    this.#proposedAtMs = this.#context.nowMs;
  }

  /** Turns are counted from now: something came of the last one. */
  restartTurns(): void {
    this.#enoughSinceMs = this.#context.nowMs;
  }

  /** Proposes when enough candidates are met and it is this peer's turn. */
  advanceEmpty(): void {
    const { nowMs, self, hello } = this.#context;
    const { members } = this.#context.candidates();
    const rank = members.findIndex((member) => member.id === self);
    if (hello.expect === 0 || members.length < hello.expect || rank < 0) {
      this.#enoughSinceMs = null;
      return;
    }
    this.#enoughSinceMs ??= nowMs;
    const turnMs = Math.max(this.#enoughSinceMs + rank * TURN_MS, this.#proposeFromMs);
    if (rank < hello.expect && nowMs >= turnMs) this.#propose();
  }

  #propose(): void {
    const { options, self, hello, attempts } = this.#context;
    const founders = this.#context.candidates().members.slice(0, hello.expect);
    const name = { proposer: self, attempt: attempts + 1 };
    const plan = makePlan(name, options.makeClusterId(), founders, options.parameters);
    if (planBytes(plan).length > PLAN_BYTES_MAX) {
      const message = "no formation plan: the peers' names and addresses are too long";
      return this.#context.logOnce("error", message);
    }
    this.#proposedAtMs = this.#context.nowMs;
    this.#accepted.clear();
    this.#context.log("info", `proposing a cluster of ${founders.length}, plan ${plan.attempt}`);
    this.#context.writeProposal(plan, () => {});
  }

  /** Commits once all hold the plan, aborts when that is not to be expected, else asks for it. */
  advanceOpen(plan: FormationPlan): void {
    const { self, met, nowMs } = this.#context;
    this.#accepted.add(self);
    if (plan.members.every((member) => this.#accepted.has(member.id))) return this.#commit(plan);
    if (clustersMet(met).size > 0) return this.abort(plan, "a formed cluster was met");
    if (nowMs - this.#proposedAtMs >= PLAN_TIMEOUT_MS) {
      return this.abort(plan, "not all accepted it in time");
    }
    for (const { id } of plan.members) {
      if (!this.#accepted.has(id)) this.#context.ask(id, { kind: "plan", plan });
    }
  }

  #commit(plan: FormationPlan): void {
    const { options, self } = this.#context;
    const signature = options.signer.sign(commitBytes(plan));
    this.#context.writeFormed(plan, signature, () => this.#countCommitted(plan, self));
  }

  /** @param next what takes the aborted plan's place, in the same write */
  abort(plan: FormationPlan, reason: string, next: FormationState = { kind: "empty" }): void {
    const { self, nowMs } = this.#context;
    assert(plan.proposer === self, "only its proposer aborts a plan");
    this.#context.log("warn", `formation plan ${plan.attempt} aborted: ${reason}`);
    this.#accepted.clear();
    this.restartTurns();
    const rank = plan.members.findIndex((member) => member.id === self);
    this.#proposeFromMs = nowMs + (1 + rank) * RETRY_MS;
    this.#context.write(next, () => {
      for (const { id } of plan.members) if (id !== self) this.#sendAbort(id, plan);
    });
  }

  /** A founder holds the plan; or asks, by saying so again, what became of it. */
  receiveAccepted(from: PeerId, name: PlanName): void {
    const { self, state, attempts } = this.#context;
    if (name.proposer !== self) return;
    if (state.kind === "held" && samePlan(state.plan, name)) {
      if (isPlanMember(state.plan, from)) this.#accepted.add(from);
    } else if (state.kind === "formed" && samePlan(state.plan, name)) {
      this.#context.send(from, { ...state, kind: "commit" });
    } else if (name.attempt <= attempts) {
      this.#sendAbort(from, name);
    } else {
      const sender = this.#context.nameOf(from);
      this.#context.logOnce("error", `${sender} holds a plan that this peer never proposed`);
    }
  }

  receiveRefused(from: PeerId, name: PlanName, holding: PlanName | null, reason: string): void {
    const { self, state, attempts, nowMs } = this.#context;
    if (state.kind !== "held" || !samePlan(state.plan, name) || name.proposer !== self) return;
    if (!isPlanMember(state.plan, from) || this.#accepted.has(from)) return;
    if (holding !== null && holding.proposer === self && holding.attempt < attempts) {
      this.#sendAbort(from, holding);
      return this.#context.askAnew(from);
    }
    // A higher identity's plan may yet give way to this one: that ends by the plan's own timeout.
    if (holding !== null && holding.proposer > self) return;
    this.#context.busyUntilMs.set(from, nowMs + BUSY_MS);
    this.abort(state.plan, `refused by ${this.#context.nameOf(from)}: ${reason}`);
  }

  /** A founder's groups have begun. */
  receiveCommitted(from: PeerId, name: PlanName): void {
    const { state } = this.#context;
    if (state.kind === "formed" && samePlan(state.plan, name)) {
      this.#countCommitted(state.plan, from);
    }
  }

  /** Calls for votes only once a majority can give them: a call that comes too early costs a timeout. */
  #countCommitted(plan: FormationPlan, from: PeerId): void {
    if (plan.proposer !== this.#context.self || this.#campaigned) return;
    this.#committed.add(from);
    const begun = plan.voters.filter((voter) => this.#committed.has(voter)).length;
    if (begun * 2 <= plan.voters.length) return;
    this.#campaigned = true;
    this.#context.emit({ kind: "campaign", groups: [0] });
  }

  #sendAbort(to: PeerId, name: PlanName): void {
    const signature = this.#context.options.signer.sign(abortBytes(name));
    this.#context.send(to, { kind: "abort", plan: planName(name), signature });
  }
}
