/**
 * The core's face: one replica of one group, as a deterministic state machine without I/O, time or
 * randomness of its own. It decides what is done about a message's term, moves the replica from role to
 * role, and assembles each Ready. The contract with its driver is `ready.ts`; what a role does lies in
 * `follower.ts`, `candidate.ts` and `leader.ts`.
 */
import { assert } from "../assert.ts";
import { Candidate } from "./candidate.ts";
import { findReplica } from "./configuration.ts";
import type { Configuration, Entry, PeerId, SnapshotMeta } from "./entry.ts";
import { Follower } from "./follower.ts";
import { Leader } from "./leader.ts";
import type { Envelope } from "./message.ts";
import type {
  ConfigurationChange,
  FollowerStatus,
  Proposed,
  RaftCore,
  RaftOptions,
  Ready,
  Refusal,
  Role,
  SnapshotRead,
  Status,
} from "./ready.ts";
import { ReplicaState, type Transitions } from "./replica_state.ts";
import { SnapshotReceiver } from "./snapshot_receiver.ts";
import { answerPreVote } from "./voting.ts";
import { isWellFormed } from "./well_formed.ts";

export class Raft implements RaftCore {
  readonly #state: ReplicaState;
  readonly #receiver: SnapshotReceiver;
  readonly #transitions: Transitions;
  #behaviour: Follower | Candidate | Leader;
  /** As the last Ready told it. */
  #statusTold: Status | null = null;

  constructor(options: RaftOptions) {
    const { electionTicksMin, electionTicksMax, heartbeatTicks } = options;
    assert(heartbeatTicks > 0, `heartbeat every ${heartbeatTicks} ticks`);
    assert(
      heartbeatTicks < electionTicksMin && electionTicksMin <= electionTicksMax,
      `election timeout ${electionTicksMin}..${electionTicksMax}, heartbeat ${heartbeatTicks}`,
    );
    this.#state = new ReplicaState(options);
    this.#receiver = new SnapshotReceiver(this.#state);
    this.#transitions = {
      becomeFollower: (term, leader) => this.#becomeFollower(term, leader),
      follow: (envelope) => this.#follow(envelope),
      becomePreCandidate: () => this.#stand(true, false),
      becomeCandidate: (transfer) => this.#stand(false, transfer),
      becomeLeader: () => this.#becomeLeader(),
    };
    this.#behaviour = new Follower(this.#state, this.#transitions, this.#receiver);
  }

  step(envelope: Envelope): void {
    if (!this.#isForMe(envelope) || !isWellFormed(envelope)) return;
    this.#wakeBy(envelope);
    const { term, body } = envelope;
    if (body.kind === "voteRequest" && !this.#hearsCandidate(body.transfer)) return;
    if (body.kind === "voteRequest" && body.preVote) {
      return answerPreVote(this.#state, envelope, body);
    }
    if (body.kind === "voteAnswer" && body.preVote && body.granted) {
      // A grant carries the term that was asked about, which nobody has entered.
      if (term === this.#state.term + 1) this.#behaviour.step(envelope);
      return;
    }
    if (term < this.#state.term) return this.#answerStale(envelope);
    if (term > this.#state.term) this.#becomeFollower(term, null);
    this.#behaviour.step(envelope);
  }

  tick(): void {
    if (this.#state.asleep) return;
    this.#state.ticks++;
    this.#behaviour.tick();
  }

  propose(payloads: readonly Uint8Array[], timeMs: number): Proposed {
    const leader = this.#leading();
    return leader === null ? this.#notLeader() : leader.propose(payloads, timeMs);
  }

  proposeConfiguration(change: ConfigurationChange, timeMs: number): Proposed {
    const leader = this.#leading();
    return leader === null ? this.#notLeader() : leader.proposeConfiguration(change, timeMs);
  }

  readIndex(context: number): { readonly ok: true } | Refusal {
    const leader = this.#leading();
    return leader === null ? this.#notLeader() : leader.readIndex(context);
  }

  transferLeadership(to: PeerId): { readonly ok: true } | Refusal {
    const leader = this.#leading();
    return leader === null ? this.#notLeader() : leader.transferLeadership(to);
  }

  campaign(force = false): void {
    if (this.#behaviour instanceof Leader || !this.#state.isVoter) return;
    this.wake(0);
    this.#stand(!force, false);
  }

  stepDown(): void {
    this.wake(0);
    if (this.#behaviour instanceof Leader) this.#behaviour.stepDown();
    else if (this.#behaviour instanceof Candidate) this.#becomeFollower(this.#state.term, null);
    this.#state.timer.restart(this.#state.options.electionTicksMax);
  }

  hasReady(): boolean {
    const { log, cursor, outbox, restoring } = this.#state;
    if (!outbox.isEmpty || log.hasWrite() || cursor.hasEntries || cursor.wantsFetch) return true;
    if (restoring !== null || this.#statusChanged()) return true;
    return this.#behaviour instanceof Leader && this.#behaviour.hasWork;
  }

  ready(): Ready {
    const state = this.#state;
    if (this.#behaviour instanceof Leader && this.#behaviour.hasWork) this.#behaviour.prepare();
    state.fetchForApply();
    const { outbox, restoring } = state;
    state.restoring = null;
    return {
      messages: outbox.messages.take(),
      persist: state.log.takeWrite(state.hardState),
      restore: restoring,
      committed: state.cursor.take(),
      fetches: outbox.fetches.take(),
      snapshotReads: outbox.snapshotReads.take(),
      snapshotChunks: outbox.snapshotChunks.take(),
      reads: outbox.reads.take(),
      readsLost: outbox.readsLost.take(),
      status: this.#takeStatus(),
    };
  }

  persisted(token: number): void {
    const { log, outbox, cursor, term } = this.#state;
    log.persisted(token);
    outbox.release(log.durableToken, term);
    this.#behaviour.persisted();
    log.evict(cursor.appliedIndex);
  }

  applied(index: number): void {
    const { log, cursor } = this.#state;
    cursor.applied(index);
    log.evict(cursor.appliedIndex);
  }

  fetched(id: number, entries: readonly Entry[] | null): void {
    if (this.#state.cursor.fetched(id, entries)) return;
    if (this.#behaviour instanceof Leader) this.#behaviour.fetched(id, entries);
  }

  snapshotTaken(snapshot: SnapshotMeta): void {
    const { log, cursor, configurations } = this.#state;
    if (!log.compact(snapshot)) return;
    assert(snapshot.index <= cursor.appliedIndex, `snapshot ${snapshot.index} is not applied`);
    configurations.compact(snapshot.index);
  }

  snapshotRead(read: SnapshotRead, bytes: Uint8Array | null): void {
    if (this.#behaviour instanceof Leader) this.#behaviour.snapshotRead(read, bytes);
  }

  snapshotStored(snapshot: SnapshotMeta, nextOffsetBytes: number | null): void {
    this.#receiver.onStored(snapshot, nextOffsetBytes);
  }

  leaderAlive(peer: PeerId, term: number): void {
    const { leader, timer } = this.#state;
    const isHeard = this.#behaviour instanceof Follower && leader === peer;
    if (isHeard && term === this.#state.term) timer.leaderHeard();
  }

  followerAlive(peer: PeerId, round: number): void {
    if (this.#behaviour instanceof Leader) this.#behaviour.followerAlive(peer, round);
  }

  wake(elapsedTicks: number): void {
    if (!this.#state.asleep) return;
    this.#state.asleep = false;
    if (this.#behaviour instanceof Leader) this.#behaviour.wake();
    else this.#state.timer.leaderHeard(elapsedTicks);
  }

  get role(): Role {
    if (this.#behaviour instanceof Leader) return "leader";
    if (this.#behaviour instanceof Candidate) {
      return this.#behaviour.isPre ? "pre-candidate" : "candidate";
    }
    return this.#state.isVoter ? "follower" : "learner";
  }

  get term(): number {
    return this.#state.term;
  }

  get leader(): PeerId | null {
    return this.#state.leader;
  }

  get commitIndex(): number {
    return this.#state.log.commitIndex;
  }

  get appliedIndex(): number {
    return this.#state.cursor.appliedIndex;
  }

  get lastIndex(): number {
    return this.#state.log.lastIndex;
  }

  get firstIndex(): number {
    return this.#state.log.baseIndex + 1;
  }

  get lastTimeMs(): number {
    return this.#state.log.lastTimeMs;
  }

  get asleep(): boolean {
    return this.#state.asleep;
  }

  get round(): number {
    return this.#state.round;
  }

  get agreedRound(): number {
    return this.#behaviour instanceof Leader ? this.#behaviour.tracker.agreedRound() : 0;
  }

  get configuration(): Configuration {
    return this.#state.configuration;
  }

  get snapshot(): SnapshotMeta | null {
    return this.#state.log.snapshot;
  }

  followers(): readonly FollowerStatus[] {
    return this.#behaviour instanceof Leader
      ? this.#behaviour.tracker.status(this.#state.ticks)
      : [];
  }

  checkInvariants(): void {
    const { leader, self } = this.#state;
    this.#state.checkInvariants();
    const isLeader = this.#behaviour instanceof Leader;
    assert(isLeader === (leader === self.peer), `role ${this.role}, leader ${leader}`);
    if (this.#behaviour instanceof Candidate) assert(leader === null, "a candidate with a leader");
    if (this.#behaviour instanceof Leader) this.#behaviour.checkInvariants();
  }

  /**
   * Messages name both ends' replica ids: one meant for, or from, a former self of a peer is dropped. A
   * sender that is newer than the own configuration knows is heard: it is this log that lags.
   */
  #isForMe({ from, to, body }: Envelope): boolean {
    const { self, configuration } = this.#state;
    if (to.peer !== self.peer || from.peer === self.peer) return false;
    const isFirst = to.replica === 0 && !this.#state.isVoter &&
      (body.kind === "append" || body.kind === "snapshotOffer" || body.kind === "snapshotChunk");
    if (to.replica !== self.replica && !isFirst) return false;
    const known = findReplica(configuration, from.peer);
    return known === null || from.replica >= known.replica;
  }

  /**
   * Leader stickiness: while a leader is heard nobody else gets a vote, unless the leader asked for it.
   * And who is not initialised has forgotten, or never had, what a vote must rest on.
   */
  #hearsCandidate(transfer: boolean): boolean {
    if (!this.#state.isInitialised) return false;
    if (transfer) return true;
    return !(this.#behaviour instanceof Leader) && !this.#state.timer.leaderIsFresh;
  }

  /** Tells a leader or candidate of the past which term it is now: it may be stuck without that. */
  #answerStale({ from, body }: Envelope): void {
    switch (body.kind) {
      case "append":
      case "heartbeat":
      case "hibernate":
      case "snapshotOffer":
      case "snapshotChunk": {
        const answer = { accepted: false, index: 0, hintIndex: 0, hintTerm: 0 };
        return this.#state.send(from, { kind: "appendAnswer", ...answer });
      }
      case "voteRequest":
        return this.#state.send(from, { kind: "voteAnswer", preVote: false, granted: false });
      default:
        return;
    }
  }

  /** Every message ends hibernation, but those with which it began. */
  #wakeBy({ body }: Envelope): void {
    if (!this.#state.asleep || body.kind === "hibernate") return;
    const isLate = body.kind === "heartbeatAnswer" ||
      (body.kind === "appendAnswer" && body.accepted);
    if (!isLate) this.wake(0);
  }

  /** The leader's role, awake, or null. */
  #leading(): Leader | null {
    if (!(this.#behaviour instanceof Leader)) return null;
    this.wake(0);
    return this.#behaviour;
  }

  #notLeader(): Refusal {
    return { ok: false, reason: "notLeader", leader: this.#state.leader };
  }

  #becomeFollower(term: number, leader: PeerId | null): void {
    const state = this.#state;
    if (this.#behaviour instanceof Leader) {
      this.#behaviour.end();
      state.timer.leaderForgotten();
    }
    if (term > state.term) state.enterTerm(term);
    state.leader = leader;
    state.asleep = false;
    state.timer.restart();
    this.#behaviour = new Follower(state, this.#transitions, this.#receiver);
  }

  #follow(envelope: Envelope): void {
    this.#becomeFollower(envelope.term, envelope.from.peer);
    this.#behaviour.step(envelope);
  }

  #stand(isPre: boolean, transfer: boolean): void {
    const state = this.#state;
    state.leader = null;
    if (!isPre) state.enterTerm(state.term + 1);
    const candidate = new Candidate(state, this.#transitions, isPre, transfer);
    this.#behaviour = candidate;
    candidate.stand();
  }

  #becomeLeader(): void {
    this.#state.leader = this.#state.self.peer;
    this.#behaviour = new Leader(this.#state, this.#transitions);
  }

  #statusChanged(): boolean {
    const told = this.#statusTold;
    return told === null || told.term !== this.term || told.leader !== this.leader ||
      told.configuration !== this.configuration || told.role !== this.role;
  }

  #takeStatus(): Status | null {
    if (!this.#statusChanged()) return null;
    const { role, term, leader, configuration } = this;
    this.#statusTold = { role, term, leader, configuration };
    return this.#statusTold;
  }
}
