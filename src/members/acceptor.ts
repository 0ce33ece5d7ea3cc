/**
 * A founder's part in a plan that another peer proposed: it holds one plan at a time, durably, and lets
 * go of it only on its proposer's signed abort. Whoever has a signed commit may bring it.
 */
import type { PeerId } from "../raft/entry.ts";
import { clustersMet } from "./candidates.ts";
import type { FormationContext } from "./formation_context.ts";
import type { FormationState } from "./formation_record.ts";
import { heldStatus } from "./formation_status.ts";
import {
  abortBytes,
  commitBytes,
  type FormationPlan,
  isPlanMember,
  type PlanName,
  planName,
  samePlan,
} from "./plan.ts";
import type { Proposer } from "./proposer.ts";

/** After this without outcome, the operator is told whom the plan waits for. */
const OUTCOME_LATE_MS = 5_000;

export class Acceptor {
  readonly #context: FormationContext;
  /** This peer as a proposer: a lower identity's plan ends its own. */
  readonly #proposer: Proposer;
  #heldSinceMs = 0;

  constructor(context: FormationContext, proposer: Proposer) {
    this.#context = context;
    this.#proposer = proposer;
  }

  /** A crash found a plan without outcome. */
  resume(plan: FormationPlan): void {
    this.#heldSinceMs = this.#context.nowMs;
    this.#context.logOnce("warn", heldStatus(plan));
  }

  /** Says to the proposer that its plan is held, and by that asks for the outcome. */
  advanceHeld(plan: FormationPlan): void {
    if (this.#context.nowMs - this.#heldSinceMs >= OUTCOME_LATE_MS) {
      this.#context.logOnce("warn", heldStatus(plan));
    }
    this.#context.ask(plan.proposer, { kind: "accepted", plan: planName(plan) });
  }

  receivePlan(from: PeerId, plan: FormationPlan): void {
    const { self, state, hello, met } = this.#context;
    if (from !== plan.proposer || !isPlanMember(plan, self)) return;
    if (state.kind === "held" && samePlan(state.plan, plan)) {
      return this.#context.send(from, { kind: "accepted", plan: planName(plan) });
    }
    if (plan.members.length !== hello.expect) {
      return this.#refuse(plan, `expects ${hello.expect} peers, not ${plan.members.length}`);
    }
    if (state.kind === "held") {
      const givesWay = state.plan.proposer === self && from < self;
      if (!givesWay) return this.#refuse(plan, "holds another plan", planName(state.plan));
      this.#beginHolding(plan);
      return this.#proposer.abort(state.plan, "a lower identity proposes", held(plan));
    }
    if (state.kind !== "empty" || clustersMet(met).size > 0) {
      return this.#refuse(plan, "belongs to, or has met, a formed cluster");
    }
    this.#beginHolding(plan);
    this.#context.write(held(plan));
  }

  #beginHolding(plan: FormationPlan): void {
    this.#heldSinceMs = this.#context.nowMs;
    this.#context.log("info", `accepting the plan of ${this.#context.nameOf(plan.proposer)}`);
  }

  #refuse(plan: PlanName, reason: string, holding: PlanName | null = null): void {
    const refused = { kind: "refused", plan: planName(plan), reason, holding } as const;
    this.#context.send(plan.proposer, refused);
  }

  receiveAbort(name: PlanName, signature: Uint8Array): void {
    const { self, state, options } = this.#context;
    if (state.kind !== "held" || !samePlan(state.plan, name) || name.proposer === self) return;
    if (!options.signer.verify(name.proposer, abortBytes(name), signature)) {
      const proposer = this.#context.nameOf(name.proposer);
      return this.#context.logOnce("warn", `an abort in the name of ${proposer} is not signed`);
    }
    this.#proposer.restartTurns();
    this.#context.write({ kind: "empty" });
  }

  receiveCommit(from: PeerId, plan: FormationPlan, signature: Uint8Array): void {
    const { self, state, options } = this.#context;
    if (!isPlanMember(plan, self)) return;
    if (state.kind === "formed" && samePlan(state.plan, plan)) return this.#confirm(from, plan);
    if (!options.signer.verify(plan.proposer, commitBytes(plan), signature)) {
      const proposer = this.#context.nameOf(plan.proposer);
      return this.#context.logOnce("warn", `a commit in the name of ${proposer} is not signed`);
    }
    if (state.kind !== "held" || !samePlan(state.plan, plan)) {
      const message = "a plan was committed that this peer accepted, and its data does not hold it";
      return this.#context.logOnce("error", message);
    }
    this.#context.writeFormed(plan, signature, () => {
      this.#confirm(from, plan);
      // The proposer passes the commit on itself: others help only those whom it does not reach.
      for (const { id } of plan.members) this.#context.askLater(id);
    });
  }

  #confirm(to: PeerId, plan: FormationPlan): void {
    this.#context.send(to, { kind: "committed", plan: planName(plan) });
  }
}

function held(plan: FormationPlan): FormationState {
  return { kind: "held", plan };
}
