/**
 * How a replica answers those who stand for election, in whatever role it is itself. A granted vote is a
 * promise: its answer is held until term and vote are durable. A granted pre-vote promises nothing.
 */
import type { Envelope, VoteRequest } from "./message.ts";
import type { ReplicaState } from "./replica_state.ts";

/** Answers a vote request of the current term. */
export function answerVote(state: ReplicaState, envelope: Envelope, request: VoteRequest): void {
  const candidate = envelope.from;
  const granted = (state.votedFor === null || state.votedFor === candidate.peer) &&
    (state.leader === null || state.leader === candidate.peer) &&
    state.log.isUpToDate(request.lastIndex, request.lastTerm);
  if (granted) {
    state.voteFor(candidate.peer);
    state.timer.restart();
    state.promise(candidate, { kind: "voteAnswer", preVote: false, granted: true });
  } else {
    state.send(candidate, { kind: "voteAnswer", preVote: false, granted: false });
  }
}

/**
 * Answers a pre-vote: whether this replica would vote so in that term, which it does not enter. A grant
 * carries the term that was asked about, a refusal one's own.
 */
export function answerPreVote(state: ReplicaState, envelope: Envelope, request: VoteRequest): void {
  const granted = envelope.term > state.term &&
    state.log.isUpToDate(request.lastIndex, request.lastTerm);
  const term = granted ? envelope.term : state.term;
  state.outbox.send(envelope.from, term, { kind: "voteAnswer", preVote: true, granted });
}
