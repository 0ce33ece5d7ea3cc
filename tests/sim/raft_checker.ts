/**
 * Watches every replica of every group and holds them against Raft's safety properties (Raft, figure
 * 3), after each step of the simulation. It sees what each peer gives to its storage, what the storage
 * calls durable, and each replica's public status; so it checks the production code from outside.
 *
 * One canonical history a group: the first replica that commits an index writes it, all others must
 * agree for ever.
 */
import type { GroupStatus } from "../../src/groups/groups.ts";
import type { Configuration, HardState, PeerId, Replica } from "../../src/raft/entry.ts";
import type { Envelope } from "../../src/raft/message.ts";
import type { Recovered, StorageRecord } from "../../src/storage/storage.ts";
import { type EntryMark, LogShadow, markOf } from "./log_shadow.ts";

/** Thrown at the first step that breaks a property. */
export class SafetyViolation extends Error {
  override readonly name = "SafetyViolation";
}

interface CanonicalEntry extends EntryMark {
  /** The term in which it was committed; leaders of later terms must have it. */
  readonly commitTerm: number;
}

/** One entry as it was first written anywhere: equal (index, term) means equal everything before. */
interface Registered extends EntryMark {
  readonly previousTerm: number;
}

interface GroupHistory {
  readonly leaders: Map<number, string>;
  readonly canonical: Map<number, CanonicalEntry>;
  readonly registered: Map<string, Registered>;
  commitIndexMax: number;
}

interface ReplicaView {
  /** The last one that the storage called durable. */
  hardState: HardState;
  /** Everything that was given to the storage. */
  readonly written: LogShadow;
  /** What the storage called durable. */
  readonly durable: LogShadow;
  last: GroupStatus | null;
}

export class RaftChecker {
  readonly #histories = new Map<number, GroupHistory>();
  readonly #views = new Map<string, ReplicaView>();

  /** Highest committed index of a group, by any replica. */
  commitIndexMax(group: number): number {
    return this.#history(group).commitIndexMax;
  }

  /** A storage was opened: what it holds must be all that it ever called durable. */
  opened(peer: PeerId, recovered: Recovered): void {
    for (const [key, view] of this.#views) {
      if (!key.startsWith(`${peer} `)) continue;
      view.last = null;
      const group = Number(key.slice(peer.length + 1));
      if (recovered.groups.some((found) => found.group === group)) continue;
      // A write that was called failed may be on the disk: its replica may have ended all the same.
      const isEnded = view.durable.lastIndex === 0 || recovered.tombstones.has(group);
      if (!isEnded) this.#fail(peer, group, "its storage lost the group");
      this.#views.delete(key);
    }
    for (const group of recovered.groups) {
      const view = this.#view(peer, group.group);
      const { registered } = this.#history(group.group);
      const found = new LogShadow();
      found.recover(group, (index, term) => registered.get(`${index} ${term}`) ?? null);
      this.#checkNothingLost(peer, group.group, view.durable, found);
      view.written.recover(group, (index, term) => registered.get(`${index} ${term}`) ?? null);
      view.durable.recover(group, (index, term) => registered.get(`${index} ${term}`) ?? null);
      view.hardState = group.hardState;
    }
  }

  /** A message leaves: what it promises must be durable by now. */
  sent(group: number, { from, to, term, body }: Envelope): void {
    const { hardState, durable } = this.#view(from.peer, group);
    if (body.kind === "voteAnswer" && body.granted && !body.preVote) {
      const isDurable = hardState.term > term ||
        (hardState.term === term && hardState.votedFor === to.peer);
      if (!isDurable) this.#fail(from.peer, group, `its vote in term ${term} is not durable`);
    }
    // Index 1 stands for the formation plan: there is nothing to write.
    const durableIndex = Math.max(1, durable.lastIndex);
    if (body.kind === "appendAnswer" && body.accepted && body.index > durableIndex) {
      this.#fail(from.peer, group, `acknowledges entry ${body.index}, which is not durable`);
    }
  }

  /** Records were given to the storage; their order is fixed now. */
  written(peer: PeerId, records: readonly StorageRecord[]): void {
    for (const record of records) {
      if (record.kind === "property") continue;
      const { written } = this.#view(peer, record.group);
      const problem = written.take(record);
      if (problem !== null) this.#fail(peer, record.group, problem);
      if (record.kind !== "entries") continue;
      for (const entry of record.entries) {
        this.#register(peer, record.group, written, entry.index, entry.term, markOf(entry).digest);
      }
    }
  }

  /** The storage called them durable. */
  durable(peer: PeerId, records: readonly StorageRecord[]): void {
    for (const record of records) {
      if (record.kind === "property") continue;
      const view = this.#view(peer, record.group);
      if (record.kind === "hardState") view.hardState = record.hardState;
      const problem = view.durable.take(record);
      if (problem !== null) this.#fail(peer, record.group, `when durable: ${problem}`);
    }
  }

  /** A replica's state after a step. */
  observe(peer: PeerId, status: GroupStatus): void {
    const view = this.#view(peer, status.group);
    const former = view.last;
    view.last = status;
    if (former !== null && former.replica === status.replica) {
      this.#checkMonotonic(peer, former, status);
    }
    if (status.role === "leader" && (former?.role !== "leader" || former.term !== status.term)) {
      this.#checkLeader(peer, status, view);
    }
    const committedBefore = former?.commitIndex ?? 0;
    if (status.commitIndex > committedBefore) {
      this.#checkCommitted(peer, status, view, committedBefore, former?.configuration ?? null);
    }
  }

  #checkMonotonic(peer: PeerId, former: GroupStatus, status: GroupStatus): void {
    const { group, term, commitIndex, appliedIndex } = status;
    if (term < former.term) this.#fail(peer, group, `term went back to ${term}`);
    if (commitIndex < former.commitIndex) {
      this.#fail(
        peer,
        group,
        `commit index went back from ${former.commitIndex} to ${commitIndex}`,
      );
    }
    if (appliedIndex < former.appliedIndex) {
      this.#fail(peer, group, `applied index went back to ${appliedIndex}`);
    }
    if (appliedIndex > commitIndex) {
      this.#fail(peer, group, `applied ${appliedIndex}, committed only ${commitIndex}`);
    }
    if (status.timeMs < former.timeMs && status.role === "leader" && former.role === "leader") {
      this.#fail(peer, group, `group time went back to ${status.timeMs}`);
    }
  }

  /** Election safety and leader completeness. */
  #checkLeader(peer: PeerId, status: GroupStatus, view: ReplicaView): void {
    const { group, term } = status;
    const history = this.#history(group);
    const name = `${peer}/${status.replica}`;
    const other = history.leaders.get(term);
    if (other !== undefined && other !== name) {
      this.#fail(peer, group, `two leaders in term ${term}: ${other} and ${name}`);
    }
    history.leaders.set(term, name);
    for (const [index, entry] of history.canonical) {
      if (entry.commitTerm >= term || index <= view.written.baseIndex) continue;
      if (view.written.mark(index)?.term === entry.term) continue;
      this.#fail(
        peer,
        group,
        `leads term ${term} without entry ${index} of term ${entry.term}, which was committed in ` +
          `term ${entry.commitTerm}`,
      );
    }
  }

  /** State machine safety, and that what is committed is durable on a majority. */
  #checkCommitted(
    peer: PeerId,
    status: GroupStatus,
    view: ReplicaView,
    committedBefore: number,
    formerConfiguration: Configuration | null,
  ): void {
    const { group, commitIndex, term } = status;
    const history = this.#history(group);
    const { written } = view;
    const { baseIndex, baseTerm } = written;
    const base = history.canonical.get(baseIndex);
    if (base !== undefined && base.term !== baseTerm) {
      this.#fail(
        peer,
        group,
        `its snapshot at ${baseIndex} has term ${baseTerm}, not ${base.term}`,
      );
    }
    // Index 1 stands for the formation plan; no log holds it.
    for (let index = Math.max(committedBefore, baseIndex, 1) + 1; index <= commitIndex; index++) {
      const mark = written.mark(index);
      if (mark === null) this.#fail(peer, group, `committed ${index}, which its log lacks`);
      const canonical = history.canonical.get(index);
      if (canonical === undefined) {
        this.#checkQuorum(peer, status, index, mark.term, formerConfiguration);
        history.canonical.set(index, { ...mark, commitTerm: term });
        history.commitIndexMax = Math.max(history.commitIndexMax, index);
      } else if (canonical.term !== mark.term || canonical.digest !== mark.digest) {
        this.#fail(
          peer,
          group,
          `committed another entry at ${index}: term ${mark.term}, others have ${canonical.term}`,
        );
      }
    }
  }

  /** A step may commit under one configuration and begin the next: either may bear the entry. */
  #checkQuorum(
    peer: PeerId,
    status: GroupStatus,
    index: number,
    entryTerm: number,
    formerConfiguration: Configuration | null,
  ): void {
    const hasIt = (replica: Replica) => {
      const view = this.#views.get(keyOf(replica.peer, status.group));
      if (view === undefined) return false;
      return index <= view.durable.baseIndex || view.durable.termAt(index) === entryTerm;
    };
    const isQuorum = (replicas: readonly Replica[]) =>
      replicas.length === 0 || 2 * replicas.filter(hasIt).length > replicas.length;
    const bears = (configuration: Configuration) =>
      isQuorum(configuration.voters) && isQuorum(configuration.votersOutgoing);
    if (bears(status.configuration)) return;
    if (formerConfiguration !== null && bears(formerConfiguration)) return;
    this.#fail(peer, status.group, `committed ${index}, which is not durable on a majority`);
  }

  /** Log matching, by induction: equal (index, term) have equal contents and equal predecessors. */
  #register(
    peer: PeerId,
    group: number,
    log: LogShadow,
    index: number,
    term: number,
    digest: number,
  ): void {
    const { registered } = this.#history(group);
    const previousTerm = log.termAt(index - 1);
    const key = `${index} ${term}`;
    const known = registered.get(key);
    if (known === undefined) {
      registered.set(key, { term, digest, previousTerm });
      return;
    }
    // A log that begins behind a snapshot may not know its base's term as an entry.
    if (known.digest === digest && known.previousTerm === previousTerm) return;
    this.#fail(peer, group, `its entry ${index} of term ${term} differs from another replica's`);
  }

  #checkNothingLost(peer: PeerId, group: number, durable: LogShadow, found: LogShadow): void {
    if (found.baseIndex < durable.baseIndex) {
      this.#fail(peer, group, `its storage lost the snapshot at ${durable.baseIndex}`);
    }
    for (let index = found.baseIndex + 1; index <= durable.lastIndex; index++) {
      const mark = durable.mark(index);
      // A later truncation may have reached the disk before its promise resolved.
      if (mark === null || found.termAt(index) >= mark.term) continue;
      if (found.lastIndex < index && this.#wasTruncated(peer, group, index)) continue;
      this.#fail(peer, group, `its storage lost entry ${index}, which it had called durable`);
    }
  }

  /** Whether the log as given to the storage had lost the entry by a truncation in flight. */
  #wasTruncated(peer: PeerId, group: number, index: number): boolean {
    const view = this.#view(peer, group);
    return view.written.termAt(index) !== view.durable.termAt(index);
  }

  #history(group: number): GroupHistory {
    let history = this.#histories.get(group);
    if (history === undefined) {
      history = {
        leaders: new Map(),
        canonical: new Map(),
        registered: new Map(),
        commitIndexMax: 0,
      };
      this.#histories.set(group, history);
    }
    return history;
  }

  #view(peer: PeerId, group: number): ReplicaView {
    const key = keyOf(peer, group);
    let view = this.#views.get(key);
    if (view === undefined) {
      const hardState = { term: 0, votedFor: null, commitIndex: 0 };
      view = { hardState, written: new LogShadow(), durable: new LogShadow(), last: null };
      this.#views.set(key, view);
    }
    return view;
  }

  #fail(peer: PeerId, group: number, what: string): never {
    throw new SafetyViolation(`peer ${peer}, group ${group}: ${what}`);
  }
}

function keyOf(peer: PeerId, group: number): string {
  return `${peer} ${group}`;
}
