/**
 * Forming a cluster, and joining one, as a pure state machine (design, section "Forming a cluster").
 * It is an atomic commit: the proposer of a plan decides (`proposer.ts`), every founder has accepted
 * durably before it may decide for it, and only the proposer's signature ends what a founder has
 * accepted (`acceptor.ts`). A peer that meets a formed cluster joins that one (`joiner.ts`).
 *
 * Inputs are calls with the time; each returns effects, to be carried out in order. Lost messages are
 * asked for again by `tick`; the straight path needs none.
 *
 * Why no two clusters form among peers of which N are more than half: two plans share a founder, and
 * that founder holds one at a time and lets go of it only when its proposer has aborted durably.
 */
import { assert, unreachable } from "../assert.ts";
import type { Hello } from "../net/transport.ts";
import type { PeerId } from "../raft/entry.ts";
import { Acceptor } from "./acceptor.ts";
import { clustersMet } from "./candidates.ts";
import { FormationContext, type FormationOptions } from "./formation_context.ts";
import type { FormationEffect, JoinAnswer } from "./formation_effect.ts";
import type { FormationMessage } from "./formation_message.ts";
import { clusterOf, type FormationRecord } from "./formation_record.ts";
import { formationStatus } from "./formation_status.ts";
import { Joiner } from "./joiner.ts";
import { type FormationPlan, isPlanMember } from "./plan.ts";
import { Proposer } from "./proposer.ts";

/** Messages that wait for a write; past it they are dropped, and sent again by whoever needs them. */
const DEFERRED_MAX = 256;

interface Received {
  readonly from: PeerId;
  readonly message: FormationMessage;
}

export class Formation {
  readonly #context: FormationContext;
  readonly #proposer: Proposer;
  readonly #acceptor: Acceptor;
  readonly #joiner: Joiner;
  #deferred: Received[] = [];

  constructor(options: FormationOptions) {
    this.#context = new FormationContext(options);
    this.#proposer = new Proposer(this.#context);
    this.#acceptor = new Acceptor(this.#context, this.#proposer);
    this.#joiner = new Joiner(this.#context);
  }

  /** What is durable. */
  get record(): FormationRecord {
    return this.#context.durableRecord;
  }

  /** Begins, or resumes after a crash with the record that was durable. */
  start(nowMs: number): readonly FormationEffect[] {
    return this.#input(nowMs, () => {
      const { self, state } = this.#context;
      this.#proposer.resume();
      if (state.kind === "held" && state.plan.proposer !== self) this.#acceptor.resume(state.plan);
    });
  }

  /** This peer's own hello changed, e.g. its N (see `expect.ts`). */
  changeHello(hello: Hello, nowMs: number): readonly FormationEffect[] {
    return this.#input(nowMs, () => this.#context.hello = hello);
  }

  /** A peer is connected, or says something new about itself. */
  met(peer: PeerId, hello: Hello, nowMs: number): readonly FormationEffect[] {
    assert(peer !== this.#context.self, "a peer does not meet itself");
    return this.#input(nowMs, () => {
      if (!this.#context.met.has(peer)) this.#context.askAnew(peer);
      this.#context.met.set(peer, hello);
      if (this.isForeign(peer)) this.#logForeign(peer, hello);
    });
  }

  left(peer: PeerId, nowMs: number): readonly FormationEffect[] {
    return this.#input(nowMs, () => this.#context.met.delete(peer));
  }

  received(from: PeerId, message: FormationMessage, nowMs: number): readonly FormationEffect[] {
    return this.#input(nowMs, () => this.#receiveOrDefer({ from, message }));
  }

  /** The write that the last `makeDurable` or `commit` asked for is durable. */
  durable(nowMs: number): readonly FormationEffect[] {
    return this.#input(nowMs, () => {
      this.#context.written();
      const deferred = this.#deferred;
      this.#deferred = [];
      for (const received of deferred) this.#receiveOrDefer(received);
    });
  }

  /** The outcome of the last `join`. */
  joinAnswered(answer: JoinAnswer, nowMs: number): readonly FormationEffect[] {
    return this.#input(nowMs, () => this.#joiner.answered(answer));
  }

  /** Time has passed. Needed at least every `RESEND_MS` unless `settled`. */
  tick(nowMs: number): readonly FormationEffect[] {
    return this.#input(nowMs, () => {});
  }

  /** Whether nothing is left that time alone would move. */
  get settled(): boolean {
    const { state, writing } = this.#context;
    if (writing) return false;
    if (state.kind === "joined") return true;
    return state.kind === "formed" && this.#notBegun(state.plan).length === 0;
  }

  /** Whether a met peer's data belongs to another cluster than this peer's. */
  isForeign(peer: PeerId): boolean {
    const theirs = this.#context.met.get(peer)?.clusterId ?? null;
    const { state } = this.#context;
    const own = state.kind === "joining"
      ? state.clusterId
      : clusterOf({ attempts: this.#context.attempts, state });
    return theirs !== null && own !== null && theirs !== own;
  }

  /** One line for /health and the log: what this peer waits for. */
  statusLine(): string {
    return formationStatus({
      self: this.#context.self,
      expect: this.#context.hello.expect,
      state: this.#context.state,
      candidates: this.#context.candidates(),
      clusters: clustersMet(this.#context.met),
      joinRefusal: this.#joiner.refusal,
    });
  }

  /** Throws an AssertionError if the state contradicts itself. */
  checkInvariants(): void {
    const { self, state, attempts } = this.#context;
    if (state.kind === "held" || state.kind === "formed") {
      const own = state.plan.proposer === self;
      assert(isPlanMember(state.plan, self), "a held plan names this peer");
      assert(!own || state.plan.attempt === attempts, "the own plan is the last one proposed");
    }
    assert(this.#deferred.length <= DEFERRED_MAX, "too many messages wait for a write");
  }

  #input(nowMs: number, handle: () => void): readonly FormationEffect[] {
    this.#context.nowMs = nowMs;
    handle();
    if (!this.#context.writing) this.#advance();
    return this.#context.takeEffects();
  }

  /** Does what the state calls for now. Idempotent: called after every input. */
  #advance(): void {
    const { self, state } = this.#context;
    switch (state.kind) {
      case "empty":
        if (!this.#joiner.advanceEmpty()) this.#proposer.advanceEmpty();
        return;
      case "held":
        if (state.plan.proposer === self) this.#proposer.advanceOpen(state.plan);
        else this.#acceptor.advanceHeld(state.plan);
        return;
      case "formed":
        this.#context.campaign();
        for (const founder of this.#notBegun(state.plan)) {
          this.#context.ask(founder, { ...state, kind: "commit" });
        }
        return;
      case "joining":
        return this.#joiner.advanceJoining(state.clusterId);
      case "joined":
        return;
      default:
        unreachable(state);
    }
  }

  #receiveOrDefer(received: Received): void {
    if (!this.#context.writing) this.#receive(received);
    else if (this.#deferred.length < DEFERRED_MAX) this.#deferred.push(received);
  }

  #receive({ from, message }: Received): void {
    switch (message.kind) {
      case "plan":
        return this.#acceptor.receivePlan(from, message.plan);
      case "accepted":
        return this.#proposer.receiveAccepted(from, message.plan);
      case "refused":
        return this.#proposer.receiveRefused(from, message.plan, message.holding, message.reason);
      case "abort":
        return this.#acceptor.receiveAbort(message.plan, message.signature);
      case "commit":
        return this.#acceptor.receiveCommit(from, message.plan, message.signature);
      case "committed":
        return this.#proposer.receiveCommitted(from, message.plan);
      default:
        unreachable(message);
    }
  }

  /** Founders that are met and have not begun, as far as their hello tells. */
  #notBegun(plan: FormationPlan): PeerId[] {
    return plan.members.map((member) => member.id)
      .filter((id) => this.#context.met.get(id)?.clusterId === null);
  }

  #logForeign(peer: PeerId, hello: Hello): void {
    this.#context.logOnce(
      "error",
      `refused ${this.#context.nameOf(peer)}: its data belongs to cluster ${hello.clusterId}, ` +
        "which has the same key as this one: give each cluster a key of its own",
    );
  }
}
