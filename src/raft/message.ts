/**
 * What replicas of one group say to each other: a tagged union, handled in an exhaustive switch by each
 * role. Every message may be lost, delayed, repeated or overtaken. The envelope carries both ends'
 * replica ids; one that is meant for, or comes from, a former self of a peer is dropped.
 */
import type { Entry, Replica, SnapshotMeta } from "./entry.ts";

export interface Envelope {
  readonly from: Replica;
  /** `replica` 0 where the sender does not know it: only an append or snapshot to a new learner is so. */
  readonly to: Replica;
  readonly term: number;
  readonly body: MessageBody;
}

export type MessageBody =
  | VoteRequest
  | VoteAnswer
  | Append
  | AppendAnswer
  | Heartbeat
  | HeartbeatAnswer
  | Hibernate
  | SnapshotOffer
  | SnapshotChunk
  | SnapshotAnswer
  | TimeoutNow;

/** Pre-votes ask with the term that the candidate would take, and change nobody's state. */
export interface VoteRequest {
  readonly kind: "voteRequest";
  readonly preVote: boolean;
  readonly lastIndex: number;
  readonly lastTerm: number;
  /** Set when the leader itself asked for this election: leader stickiness does not apply. */
  readonly transfer: boolean;
}

export interface VoteAnswer {
  readonly kind: "voteAnswer";
  readonly preVote: boolean;
  readonly granted: boolean;
}

/** Entries that follow (`previousIndex`, `previousTerm`); with none it only probes or brings the commit index. */
export interface Append {
  readonly kind: "append";
  readonly previousIndex: number;
  readonly previousTerm: number;
  readonly commitIndex: number;
  readonly entries: readonly Entry[];
}

/**
 * `accepted`: the follower's log matches and is durable up to `index`. Otherwise `index` is the refused
 * `previousIndex`, and (`hintIndex`, `hintTerm`) the follower's last entry that may match.
 */
export interface AppendAnswer {
  readonly kind: "appendAnswer";
  readonly accepted: boolean;
  readonly index: number;
  readonly hintIndex: number;
  readonly hintTerm: number;
}

/** `round` is echoed: a quorum's echoes of a round release the reads that came before it. */
export interface Heartbeat {
  readonly kind: "heartbeat";
  readonly commitIndex: number;
  readonly round: number;
}

export interface HeartbeatAnswer {
  readonly kind: "heartbeatAnswer";
  readonly round: number;
}

/** All voters match: sleep, and live by the peers' heartbeats until something happens. */
export interface Hibernate {
  readonly kind: "hibernate";
  readonly lastIndex: number;
}

/** Begins or resumes a transfer: the follower answers with the offset that it wants next. */
export interface SnapshotOffer {
  readonly kind: "snapshotOffer";
  readonly snapshot: SnapshotMeta;
}

export interface SnapshotChunk {
  readonly kind: "snapshotChunk";
  readonly snapshot: SnapshotMeta;
  readonly offsetBytes: number;
  readonly bytes: Uint8Array;
}

/** `nextOffsetBytes` = what is stored already; `refused` asks the leader to begin anew with an append. */
export interface SnapshotAnswer {
  readonly kind: "snapshotAnswer";
  readonly index: number;
  readonly snapshotTerm: number;
  readonly checksum: number;
  readonly nextOffsetBytes: number;
  readonly refused: boolean;
}

/** Leadership transfer (Raft dissertation, section 3.10): campaign now, without a pre-vote. */
export interface TimeoutNow {
  readonly kind: "timeoutNow";
}
