/**
 * The role between follower and leader: first as pre-candidate, which asks who would vote for it and
 * changes nobody's state (Raft dissertation, section 9.6), then as candidate of a new term.
 *
 * A candidate's own vote counts, and its requests leave, only once term, vote and log are durable: a
 * request promises the log that it names, and a candidate that crashed must not stand in this term again.
 */
import { assert } from "../assert.ts";
import { isSameReplica } from "./configuration.ts";
import type { PeerId, Replica } from "./entry.ts";
import type { Envelope, VoteAnswer } from "./message.ts";
import { voteOutcome } from "./quorum.ts";
import type { Behaviour, ReplicaState, Transitions } from "./replica_state.ts";
import { answerVote } from "./voting.ts";

export class Candidate implements Behaviour {
  /** Still asking who would vote. */
  readonly isPre: boolean;

  readonly #state: ReplicaState;
  readonly #transitions: Transitions;
  readonly #transfer: boolean;
  readonly #votes = new Map<PeerId, boolean>();
  /** The write on which the own vote rests; null once it counts. */
  #voteToken: number | null = null;

  /**
   * @param isPre whether this only asks; else the term is entered already
   * @param transfer whether the leader asked for this election
   */
  constructor(state: ReplicaState, transitions: Transitions, isPre: boolean, transfer: boolean) {
    this.#state = state;
    this.#transitions = transitions;
    this.isPre = isPre;
    this.#transfer = transfer;
    assert(state.isVoter, "only a voter stands for election");
  }

  /** Asks all other voters. May end this role at once, where there are none. */
  stand(): void {
    const state = this.#state;
    state.timer.restart();
    if (!this.isPre) {
      state.voteFor(state.self.peer);
      this.#voteToken = state.log.promiseToken();
    }
    for (const replica of this.#voters()) {
      if (isSameReplica(replica, state.self)) continue;
      this.#request(replica);
    }
    if (this.isPre) this.#count(state.self.peer, true);
  }

  step(envelope: Envelope): void {
    const { body } = envelope;
    switch (body.kind) {
      case "voteAnswer":
        return this.#onVoteAnswer(envelope, body);
      case "voteRequest":
        return answerVote(this.#state, envelope, body);
      case "append":
      case "heartbeat":
      case "hibernate":
      case "snapshotOffer":
      case "snapshotChunk":
        return this.#transitions.follow(envelope);
      case "appendAnswer":
      case "heartbeatAnswer":
      case "snapshotAnswer":
      case "timeoutNow":
        return;
    }
  }

  tick(): void {
    if (this.#state.timer.tick()) this.#transitions.becomePreCandidate();
  }

  persisted(): void {
    if (this.#voteToken === null || this.#state.log.durableToken < this.#voteToken) return;
    this.#voteToken = null;
    this.#count(this.#state.self.peer, true);
  }

  #onVoteAnswer({ from }: Envelope, answer: VoteAnswer): void {
    if (answer.preVote !== this.isPre) return;
    if (!this.#voters().some((voter) => isSameReplica(voter, from))) return;
    this.#count(from.peer, answer.granted);
  }

  #count(peer: PeerId, granted: boolean): void {
    if (!this.#votes.has(peer)) this.#votes.set(peer, granted);
    const { voters, votersOutgoing } = this.#state.configuration;
    const outcome = voteOutcome(voters, votersOutgoing, (voter) => this.#votes.get(voter.peer));
    if (outcome === "lost") this.#transitions.becomeFollower(this.#state.term, null);
    if (outcome !== "won") return;
    if (this.isPre) this.#transitions.becomeCandidate(false);
    else this.#transitions.becomeLeader();
  }

  #request(to: Replica): void {
    const { log, outbox, term } = this.#state;
    const request = {
      kind: "voteRequest",
      preVote: this.isPre,
      lastIndex: log.lastIndex,
      lastTerm: log.lastTerm,
      transfer: this.#transfer,
    } as const;
    if (this.isPre) outbox.send(to, term + 1, request);
    else this.#state.promise(to, request);
  }

  #voters(): readonly Replica[] {
    const { voters, votersOutgoing } = this.#state.configuration;
    if (votersOutgoing.length === 0) return voters;
    const isNew = (replica: Replica) => !voters.some(({ peer }) => peer === replica.peer);
    return [...voters, ...votersOutgoing.filter(isNew)];
  }
}
