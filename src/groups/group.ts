/**
 * One replica at this peer: its Raft core, its state machine, its clock, and whoever waits for an entry
 * or a read. It takes Readys apart: messages and records go to the host, which sends and writes those of
 * all groups together; entries are applied here, in order, each once. All work happens in `pump`, which
 * the host calls after anything has changed; nothing here waits.
 */
import { assert } from "../assert.ts";
import { type Clock, momentOf } from "../clock.ts";
import { isSoleVoter } from "../raft/configuration.ts";
import type { Entry, PeerId, SnapshotMeta } from "../raft/entry.ts";
import type { Envelope } from "../raft/message.ts";
import type { Fetch, Persist, RaftCore, Ready, SnapshotPart } from "../raft/ready.ts";
import type { SnapshotRead } from "../raft/ready.ts";
import { GroupClock } from "./group_clock.ts";
import type { GroupMachine } from "./group_machine.ts";
import type { GroupValues } from "./group_values.ts";
import type { GroupListener, GroupStatus } from "./groups.ts";
import { OpenProposals, type ProposalResult } from "./open_proposals.ts";
import { OpenReads, type ReadResult } from "./open_reads.ts";
import { QuorumContact, type QuorumHeard } from "./quorum_contact.ts";

/** What a group needs of its host. Asynchronous work is handed over and comes back by a method call. */
export interface GroupEdges {
  readonly clock: Clock;
  readonly self: PeerId;
  /** Something changed outside of `pump`: call it soon. */
  dirty(group: Group): void;
  send(group: Group, envelope: Envelope): void;
  persist(group: Group, persist: Persist): void;
  fetch(group: Group, fetch: Fetch): void;
  readSnapshot(group: Group, read: SnapshotRead): void;
  storeSnapshot(group: Group, part: SnapshotPart): void;
  /** Load the machine from this snapshot, once what was persisted so far is durable; then `restored`. */
  restore(group: Group, snapshot: SnapshotMeta): void;
  /** A committed configuration lacks this replica, which has ended. */
  removed(group: Group): void;
  /** While a write is in flight proposals gather, to share the next one. */
  mayPropose(): boolean;
}

/** What those are told who ask a replica that has ended. */
const ENDED = { ok: false, reason: "notLeader", leader: null } as const;

export class Group {
  readonly id: number;
  readonly replica: number;
  readonly raft: RaftCore;
  readonly machine: GroupMachine;
  readonly values: GroupValues;
  readonly clock: GroupClock;
  readonly contact = new QuorumContact();
  readonly #edges: GroupEdges;
  readonly #listeners: GroupListener[] = [];
  readonly #proposals = new OpenProposals();
  readonly #reads = new OpenReads();
  /** Committed entries that must wait until a snapshot is loaded. */
  #held: Entry[] = [];
  #restoring: SnapshotMeta | null = null;
  #ended = false;
  /** The log's end when this replica was brought back. */
  readonly #replayedUntil: number;
  #wasLeader = false;
  /** Applied bytes since the last snapshot, for the snapshot policy. */
  appliedBytes = 0;
  /** The term of the last applied entry, or of the snapshot. */
  appliedTerm = 0;

  /**
   * @param values what the machine appends to
   * @param found the snapshot of the log that was found here: nothing is applied before `restored`
   */
  constructor(
    id: number,
    replica: number,
    raft: RaftCore,
    machine: GroupMachine,
    values: GroupValues,
    edges: GroupEdges,
    found: SnapshotMeta | null,
  ) {
    this.id = id;
    this.replica = replica;
    this.raft = raft;
    this.machine = machine;
    this.values = values;
    this.#edges = edges;
    this.#restoring = found;
    this.#replayedUntil = raft.lastIndex;
    const timeMs = Math.max(raft.lastTimeMs, machine.timeMs);
    this.clock = new GroupClock(timeMs, edges.clock.monotonicMs());
  }

  get leads(): boolean {
    return this.raft.role === "leader";
  }

  /** Entries up to here are in the state of the machine, or will be once it is restored. */
  get appliedIndex(): number {
    return this.raft.appliedIndex;
  }

  get restoring(): boolean {
    return this.#restoring !== null;
  }

  /** Whether the machine waits for this snapshot, and not for a newer one that came meanwhile. */
  awaits(snapshot: SnapshotMeta): boolean {
    return this.#restoring === snapshot && !this.#ended;
  }

  /** Whether this replica was removed, replaced or halted: nothing may come of it any more. */
  get ended(): boolean {
    return this.#ended;
  }

  listen(listener: GroupListener): void {
    this.#listeners.push(listener);
  }

  /** Group time now, never before what is applied. */
  timeMs(): number {
    return Math.max(this.machine.timeMs, this.clock.read(this.#edges.clock.monotonicMs()));
  }

  /** @param settle called exactly once, never before this returns */
  propose(payload: Uint8Array, settle: (result: ProposalResult) => void): void {
    if (this.#ended) return queueMicrotask(() => settle({ kind: "refused", refusal: ENDED }));
    this.#proposals.add({ payload, settle });
    this.#edges.dirty(this);
  }

  /** @param settle called exactly once with an index that, once applied, makes a read linearizable */
  readIndex(settle: (result: ReadResult) => void): void {
    if (this.#ended) return queueMicrotask(() => settle({ kind: "refused", refusal: ENDED }));
    this.#reads.add(settle);
    this.#edges.dirty(this);
  }

  /**
   * @param settle called exactly once, perhaps before this returns: true once everything up to `index` is
   * applied here, false when the replica ended before
   */
  whenApplied(index: number, settle: (reached: boolean) => void): void {
    if (this.#ended) settle(false);
    else if (this.#restoring === null && this.raft.appliedIndex >= index) settle(true);
    else this.#reads.awaitApply(index, settle);
  }

  /** Takes a message of another replica, with the group time that its sender gave if it leads. */
  step(envelope: Envelope, timeMs: number): void {
    this.raft.step(envelope);
    const fromLeader = timeMs >= 0 && this.raft.leader === envelope.from.peer &&
      this.raft.term === envelope.term && !this.leads;
    if (fromLeader) this.clock.heard(timeMs, this.#edges.clock.monotonicMs());
    this.#edges.dirty(this);
  }

  /** Does all that can be done now. */
  pump(): void {
    if (this.#ended) return;
    this.#proposeWaiting();
    this.#reads.ask((context) => this.raft.readIndex(context));
    this.#lookForQuorum();
    while (!this.#ended && this.raft.hasReady()) this.#takeNext();
  }

  /** A round of heartbeats may begin with this: what it says is sent later. */
  #takeNext(): void {
    if (!this.leads) return this.#take(this.raft.ready());
    const now = momentOf(this.#edges.clock);
    const { round, term } = this.raft;
    const ready = this.raft.ready();
    this.contact.leads(term);
    if (this.raft.round > round) this.contact.began(this.raft.round, now);
    this.#take(ready);
  }

  #lookForQuorum(): void {
    if (!this.leads) return;
    const { term, configuration, agreedRound } = this.raft;
    this.contact.leads(term);
    this.contact.agreed(agreedRound);
    const replica = { peer: this.#edges.self, replica: this.replica };
    if (isSoleVoter(configuration, replica)) this.contact.alone(momentOf(this.#edges.clock));
  }

  /** See `Groups.quorumHeard`. */
  quorumHeard(): QuorumHeard | null {
    if (!this.#ended) this.#lookForQuorum();
    return this.contact.heard;
  }

  #proposeWaiting(): void {
    if (!this.#proposals.hasWaiting || !this.#edges.mayPropose()) return;
    const timeMs = this.timeMs();
    for (const slice of this.#proposals.takeWaiting()) {
      const result = this.raft.propose(slice.map(({ payload }) => payload), timeMs);
      if (result.ok) this.#proposals.logged(result.index, result.term, slice);
      else for (const { settle } of slice) settle({ kind: "refused", refusal: result });
    }
  }

  #take(ready: Ready): void {
    for (const envelope of ready.messages) this.#edges.send(this, envelope);
    if (ready.persist !== null) this.#edges.persist(this, ready.persist);
    if (ready.restore !== null) {
      this.#restoring = ready.restore;
      // What waits for an earlier snapshot to be loaded is part of this one.
      this.#held = [];
      this.#edges.restore(this, ready.restore);
    }
    for (const fetch of ready.fetches) this.#edges.fetch(this, fetch);
    for (const read of ready.snapshotReads) this.#edges.readSnapshot(this, read);
    for (const part of ready.snapshotChunks) this.#edges.storeSnapshot(this, part);
    for (const { context, index } of ready.reads) {
      this.#reads.answered(context, { kind: "index", index });
    }
    for (const context of ready.readsLost) {
      const refusal = { ok: false, reason: "notLeader", leader: this.raft.leader } as const;
      this.#reads.answered(context, { kind: "refused", refusal });
    }
    if (this.#restoring !== null) this.#held.push(...ready.committed);
    else this.#applyAll(ready.committed);
    if (ready.status !== null && !this.#ended) this.#statusChanged();
  }

  #applyAll(entries: readonly Entry[]): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    for (const entry of entries) {
      this.#apply(entry);
      if (this.#ended) return;
    }
    this.raft.applied(last.index);
    this.#reads.applied(last.index);
  }

  #apply(entry: Entry): void {
    const { answer, effects } = this.machine.apply(entry);
    this.appliedBytes += entry.payload.length;
    this.appliedTerm = entry.term;
    if (effects.length > 0) {
      const { index, term } = entry;
      const context = { group: this.id, index, term, timeMs: this.machine.timeMs };
      const replayed = index <= this.#replayedUntil;
      for (const listener of this.#listeners) listener.effects(effects, context, replayed);
    }
    this.#proposals.applied(entry, answer);
    if (entry.kind === "configuration") this.#configurationApplied(entry);
  }

  /** Ends this replica where the newest configuration is committed and lacks it. */
  #configurationApplied({ index }: Entry): void {
    // A replica's id is the index of the configuration that added it: older ones know nothing of it.
    if (index <= this.replica || this.raft.configuration.index > index) return;
    const { voters, votersOutgoing, learners, learnersNext } = this.raft.configuration;
    const all = [...voters, ...votersOutgoing, ...learners, ...learnersNext];
    const { self } = this.#edges;
    if (all.some(({ peer, replica }) => peer === self && replica === this.replica)) return;
    this.#reads.applied(index);
    this.end();
    this.#edges.removed(this);
  }

  /** The machine now holds the snapshot that was found here, or that `restore` was asked for. */
  restored(snapshot: SnapshotMeta): void {
    assert(this.#restoring === snapshot, "the snapshot that was asked for is the one that came");
    this.#restoring = null;
    this.appliedBytes = 0;
    this.appliedTerm = snapshot.term;
    this.clock.atLeast(this.machine.timeMs, this.#edges.clock.monotonicMs());
    this.raft.applied(snapshot.index);
    this.#reads.applied(snapshot.index);
    for (const listener of this.#listeners) listener.restored?.();
    const held = this.#held;
    this.#held = [];
    this.#applyAll(held);
    this.#edges.dirty(this);
  }

  #statusChanged(): void {
    if (this.leads && !this.#wasLeader) {
      this.clock.atLeast(this.raft.lastTimeMs, this.#edges.clock.monotonicMs());
    }
    if (!this.leads && this.#wasLeader) this.#proposals.forgetLogged();
    this.#wasLeader = this.leads;
    if (this.#listeners.length === 0) return;
    const status = this.status();
    for (const listener of this.#listeners) listener.status?.(status);
  }

  /** The replica ends here, by removal, failure or shutdown: whoever waits is told so. Idempotent. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#proposals.end(ENDED);
    this.#reads.end(ENDED);
  }

  /** Proposals whose outcome is awaited here. */
  get openProposals(): number {
    return this.#proposals.size;
  }

  /** Whether proposals wait to get into the log. */
  get hasWaitingProposals(): boolean {
    return this.#proposals.hasWaiting;
  }

  status(): GroupStatus {
    const { role, term, leader, commitIndex, appliedIndex, firstIndex, lastIndex } = this.raft;
    return {
      group: this.id,
      replica: this.replica,
      role,
      term,
      leader,
      commitIndex,
      appliedIndex,
      firstIndex,
      lastIndex,
      timeMs: this.timeMs(),
      asleep: this.raft.asleep,
      configuration: this.raft.configuration,
      snapshot: this.raft.snapshot,
      followers: this.leads ? this.raft.followers() : [],
    };
  }
}
