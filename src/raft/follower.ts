/**
 * The role that everyone has who does not lead or stand: takes entries and snapshots from the leader of
 * its term, and stands itself when it has heard nothing for an election timeout. Learners and replicas
 * that are not initialised are followers that never stand.
 */
import type { Entry, PeerId, Replica } from "./entry.ts";
import type { Append, Envelope, Heartbeat, Hibernate } from "./message.ts";
import type { Behaviour, ReplicaState, Transitions } from "./replica_state.ts";
import type { SnapshotReceiver } from "./snapshot_receiver.ts";
import { answerVote } from "./voting.ts";

export class Follower implements Behaviour {
  readonly #state: ReplicaState;
  readonly #transitions: Transitions;
  readonly #receiver: SnapshotReceiver;

  constructor(state: ReplicaState, transitions: Transitions, receiver: SnapshotReceiver) {
    this.#state = state;
    this.#transitions = transitions;
    this.#receiver = receiver;
  }

  step(envelope: Envelope): void {
    const { from, body } = envelope;
    switch (body.kind) {
      case "append":
        if (this.#hear(from.peer)) this.#onAppend(from, body);
        return;
      case "heartbeat":
        if (this.#hear(from.peer)) this.#onHeartbeat(from, body);
        return;
      case "hibernate":
        if (this.#hear(from.peer)) this.#onHibernate(body);
        return;
      case "snapshotOffer":
        if (this.#hear(from.peer)) this.#receiver.onOffer(from, body);
        return;
      case "snapshotChunk":
        if (this.#hear(from.peer)) this.#receiver.onChunk(from, body);
        return;
      case "voteRequest":
        return answerVote(this.#state, envelope, body);
      case "timeoutNow":
        // Only a voter can win; anyone else's election would cost a term for nothing.
        if (this.#state.isVoter && this.#isLeader(from.peer)) {
          this.#transitions.becomeCandidate(true);
        }
        return;
      case "voteAnswer":
      case "appendAnswer":
      case "heartbeatAnswer":
      case "snapshotAnswer":
        return;
    }
  }

  tick(): void {
    if (!this.#state.timer.tick()) return;
    if (this.#state.isVoter) this.#transitions.becomePreCandidate();
    else {
      this.#state.leader = null;
      this.#state.timer.restart();
    }
  }

  persisted(): void {}

  /** A message of the current term's leader arrived. @returns false when another is known to lead it */
  #hear(peer: PeerId): boolean {
    if (!this.#isLeader(peer)) return false;
    this.#state.leader = peer;
    this.#state.timer.leaderHeard();
    return true;
  }

  #isLeader(peer: PeerId): boolean {
    return this.#state.leader === null || this.#state.leader === peer;
  }

  #onAppend(from: Replica, append: Append): void {
    const { log } = this.#state;
    if (log.lastIndex === 0 && append.previousIndex === 1 && append.previousTerm === 1) {
      this.#state.begin();
    }
    const { previousIndex } = append;
    if (previousIndex < log.commitIndex) return this.#accept(from, log.commitIndex);
    if (log.term(previousIndex) !== append.previousTerm) {
      return this.#refuse(from, previousIndex, append.previousTerm);
    }
    this.#merge(append.entries);
    const agreedIndex = previousIndex + append.entries.length;
    log.commitTo(Math.min(append.commitIndex, agreedIndex));
    this.#accept(from, agreedIndex);
  }

  /** Appends what is not here yet; the first entry that differs takes everything behind it away. */
  #merge(entries: readonly Entry[]): void {
    const state = this.#state;
    let at = 0;
    while (at < entries.length && state.log.term(entries[at]!.index) === entries[at]!.term) at++;
    if (at === entries.length) return;
    const firstNew = entries[at]!.index;
    if (firstNew <= state.log.lastIndex) state.truncateFrom(firstNew);
    for (; at < entries.length; at++) state.append(entries[at]!);
  }

  #accept(to: Replica, index: number): void {
    const hint = { hintIndex: 0, hintTerm: 0 };
    this.#state.promise(to, { kind: "appendAnswer", accepted: true, index, ...hint });
  }

  /** The hint skips all own entries of terms that the leader's log, there, is already behind. */
  #refuse(to: Replica, index: number, term: number): void {
    const { log } = this.#state;
    const hintIndex = log.lastAtMost(index, term);
    this.#state.send(to, {
      kind: "appendAnswer",
      accepted: false,
      index,
      hintIndex,
      hintTerm: log.term(hintIndex) ?? 0,
    });
  }

  /** The leader names no commit index past what was matched here: if it is not here, a torn tail was lost. */
  #onHeartbeat(from: Replica, heartbeat: Heartbeat): void {
    const { log } = this.#state;
    if (heartbeat.commitIndex <= log.lastIndex) log.commitTo(heartbeat.commitIndex);
    else this.#refuse(from, heartbeat.commitIndex, log.lastTerm);
    this.#state.send(from, { kind: "heartbeatAnswer", round: heartbeat.round });
  }

  #onHibernate({ lastIndex }: Hibernate): void {
    const { log } = this.#state;
    this.#state.asleep = log.lastIndex === lastIndex && log.commitIndex === lastIndex;
  }
}
