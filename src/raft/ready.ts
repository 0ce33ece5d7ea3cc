/**
 * The contract between the pure core and whoever drives it (`src/groups/`). The core changes only its
 * own state in `step`, `tick`, `propose` and the other calls; `ready()` hands out, once, what the
 * driver must do about it. The driver may take the next Ready before the last one's writes are durable:
 * that is how an fsync, the network and the followers' fsyncs overlap.
 *
 * Ordering, by construction and not by the driver's memory: a message that promises something (a vote,
 * an acknowledged append) is held inside the core until the driver has reported the write that it rests
 * on with `persisted(token)`; so is the leader's count of its own copy, and a candidate's own vote.
 * Every message in `messages` may therefore leave at once.
 */
import type { Random } from "../random.ts";
import type {
  Configuration,
  Entry,
  HardState,
  PeerId,
  Replica,
  SnapshotMeta,
  TermSpan,
} from "./entry.ts";
import type { Envelope } from "./message.ts";

export type Role = "leader" | "follower" | "candidate" | "pre-candidate" | "learner";

export interface Ready {
  /** Send now, in any order, before or after anything else. Losing one costs time, never safety. */
  readonly messages: readonly Envelope[];
  /** Write and fsync, in the order in which Readys gave them; then call `persisted(token)`. */
  readonly persist: Persist | null;
  /**
   * Load the state machine from this snapshot (its file is durable: see `snapshotChunks`), before any of
   * `committed` and only after this Ready's `persist` is durable; then call `applied(index)`.
   */
  readonly restore: SnapshotMeta | null;
  /**
   * Apply in order, then call `applied(index of the last)`. May hold entries whose local write is still
   * under way: they are durable on a majority all the same. Each entry is handed out exactly once.
   */
  readonly committed: readonly Entry[];
  /** Entries that are no longer in memory: read them from storage, then call `fetched`. */
  readonly fetches: readonly Fetch[];
  /** Read this much of a snapshot file for a follower, then call `snapshotRead`. */
  readonly snapshotReads: readonly SnapshotRead[];
  /** Write into the temporary file of an incoming snapshot, then call `snapshotStored`. */
  readonly snapshotChunks: readonly SnapshotPart[];
  /** Reads that may be answered from the state machine once it has applied `index`. */
  readonly reads: readonly ReadState[];
  /** Contexts of reads that can not be answered, because leadership was lost: ask the new leader. */
  readonly readsLost: readonly number[];
  /** Present when role, term, leader or configuration differ from the last Ready's. */
  readonly status: Status | null;
}

/** One atomic write. Order inside it: truncation, entries, hard state, snapshot reference. */
export interface Persist {
  /** Names this write in `persisted`. Strictly increasing. */
  readonly token: number;
  readonly hardState: HardState | null;
  /** Remove all entries at and after this index first. Entries never overwrite others without it. */
  readonly truncateFrom: number | null;
  readonly entries: readonly Entry[];
  /** The log now begins after this snapshot, and everything before is void. */
  readonly snapshot: SnapshotMeta | null;
}

export interface Fetch {
  /** Goes back in `fetched`. */
  readonly id: number;
  /** Entries from `fromIndex` up to, not including, `toIndex`; at least one, else until `bytesMax`. */
  readonly fromIndex: number;
  readonly toIndex: number;
  readonly bytesMax: number;
}

export interface SnapshotRead {
  readonly peer: PeerId;
  readonly snapshot: SnapshotMeta;
  readonly offsetBytes: number;
  readonly bytesMax: number;
}

/** With no bytes it only asks how much of this snapshot is stored already. */
export interface SnapshotPart {
  readonly snapshot: SnapshotMeta;
  readonly offsetBytes: number;
  readonly bytes: Uint8Array;
}

export interface ReadState {
  readonly context: number;
  readonly index: number;
}

export interface Status {
  readonly role: Role;
  readonly term: number;
  readonly leader: PeerId | null;
  readonly configuration: Configuration;
}

/** How a call was taken. Refusals change nothing. */
export type Refusal =
  | { readonly ok: false; readonly reason: "notLeader"; readonly leader: PeerId | null }
  /** Too many uncommitted bytes, or too many reads waiting: try again later. */
  | { readonly ok: false; readonly reason: "busy" }
  /** Leadership is being handed over. */
  | { readonly ok: false; readonly reason: "transferring" }
  /** A configuration change is under way, or the expected configuration is not the current one. */
  | { readonly ok: false; readonly reason: "conflict"; readonly configurationIndex: number }
  | { readonly ok: false; readonly reason: "invalid"; readonly message: string };

export type Proposed =
  | { readonly ok: true; readonly index: number; readonly term: number }
  | Refusal;

/** One change of the configuration; several together go through a joint configuration. */
export type ConfigurationOperation =
  /** A new learner; its replica id will be the index of the entry that adds it. */
  | { readonly kind: "addLearner"; readonly peer: PeerId }
  /** A learner that already exists becomes a voter. */
  | { readonly kind: "promote"; readonly peer: PeerId }
  /** A voter becomes a learner. */
  | { readonly kind: "demote"; readonly peer: PeerId }
  | { readonly kind: "remove"; readonly peer: PeerId };

export interface ConfigurationChange {
  /** The index of the configuration that the proposer saw; any other is a conflict. */
  readonly expectedIndex: number;
  readonly operations: readonly ConfigurationOperation[];
}

/** How a follower looks from the leader, for status pages and placement. */
export interface FollowerStatus {
  readonly replica: Replica;
  readonly state: "probe" | "replicate" | "snapshot";
  readonly matchIndex: number;
  readonly nextIndex: number;
  readonly recentlyActive: boolean;
}

/** What the log was found to be when the storage was opened, and what the core starts from. */
export interface RecoveredLog {
  readonly hardState: HardState;
  /** Null for a founding replica (its log begins after index 1, term 1) and for an uninitialised one. */
  readonly snapshot: SnapshotMeta | null;
  /** The configuration before any entry below: the snapshot's, the formation plan's, or an empty one. */
  readonly configuration: Configuration;
  /** Terms of all entries after the snapshot; empty when there are none. */
  readonly terms: readonly TermSpan[];
  /** The last entry's index; the snapshot's (or 1, or 0 where uninitialised) when there are none. */
  readonly lastIndex: number;
  /** The last entry's stamp, or the snapshot's time, or 0. */
  readonly lastTimeMs: number;
  /** Every `configuration` entry after the snapshot, in order. */
  readonly configurationEntries: readonly Entry[];
}

export interface RaftOptions {
  readonly self: Replica;
  readonly log: RecoveredLog;
  /** An election timeout is drawn from this range of ticks, anew each time. */
  readonly electionTicksMin: number;
  readonly electionTicksMax: number;
  readonly heartbeatTicks: number;
  /** Idle heartbeats after which a leader whose voters all match sends the group to sleep; 0 = never. */
  readonly hibernateHeartbeats: number;
  /** Bounds; see `LIMITS`, from which production takes them. */
  readonly appendBytesMax: number;
  readonly inflightMessagesMax: number;
  readonly inflightBytesMax: number;
  readonly uncommittedBytesMax: number;
  readonly applyBytesMax: number;
  readonly logMemoryBytesMax: number;
  readonly pendingReadsMax: number;
  readonly snapshotChunkBytesMax: number;
  readonly random: Random;
}

/** The whole face of the core. `Raft` in `raft.ts` implements it; nothing else of the folder is called. */
export interface RaftCore {
  /** Takes a message from another replica. Stale, foreign and malformed ones are dropped. */
  step(envelope: Envelope): void;
  /** One tick of time. A sleeping group need not be ticked. */
  tick(): void;
  /** Appends one entry of kind `command` for each payload, if this is the leader. */
  propose(payloads: readonly Uint8Array[], timeMs: number): Proposed;
  proposeConfiguration(change: ConfigurationChange, timeMs: number): Proposed;
  /** Asks for a linearizable read; the answer comes in `Ready.reads` or `Ready.readsLost`. */
  readIndex(context: number): { readonly ok: true } | Refusal;
  /** Hands leadership to a voter; given up after one maximum election timeout. */
  transferLeadership(to: PeerId): { readonly ok: true } | Refusal;
  /** Begins an election now, with a pre-vote (or without: `force`, when a group is formed). */
  campaign(force?: boolean): void;
  /** Gives up leadership, if held, and does not stand again within one election timeout. */
  stepDown(): void;

  /** Cheap: whether `ready()` would hold anything. */
  hasReady(): boolean;
  ready(): Ready;
  /** The write `token`, and all before it, are durable. */
  persisted(token: number): void;
  /** The state machine has applied everything up to `index`. */
  applied(index: number): void;
  /** The answer to a fetch: the entries in order, or null when they are compacted away. */
  fetched(id: number, entries: readonly Entry[] | null): void;
  /** The driver took a snapshot of the state machine, durable and referenced in the log. */
  snapshotTaken(snapshot: SnapshotMeta): void;
  /** The answer to a `SnapshotRead`; null when the file can not be read (any more). */
  snapshotRead(read: SnapshotRead, bytes: Uint8Array | null): void;
  /**
   * The answer to a `SnapshotPart` or an offer: so much is stored. With `nextOffsetBytes` equal to the
   * size, the file was verified, fsynced and renamed. `null`: it could not be, start anew.
   */
  snapshotStored(snapshot: SnapshotMeta, nextOffsetBytes: number | null): void;

  /** The coalesced heartbeat of `peer` agreed that it leads this group in `term`: as good as hearing it. */
  leaderAlive(peer: PeerId, term: number): void;
  /** An agreeing echo of a coalesced heartbeat that was sent at or after the heartbeat round `round`. */
  followerAlive(peer: PeerId, round: number): void;
  /** Ends hibernation. `elapsedTicks`: how long ago the leader was last heard, for a follower. */
  wake(elapsedTicks: number): void;

  readonly role: Role;
  readonly term: number;
  readonly leader: PeerId | null;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly lastIndex: number;
  readonly firstIndex: number;
  readonly lastTimeMs: number;
  readonly asleep: boolean;
  /** The number of the newest heartbeat round, for `followerAlive`. */
  readonly round: number;
  /** The newest heartbeat round of this leader's term that a majority (of each set) echoed; 0: none. */
  readonly agreedRound: number;
  readonly configuration: Configuration;
  readonly snapshot: SnapshotMeta | null;
  followers(): readonly FollowerStatus[];
  /** Throws an AssertionError if the state contradicts itself. Called after every simulator step. */
  checkInvariants(): void;
}
