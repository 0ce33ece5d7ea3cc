/**
 * What the roles of forming share: the record, the peers that are met, the time, and the way out. It
 * keeps the one rule that all of them rest on: while a write is under way no role acts, so nothing that
 * is sent promises what a crash could undo.
 */
import { assert } from "../assert.ts";
import type { LogLevel } from "../logger.ts";
import type { Hello } from "../net/transport.ts";
import type { PeerId } from "../raft/entry.ts";
import { type Candidates, findCandidates } from "./candidates.ts";
import { FirstCampaigns } from "./first_campaigns.ts";
import type { FormationEffect } from "./formation_effect.ts";
import type { FormationMessage } from "./formation_message.ts";
import { clusterOf, type FormationRecord, type FormationState } from "./formation_record.ts";
import type { ClusterParameters, FormationPlan, Signer } from "./plan.ts";

export interface FormationOptions {
  readonly self: PeerId;
  readonly hello: Hello;
  readonly parameters: ClusterParameters;
  readonly signer: Signer;
  /** 16 random bytes in hex, new at each call. */
  readonly makeClusterId: () => string;
  /** What was durable when the peer started. */
  readonly record: FormationRecord;
}

/** What had no answer is sent again after this. */
export const RESEND_MS = 500;
/** Different lines that are logged once each; past it they are logged every time. */
const LOGGED_ONCE_MAX = 256;

export class FormationContext {
  readonly options: FormationOptions;
  readonly self: PeerId;
  readonly met = new Map<PeerId, Hello>();
  /** Until when a peer that could not take part in a plan is not counted. */
  readonly busyUntilMs = new Map<PeerId, number>();
  hello: Hello;
  nowMs = 0;
  /** Set by the commit itself: after a restart the groups elect their leaders by themselves. */
  #firstCampaigns: FirstCampaigns | null = null;
  /** What was last decided; `#durable` lags behind it while a write is under way. */
  #record: FormationRecord;
  #durable: FormationRecord;
  /** Not null while a write is under way: what to do once it is durable. */
  #afterWrite: (() => void) | null = null;
  /** When what this state keeps asking of a peer was last sent to it. */
  readonly #askedAtMs = new Map<PeerId, number>();
  readonly #loggedOnce = new Set<string>();
  #effects: FormationEffect[] = [];

  constructor(options: FormationOptions) {
    this.options = options;
    this.self = options.self;
    this.hello = options.hello;
    this.#record = options.record;
    this.#durable = options.record;
  }

  get state(): FormationState {
    return this.#record.state;
  }

  /** How many plans this peer has proposed. */
  get attempts(): number {
    return this.#record.attempts;
  }

  get durableRecord(): FormationRecord {
    return this.#durable;
  }

  get writing(): boolean {
    return this.#afterWrite !== null;
  }

  /** Takes another state, durably, and goes on with `after` once it is. */
  write(state: FormationState, after: () => void = () => {}): void {
    this.#writeRecord({ attempts: this.attempts, state }, after);
  }

  /** The same for a plan of this peer's own, whose attempt is counted in the same write. */
  writeProposal(plan: FormationPlan, after: () => void): void {
    assert(plan.attempt === this.attempts + 1, "attempts are counted one by one");
    this.#writeRecord({ attempts: plan.attempt, state: { kind: "held", plan } }, after);
  }

  /** The commit of the held plan, in one batch with the groups that it founds here. */
  writeFormed(plan: FormationPlan, signature: Uint8Array, after: () => void): void {
    const state = { kind: "formed", plan, signature } as const;
    const record = { attempts: this.attempts, state };
    this.#begin(record, () => {
      this.log("info", `formed cluster ${plan.clusterId} of ${plan.members.length}`);
      this.emit({ kind: "formed", plan });
      after();
      this.#firstCampaigns = new FirstCampaigns(plan, this.self);
    });
    this.emit({ kind: "commit", record, plan });
  }

  /** Calls for votes wherever a partition can elect this peer, its preferred leader, by now. */
  campaign(): void {
    const groups = this.#firstCampaigns?.due((peer) => this.#clusterOf(peer)) ?? [];
    if (groups.length > 0) this.emit({ kind: "campaign", groups });
  }

  #clusterOf(peer: PeerId): string | null {
    if (peer === this.self) return clusterOf(this.#durable);
    return this.met.get(peer)?.clusterId ?? null;
  }

  /** The write that is under way is durable. */
  written(): void {
    const afterWrite = this.#afterWrite;
    assert(afterWrite !== null, "no write is under way");
    this.#afterWrite = null;
    this.#durable = this.#record;
    afterWrite();
  }

  #writeRecord(record: FormationRecord, after: () => void): void {
    this.#begin(record, after);
    this.emit({ kind: "makeDurable", record });
  }

  #begin(record: FormationRecord, after: () => void): void {
    assert(this.#afterWrite === null, "one write at a time");
    this.#record = record;
    this.#afterWrite = after;
    this.#askedAtMs.clear();
  }

  /** Sends to a met peer now, unless it was asked within `RESEND_MS` in this state. */
  ask(to: PeerId, message: FormationMessage): void {
    if (!this.met.has(to)) return;
    const askedAtMs = this.#askedAtMs.get(to);
    if (askedAtMs !== undefined && this.nowMs - askedAtMs < RESEND_MS) return;
    this.#askedAtMs.set(to, this.nowMs);
    this.send(to, message);
  }

  /** The next `ask` of this peer is sent at once. */
  askAnew(peer: PeerId): void {
    this.#askedAtMs.delete(peer);
  }

  /** The next `ask` of this peer is not sent before `RESEND_MS` have passed. */
  askLater(peer: PeerId): void {
    this.#askedAtMs.set(peer, this.nowMs);
  }

  send(to: PeerId, message: FormationMessage): void {
    this.emit({ kind: "send", to, message });
  }

  emit(effect: FormationEffect): void {
    this.#effects.push(effect);
  }

  log(level: LogLevel, message: string): void {
    this.emit({ kind: "log", level, message });
  }

  logOnce(level: LogLevel, message: string): void {
    if (this.#loggedOnce.has(message)) return;
    if (this.#loggedOnce.size < LOGGED_ONCE_MAX) this.#loggedOnce.add(message);
    this.log(level, message);
  }

  takeEffects(): readonly FormationEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  candidates(): Candidates {
    const self = { id: this.self, hello: this.hello };
    return findCandidates(
      self,
      this.met,
      (peer) => (this.busyUntilMs.get(peer) ?? 0) > this.nowMs,
    );
  }

  nameOf(peer: PeerId): string {
    return `${this.met.get(peer)?.name ?? "a peer"} (${peer.slice(0, 8)})`;
  }
}
