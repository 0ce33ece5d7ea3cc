/**
 * One replica at this peer: its Raft core, its state machine, its clock, and whoever waits for an entry
 * or a read. It takes Readys apart: messages and records go to the host, which sends and writes those of
 * all groups together; entries are applied here, in order, each once. All work happens in `pump`, which
 * the host calls after anything has changed; nothing here waits.
 */
import { assert } from "../assert.ts";
import type { Clock } from "../clock.ts";
import type { Entry, PeerId, SnapshotMeta } from "../raft/entry.ts";
import type { Envelope } from "../raft/message.ts";
import type { Fetch, Persist, RaftCore, Ready, Refusal, SnapshotPart } from "../raft/ready.ts";
import type { SnapshotRead } from "../raft/ready.ts";
import { GroupClock } from "./group_clock.ts";
import type { GroupMachine } from "./group_machine.ts";
import type { GroupListener, GroupStatus } from "./groups.ts";
import type { Answer } from "./machine.ts";

/** What became of a proposal at this peer. */
export type ProposalResult =
  | { readonly kind: "applied"; readonly answer: Answer }
  /** It is not in the log and never will be by this attempt. */
  | { readonly kind: "refused"; readonly refusal: Refusal }
  /** Leadership or the storage went away while it was under way: it may yet be committed, or not. */
  | { readonly kind: "unknown" };

export type ReadResult =
  | { readonly kind: "index"; readonly index: number }
  | { readonly kind: "refused"; readonly refusal: Refusal };

interface Proposal {
  readonly payload: Uint8Array;
  readonly settle: (result: ProposalResult) => void;
}

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
  /** A committed configuration lacks this replica. */
  removed(group: Group): void;
  /** While a write is in flight proposals gather, to share the next one. */
  mayPropose(): boolean;
}

export class Group {
  readonly id: number;
  readonly replica: number;
  readonly raft: RaftCore;
  readonly machine: GroupMachine;
  readonly clock: GroupClock;
  readonly #edges: GroupEdges;
  readonly #listeners: GroupListener[] = [];
  #proposals: Proposal[] = [];
  /** Proposals that are in the log, by index; `term` tells whether the entry there is still theirs. */
  readonly #pending = new Map<number, { readonly term: number; readonly proposal: Proposal }>();
  #reads: ((result: ReadResult) => void)[] = [];
  readonly #rounds = new Map<number, readonly ((result: ReadResult) => void)[]>();
  #nextContext = 1;
  #awaitingApply: { readonly index: number; readonly reached: () => void }[] = [];
  /** Committed entries that must wait until a snapshot is loaded. */
  #held: Entry[] = [];
  #restoring: SnapshotMeta | null = null;
  #removed = false;
  /** The log's end when this replica was brought back. */
  readonly #replayedUntil: number;
  #wasLeader = false;
  /** Applied bytes and entries since the last snapshot, for the snapshot policy. */
  appliedBytes = 0;
  /** The term of the last applied entry, or of the snapshot. */
  appliedTerm = 0;

  constructor(
    id: number,
    replica: number,
    raft: RaftCore,
    machine: GroupMachine,
    edges: GroupEdges,
  ) {
    this.id = id;
    this.replica = replica;
    this.raft = raft;
    this.machine = machine;
    this.#edges = edges;
    this.#replayedUntil = raft.lastIndex;
    const timeMs = Math.max(raft.lastTimeMs, machine.timeMs);
    this.clock = new GroupClock(timeMs, edges.clock.monotonicMs());
  }

  get leads(): boolean {
    return this.raft.role === "leader";
  }

  /** Entries of this group that are applied here. Behind `raft.appliedIndex` never, ahead never. */
  get appliedIndex(): number {
    return this.raft.appliedIndex;
  }

  get restoring(): boolean {
    return this.#restoring !== null;
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
    this.#proposals.push({ payload, settle });
    this.#edges.dirty(this);
  }

  /** @param settle called exactly once with an index that, once applied, makes a read linearizable */
  readIndex(settle: (result: ReadResult) => void): void {
    this.#reads.push(settle);
    this.#edges.dirty(this);
  }

  /** Calls `reached` once everything up to `index` is applied here; at once where it is. */
  whenApplied(index: number, reached: () => void): void {
    if (this.#restoring === null && this.raft.appliedIndex >= index) reached();
    else this.#awaitingApply.push({ index, reached });
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
    if (this.#removed) return;
    this.#proposeWaiting();
    this.#readWaiting();
    while (this.raft.hasReady() && !this.#removed) this.#take(this.raft.ready());
  }

  #proposeWaiting(): void {
    if (this.#proposals.length === 0 || !this.#edges.mayPropose()) return;
    const proposals = this.#proposals;
    this.#proposals = [];
    const payloads = proposals.map((proposal) => proposal.payload);
    const result = this.raft.propose(payloads, this.timeMs());
    if (!result.ok) {
      for (const { settle } of proposals) settle({ kind: "refused", refusal: result });
      return;
    }
    // The core gives the index of the first entry; the others follow it.
    for (const [place, proposal] of proposals.entries()) {
      this.#pending.set(result.index + place, { term: result.term, proposal });
    }
  }

  #readWaiting(): void {
    if (this.#reads.length === 0) return;
    const readers = this.#reads;
    this.#reads = [];
    const context = this.#nextContext++;
    const result = this.raft.readIndex(context);
    if (result.ok) this.#rounds.set(context, readers);
    else for (const settle of readers) settle({ kind: "refused", refusal: result });
  }

  #take(ready: Ready): void {
    for (const envelope of ready.messages) this.#edges.send(this, envelope);
    if (ready.persist !== null) this.#edges.persist(this, ready.persist);
    if (ready.restore !== null) {
      this.#restoring = ready.restore;
      this.#edges.restore(this, ready.restore);
    }
    if (this.#restoring !== null) this.#held.push(...ready.committed);
    else this.#applyAll(ready.committed);
    for (const fetch of ready.fetches) this.#edges.fetch(this, fetch);
    for (const read of ready.snapshotReads) this.#edges.readSnapshot(this, read);
    for (const part of ready.snapshotChunks) this.#edges.storeSnapshot(this, part);
    for (const { context, index } of ready.reads) {
      this.#settleRound(context, { kind: "index", index });
    }
    for (const context of ready.readsLost) {
      const refusal = { ok: false, reason: "notLeader", leader: this.raft.leader } as const;
      this.#settleRound(context, { kind: "refused", refusal });
    }
    if (ready.status !== null) this.#statusChanged();
  }

  #settleRound(context: number, result: ReadResult): void {
    const readers = this.#rounds.get(context);
    assert(readers !== undefined, `read context ${context} is settled once`);
    this.#rounds.delete(context);
    for (const settle of readers) settle(result);
  }

  #applyAll(entries: readonly Entry[]): void {
    const last = entries.at(-1);
    if (last === undefined) return;
    for (const entry of entries) {
      this.#apply(entry);
      if (this.#removed) return;
    }
    this.raft.applied(last.index);
    this.#reachedIndex(last.index);
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
    const waiting = this.#pending.get(entry.index);
    if (waiting !== undefined) {
      this.#pending.delete(entry.index);
      // Another term's entry took the place: this attempt is not in the log, and a retry is a new one.
      if (waiting.term === entry.term) waiting.proposal.settle({ kind: "applied", answer });
      else waiting.proposal.settle({ kind: "unknown" });
    }
    if (entry.kind === "configuration") this.#configurationApplied(entry);
  }

  #configurationApplied(entry: Entry): void {
    if (this.raft.configuration.index > entry.index) return;
    const { voters, votersOutgoing, learners, learnersNext } = this.raft.configuration;
    const all = [...voters, ...votersOutgoing, ...learners, ...learnersNext];
    if (all.some(({ peer }) => peer === this.#edges.self)) return;
    this.#removed = true;
    this.abandon();
    this.#edges.removed(this);
  }

  #reachedIndex(index: number): void {
    if (this.#awaitingApply.length === 0) return;
    const waiting = this.#awaitingApply;
    this.#awaitingApply = [];
    for (const waiter of waiting) {
      if (waiter.index <= index) waiter.reached();
      else this.#awaitingApply.push(waiter);
    }
  }

  /** The machine now holds the snapshot that `restore` was asked for. */
  restored(snapshot: SnapshotMeta): void {
    assert(this.#restoring === snapshot, "the snapshot that was asked for is the one that came");
    this.#restoring = null;
    this.appliedBytes = 0;
    this.appliedTerm = snapshot.term;
    this.clock.atLeast(this.machine.timeMs, this.#edges.clock.monotonicMs());
    this.raft.applied(snapshot.index);
    for (const [index, { proposal }] of this.#pending) {
      if (index > snapshot.index) continue;
      this.#pending.delete(index);
      proposal.settle({ kind: "unknown" });
    }
    this.#reachedIndex(snapshot.index);
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
    if (!this.leads && this.#wasLeader) this.#forgetPending();
    this.#wasLeader = this.leads;
    if (this.#listeners.length === 0) return;
    const status = this.status();
    for (const listener of this.#listeners) listener.status?.(status);
  }

  /** A retry with the same request id finds the entry or proposes it anew; nobody need wait here. */
  #forgetPending(): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { proposal } of pending) proposal.settle({ kind: "unknown" });
  }

  /** The replica ends here, by removal, failure or shutdown: whoever waits is told so. */
  abandon(): void {
    this.#forgetPending();
    const refusal = { ok: false, reason: "notLeader", leader: null } as const;
    const proposals = this.#proposals;
    this.#proposals = [];
    for (const { settle } of proposals) settle({ kind: "refused", refusal });
    const readers = [...this.#reads, ...[...this.#rounds.values()].flat()];
    this.#reads = [];
    this.#rounds.clear();
    for (const settle of readers) settle({ kind: "refused", refusal });
  }

  get waitingProposals(): number {
    return this.#proposals.length + this.#pending.size;
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
