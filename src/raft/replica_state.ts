/**
 * What a replica has in every role: its term and vote, its log and configurations, its patience, and
 * the outbox. The roles (`follower.ts`, `candidate.ts`, `leader.ts`) work on it; how a replica gets from
 * one role to another is `raft.ts`'s alone.
 */
import { assert } from "../assert.ts";
import { ApplyCursor } from "./apply_cursor.ts";
import { decodeConfiguration, isVoter } from "./configuration.ts";
import { ConfigurationHistory } from "./configuration_history.ts";
import { ElectionTimer } from "./election_timer.ts";
import type { Configuration, Entry, HardState, PeerId, Replica, SnapshotMeta } from "./entry.ts";
import type { Envelope, MessageBody } from "./message.ts";
import { Outbox } from "./outbox.ts";
import { RaftLog } from "./raft_log.ts";
import type { RaftOptions } from "./ready.ts";

/** How a replica changes its role. After a call the caller's own role is over. */
export interface Transitions {
  /** @param leader who leads `term`, where that is known */
  becomeFollower(term: number, leader: PeerId | null): void;
  /** The replica of the same term that now handles the message that ended the former role. */
  follow(envelope: Envelope): void;
  /** Stands in earnest, in the next term. @param transfer whether the leader asked for it */
  becomeCandidate(transfer: boolean): void;
  becomePreCandidate(): void;
  becomeLeader(): void;
}

/** What `raft.ts` asks of the role in force. Messages are of the current term. */
export interface Behaviour {
  step(envelope: Envelope): void;
  tick(): void;
  /** A write became durable: see `log.durableIndex` and `log.durableToken`. */
  persisted(): void;
}

export class ReplicaState {
  readonly self: Replica;
  readonly options: RaftOptions;
  readonly log: RaftLog;
  readonly cursor: ApplyCursor;
  readonly configurations: ConfigurationHistory;
  readonly timer: ElectionTimer;
  readonly outbox: Outbox;
  /** Who leads the current term, where that is known. */
  leader: PeerId | null = null;
  /** Hibernating: nothing is sent and no time passes until something happens. */
  asleep = false;
  /** Ticks since the start, for how long ago something was; sleep does not count. */
  ticks = 0;
  /** The newest heartbeat round; grows over all terms of this process. */
  round = 0;
  /** A snapshot that the driver has to load, not handed out yet. */
  restoring: SnapshotMeta | null = null;

  #term: number;
  #votedFor: PeerId | null;
  #fetchId = 0;

  constructor(options: RaftOptions) {
    this.options = options;
    this.self = options.self;
    this.log = new RaftLog(options.log, options.logMemoryBytesMax);
    const { term, votedFor } = options.log.hardState;
    this.#term = Math.max(term, this.log.lastTerm);
    this.#votedFor = this.#term === term ? votedFor : null;
    // A torn write kept entries of a term and lost the hard state behind them, on which nothing rested yet.
    if (this.#term > term) this.log.hardStateChanged();
    this.cursor = new ApplyCursor(this.log, options.applyBytesMax);
    this.configurations = new ConfigurationHistory(options.log.configuration);
    for (const entry of options.log.configurationEntries) this.#takeConfiguration(entry);
    this.timer = new ElectionTimer(
      options.electionTicksMin,
      options.electionTicksMax,
      options.random,
    );
    this.outbox = new Outbox(options.self);
  }

  get term(): number {
    return this.#term;
  }

  get votedFor(): PeerId | null {
    return this.#votedFor;
  }

  get hardState(): HardState {
    return { term: this.#term, votedFor: this.#votedFor, commitIndex: this.log.commitIndex };
  }

  get configuration(): Configuration {
    return this.configurations.current;
  }

  /** Whether this replica knows of any configuration; before that it neither stands nor votes. */
  get isInitialised(): boolean {
    return this.configuration.voters.length > 0;
  }

  get isVoter(): boolean {
    return isVoter(this.configuration, this.self);
  }

  /** Terms only grow; a new one begins without a vote. */
  enterTerm(term: number): void {
    assert(term > this.#term, `term ${term} behind term ${this.#term}`);
    this.#term = term;
    this.#votedFor = null;
    this.log.hardStateChanged();
  }

  /** One vote a term. */
  voteFor(peer: PeerId): void {
    assert(this.#votedFor === null || this.#votedFor === peer, `already voted: ${this.#votedFor}`);
    if (this.#votedFor === peer) return;
    this.#votedFor = peer;
    this.log.hardStateChanged();
  }

  /** Appends one entry; a configuration is in force from here on. */
  append(entry: Entry): void {
    this.log.append(entry);
    if (entry.kind === "configuration") this.#takeConfiguration(entry);
  }

  /** An empty replica learns from a leader that the group's log is whole, from index 2 on. */
  begin(): void {
    this.log.begin();
    this.cursor.begin(this.log.baseIndex);
  }

  truncateFrom(index: number): void {
    this.log.truncateFrom(index);
    this.configurations.truncateFrom(index);
  }

  /** Takes a received snapshot, whose file is durable, in the place of log and state machine. */
  restore(snapshot: SnapshotMeta): void {
    this.log.restore(snapshot);
    this.configurations.reset(snapshot.configuration);
    this.cursor.restore(snapshot.index);
    this.restoring = snapshot;
  }

  /** Sends at once: for what promises nothing. */
  send(to: Replica, body: MessageBody): void {
    this.outbox.send(to, this.#term, body);
  }

  /** Sends once everything that is true now is durable: for promises. */
  promise(to: Replica, body: MessageBody): void {
    const token = this.log.promiseToken();
    if (token <= this.log.durableToken) this.outbox.send(to, this.#term, body);
    else this.outbox.hold(to, this.#term, body, token);
  }

  /** A name for one fetch of entries. */
  nextFetchId(): number {
    return ++this.#fetchId;
  }

  /** A fetch of what is committed and not in memory, so that it can be applied. */
  fetchForApply(): void {
    if (!this.cursor.wantsFetch) return;
    const id = this.nextFetchId();
    const range = this.cursor.beginFetch(id);
    this.outbox.fetches.push({ id, ...range, bytesMax: this.options.applyBytesMax });
  }

  checkInvariants(): void {
    this.log.checkInvariants();
    this.cursor.checkInvariants();
    this.configurations.checkInvariants(this.log.lastIndex);
    assert(
      this.log.lastTerm <= this.#term,
      `an entry of term ${this.log.lastTerm} in ${this.#term}`,
    );
  }

  #takeConfiguration(entry: Entry): void {
    const configuration = decodeConfiguration(entry);
    assert(configuration !== null, `cannot decode the configuration of entry ${entry.index}`);
    this.configurations.push(configuration);
  }
}
