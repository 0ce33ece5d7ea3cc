/**
 * The role that appends: takes proposals, sees to it that followers get them (`append_sender.ts`), and
 * commits what a majority has made durable, of its own term only (Raft, section 5.4.2). It steps down
 * when it does not hear a majority (check-quorum), and when a committed configuration lacks it.
 */
import { assert } from "../assert.ts";
import { AppendSender } from "./append_sender.ts";
import { changeConfiguration, encodeConfiguration, isJoint, leaveJoint } from "./configuration.ts";
import type { Configuration, Entry, EntryKind, PeerId } from "./entry.ts";
import { ENTRY_OVERHEAD_BYTES } from "./entry.ts";
import type { AppendAnswer, Envelope } from "./message.ts";
import type { Progress } from "./progress.ts";
import { ReadRounds } from "./read_rounds.ts";
import type { ConfigurationChange, Proposed, Refusal, SnapshotRead } from "./ready.ts";
import type { Behaviour, ReplicaState, Transitions } from "./replica_state.ts";
import { SnapshotSender } from "./snapshot_sender.ts";
import { Tracker } from "./tracker.ts";
import { TransferOfLeadership } from "./transfer_of_leadership.ts";
import { Uncommitted } from "./uncommitted.ts";

const NO_PAYLOAD = new Uint8Array(0);

export class Leader implements Behaviour {
  readonly tracker: Tracker;

  readonly #state: ReplicaState;
  readonly #transitions: Transitions;
  readonly #snapshots: SnapshotSender;
  readonly #appends: AppendSender;
  readonly #reads: ReadRounds;
  readonly #uncommitted: Uncommitted;
  readonly #transfer: TransferOfLeadership;
  /** The entry with which the term begins. */
  readonly #firstIndex: number;
  #heartbeatElapsed = 0;
  #heartbeatDue = true;
  /** Heartbeats in a row for which there was nothing to do. */
  #idleHeartbeats = 0;

  constructor(state: ReplicaState, transitions: Transitions) {
    const { options, log } = state;
    this.#state = state;
    this.#transitions = transitions;
    this.tracker = new Tracker(options, state.configuration, log.lastIndex, state.ticks);
    this.#snapshots = new SnapshotSender(state);
    this.#appends = new AppendSender(state, this.#snapshots);
    this.#reads = new ReadRounds(options.pendingReadsMax);
    this.#uncommitted = new Uncommitted(options.uncommittedBytesMax);
    this.#transfer = new TransferOfLeadership(state);
    this.#firstIndex = log.lastIndex + 1;
    this.tracker.self.matchIndex = log.durableIndex;
    this.#append("empty", NO_PAYLOAD, log.lastTimeMs);
  }

  step(envelope: Envelope): void {
    const { body } = envelope;
    switch (body.kind) {
      case "appendAnswer":
        return this.#heard(envelope, (from) => this.#onAppendAnswer(from, body));
      case "heartbeatAnswer":
        return this.#heard(envelope, (from) => this.#onEcho(from, body.round));
      case "snapshotAnswer":
        return this.#heard(envelope, (from) => this.#snapshots.onAnswer(from, body));
      case "voteRequest":
        return this.#state.send(envelope.from, {
          kind: "voteAnswer",
          preVote: false,
          granted: false,
        });
      case "append":
      case "heartbeat":
      case "hibernate":
      case "snapshotOffer":
      case "snapshotChunk":
      case "voteAnswer":
      case "timeoutNow":
        return;
    }
  }

  tick(): void {
    const { options } = this.#state;
    this.#transfer.tick();
    if (++this.#heartbeatElapsed < options.heartbeatTicks) return;
    this.#heartbeatElapsed = 0;
    if (!this.tracker.hasActiveQuorum(this.#state.ticks)) {
      return this.#transitions.becomeFollower(this.#state.term, null);
    }
    this.#forgetRemoved();
    this.#heartbeatDue = true;
    if (options.hibernateHeartbeats === 0) return;
    if (!this.#isIdle()) this.#idleHeartbeats = 0;
    else if (this.#idleHeartbeats++ >= options.hibernateHeartbeats) this.#hibernate();
  }

  persisted(): void {
    const { self } = this.tracker;
    const { durableIndex } = this.#state.log;
    if (durableIndex <= self.matchIndex) return;
    self.matchIndex = durableIndex;
    this.#commit();
  }

  /** See `RaftCore.propose`. */
  propose(payloads: readonly Uint8Array[], timeMs: number): Proposed {
    const { log, term } = this.#state;
    const refusal = this.#refusal(timeMs);
    if (refusal !== null) return refusal;
    if (payloads.length === 0) {
      return { ok: false, reason: "invalid", message: "a proposal without payloads" };
    }
    let bytes = 0;
    for (const payload of payloads) bytes += payload.length + ENTRY_OVERHEAD_BYTES;
    if (!this.#uncommitted.hasRoom(bytes)) return { ok: false, reason: "busy" };
    const index = log.lastIndex + 1;
    for (const payload of payloads) this.#append("command", payload, timeMs);
    this.#uncommitted.add(log.lastIndex, bytes);
    this.#idleHeartbeats = 0;
    return { ok: true, index, term };
  }

  /** See `RaftCore.proposeConfiguration`. */
  proposeConfiguration(change: ConfigurationChange, timeMs: number): Proposed {
    const { log, term, configuration } = this.#state;
    const refusal = this.#refusal(timeMs);
    if (refusal !== null) return refusal;
    if (!this.#hasCommitted) return { ok: false, reason: "busy" };
    const isUnderWay = configuration.index > log.commitIndex || isJoint(configuration);
    if (isUnderWay || change.expectedIndex !== configuration.index) {
      return { ok: false, reason: "conflict", configurationIndex: configuration.index };
    }
    const index = log.lastIndex + 1;
    const next = changeConfiguration(configuration, change.operations, index);
    if (typeof next === "string") return { ok: false, reason: "invalid", message: next };
    this.#appendConfiguration(next, timeMs);
    return { ok: true, index, term };
  }

  /** See `RaftCore.readIndex`. */
  readIndex(context: number): { readonly ok: true } | Refusal {
    const { log, outbox } = this.#state;
    this.#idleHeartbeats = 0;
    if (this.tracker.isSole && this.#hasCommitted) {
      outbox.reads.push({ context, index: log.commitIndex });
      return { ok: true };
    }
    if (this.#reads.isFull) return { ok: false, reason: "busy" };
    this.#reads.add(context);
    return { ok: true };
  }

  /** See `RaftCore.transferLeadership`. */
  transferLeadership(to: PeerId): { readonly ok: true } | Refusal {
    if (to === this.#state.self.peer) return { ok: true };
    const target = this.tracker.findPeer(to);
    if (target === null || !this.tracker.isIncomingVoter(target)) {
      return { ok: false, reason: "invalid", message: `not a voter of this group: ${to}` };
    }
    this.#transfer.begin(target);
    this.#appends.lookForLoss(target);
    return { ok: true };
  }

  /** See `RaftCore.stepDown`: the best follower is asked to stand at once. */
  stepDown(): void {
    const next = this.tracker.nextLeader();
    if (next !== null && next.matchIndex >= this.#state.log.commitIndex) {
      this.#state.send(next.replica, { kind: "timeoutNow" });
    }
    this.#transitions.becomeFollower(this.#state.term, null);
  }

  /** Ends hibernation: everyone is woken, and has a whole timeout to be heard again. */
  wake(): void {
    for (const follower of this.tracker.followers) follower.activeTick = this.#state.ticks;
    this.#idleHeartbeats = 0;
    this.#heartbeatElapsed = 0;
    this.#heartbeatDue = true;
  }

  /** See `RaftCore.followerAlive`. */
  followerAlive(peer: PeerId, round: number): void {
    const follower = this.tracker.findPeer(peer);
    if (follower === null || follower === this.tracker.self) return;
    follower.activeTick = this.#state.ticks;
    if (round <= this.#state.round) this.#onEcho(follower, round);
  }

  fetched(id: number, entries: readonly Entry[] | null): void {
    const follower = this.tracker.followers.find(({ fetchId }) => fetchId === id);
    if (follower !== undefined) this.#appends.fetched(follower, entries);
  }

  snapshotRead(read: SnapshotRead, bytes: Uint8Array | null): void {
    const follower = this.tracker.findPeer(read.peer);
    if (follower !== null) this.#snapshots.onRead(follower, read, bytes);
  }

  /** Whether `prepare` would do anything. */
  get hasWork(): boolean {
    if (this.#heartbeatDue || this.#isLeaving) return true;
    if (this.#reads.wantsRound && this.#hasCommitted) return true;
    return this.tracker.followers.some((follower) => this.#appends.wantsSend(follower));
  }

  /** Once for every Ready: puts into the outbox what followers lack. May end this role. */
  prepare(): void {
    for (const follower of this.tracker.followers) {
      if (this.#appends.wantsSend(follower)) this.#appends.send(follower);
    }
    if (this.#isLeaving) return this.stepDown();
    const beginsReads = this.#reads.wantsRound && this.#hasCommitted;
    if (this.#heartbeatDue || beginsReads) this.#heartbeat();
  }

  /** The role is over. */
  end(): void {
    for (const context of this.#reads.drain()) this.#state.outbox.readsLost.push(context);
  }

  checkInvariants(): void {
    const { log } = this.#state;
    this.tracker.checkInvariants(log.lastIndex);
    assert(
      this.tracker.self.matchIndex <= log.durableIndex,
      "the leader counts what is not durable",
    );
    assert(log.lastTerm === this.#state.term, "a leader's log ends with an entry of its term");
    assert(!this.#state.asleep || this.#reads.isEmpty, "asleep while reads wait");
  }

  /** Whether an entry of the own term is committed: before that, what is committed is not known. */
  get #hasCommitted(): boolean {
    return this.#state.log.commitIndex >= this.#firstIndex;
  }

  /** Whether a committed configuration lacks this replica as a voter. */
  get #isLeaving(): boolean {
    const { configuration, log, isVoter } = this.#state;
    return !isVoter && configuration.index <= log.commitIndex && this.#hasCommitted;
  }

  /** Why nothing may be appended now, if so. */
  #refusal(timeMs: number): Refusal | null {
    if (!Number.isSafeInteger(timeMs) || timeMs < 0) {
      return { ok: false, reason: "invalid", message: `not a time in milliseconds: ${timeMs}` };
    }
    return this.#transfer.isUnderWay ? { ok: false, reason: "transferring" } : null;
  }

  #append(kind: EntryKind, payload: Uint8Array, timeMs: number): void {
    const { log, term } = this.#state;
    const stampMs = Math.max(timeMs, log.lastTimeMs);
    this.#state.append({ index: log.lastIndex + 1, term, kind, timeMs: stampMs, payload });
  }

  #appendConfiguration(configuration: Configuration, timeMs: number): void {
    const { log, ticks } = this.#state;
    assert(configuration.index === log.lastIndex + 1, "a configuration of another entry");
    this.#append("configuration", encodeConfiguration(configuration), timeMs);
    this.tracker.configure(configuration, log.lastIndex, ticks);
    this.#transfer.checkTarget(this.tracker);
    this.#idleHeartbeats = 0;
    // Fewer voters may be a majority that has more.
    this.#commit();
  }

  #heard(envelope: Envelope, handle: (from: Progress) => void): void {
    const from = this.tracker.find(envelope.from);
    if (from === null || from === this.tracker.self) return;
    from.activeTick = this.#state.ticks;
    handle(from);
  }

  #onAppendAnswer(from: Progress, answer: AppendAnswer): void {
    if (!answer.accepted) return this.#appends.onRefusal(from, answer);
    if (answer.index > this.#state.log.lastIndex) return;
    const isNew = answer.index > from.matchIndex;
    from.acknowledged(answer.index);
    if (isNew) this.#commit();
    this.#transfer.onProgress(from);
  }

  #onEcho(from: Progress, round: number): void {
    if (round > this.#state.round) return;
    if (round > from.roundEchoed) {
      from.roundEchoed = round;
      this.#confirmReads();
    }
    this.#appends.lookForLoss(from);
    this.#snapshots.lookForLoss(from);
    this.#transfer.onProgress(from);
  }

  #confirmReads(): void {
    if (this.#reads.isEmpty) return;
    const { outbox } = this.#state;
    this.#reads.confirm(this.tracker.agreedRound(), (read) => outbox.reads.push(read));
  }

  /** Commits what a majority has, of the own term. */
  #commit(): void {
    const { log, term } = this.#state;
    const agreedIndex = Math.min(this.tracker.agreedIndex(), log.lastIndex);
    if (agreedIndex <= log.commitIndex || log.term(agreedIndex) !== term) return;
    log.commitTo(agreedIndex);
    this.#uncommitted.release(agreedIndex);
    const { configuration } = this.#state;
    if (isJoint(configuration) && configuration.index <= agreedIndex) {
      this.#appendConfiguration(leaveJoint(configuration, log.lastIndex + 1), log.lastTimeMs);
    }
  }

  #heartbeat(): void {
    const { log } = this.#state;
    this.#heartbeatDue = false;
    const round = ++this.#state.round;
    this.tracker.self.roundEchoed = round;
    if (this.#hasCommitted) this.#reads.begin(round, log.commitIndex);
    for (const { replica, matchIndex } of this.tracker.followers) {
      const commitIndex = Math.min(matchIndex, log.commitIndex);
      this.#state.send(replica, { kind: "heartbeat", commitIndex, round });
    }
    this.#confirmReads();
  }

  #hibernate(): void {
    const { lastIndex } = this.#state.log;
    for (const { replica } of this.tracker.followers) {
      this.#state.send(replica, { kind: "hibernate", lastIndex });
    }
    this.#heartbeatDue = false;
    this.#state.asleep = true;
  }

  /** Whether everyone has everything, knows it, and was heard lately. */
  #isIdle(): boolean {
    const { log, cursor, configuration, ticks } = this.#state;
    const { lastIndex } = log;
    if (log.commitIndex !== lastIndex || log.durableIndex !== lastIndex) return false;
    if (cursor.appliedIndex !== lastIndex || isJoint(configuration)) return false;
    if (!this.#reads.isEmpty || this.#transfer.isUnderWay) return false;
    return this.tracker.followers.every((follower) =>
      follower.state === "replicate" && follower.matchIndex === lastIndex &&
      follower.commitSent === lastIndex && this.tracker.isActive(follower, ticks)
    );
  }

  /** Lets removed replicas go that know of it, or that had their time to. */
  #forgetRemoved(): void {
    const { log, ticks, options } = this.#state;
    for (const follower of this.tracker.followers) {
      const { removedIndex, matchIndex, commitSent, activeTick, state } = follower;
      if (removedIndex === null || log.commitIndex < removedIndex) continue;
      const knows = matchIndex >= removedIndex && commitSent >= removedIndex;
      const isLost = state === "snapshot" || ticks - activeTick >= options.electionTicksMax;
      if (knows || isLost) this.tracker.forget(follower);
    }
  }
}
