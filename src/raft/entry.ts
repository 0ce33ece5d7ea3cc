/**
 * The replicated log's element and what must be durable beside it. Pure data, shared by the core, the
 * storage and the wire. Log positions: a founding replica's log begins after index 1 (index 1 stands
 * for the formation plan, term 1), so the first entry that is ever appended has index 2.
 */

/** A peer's identity: its ed25519 public key in 64 hex digits. */
export type PeerId = string;

/**
 * A Raft voter or learner by its full name. A replica id is new at every addition to a group (the
 * founding ones have 1, later ones the index of the configuration entry that adds them), so that a peer
 * which was removed and added again, its vote forgotten, is not taken for its former self.
 */
export interface Replica {
  readonly peer: PeerId;
  readonly replica: number;
}

/**
 * `command`: for the state machine. `configuration`: for Raft itself (an encoded `Configuration`).
 * `empty`: a new leader's first entry.
 */
export type EntryKind = "command" | "configuration" | "empty";

export interface Entry {
  readonly index: number;
  readonly term: number;
  readonly kind: EntryKind;
  /** Group time in whole milliseconds, stamped by the leader as it appended. */
  readonly timeMs: number;
  /** Encoded once by the proposer, never decoded on the way. */
  readonly payload: Uint8Array;
}

/** What an entry costs in memory and in every byte bound: its payload and a fixed overhead. */
export function entryBytes(entry: Entry): number {
  return entry.payload.length + ENTRY_OVERHEAD_BYTES;
}
export const ENTRY_OVERHEAD_BYTES = 32;

/** Raft's durable state beside the log (Raft, figure 2). `commitIndex` may lag behind; it only saves time. */
export interface HardState {
  readonly term: number;
  readonly votedFor: PeerId | null;
  readonly commitIndex: number;
}

/** The entries from `firstIndex` up to the next span's (or the log's end) have this term. */
export interface TermSpan {
  readonly firstIndex: number;
  readonly term: number;
}

/**
 * What a snapshot holds, without its bytes. Two are the same only if index, term, checksums and sizes are. On its
 * way to another replica it is one stream: its own bytes, then those of each value file, in order.
 */
export interface SnapshotMeta {
  /** The last entry that it covers. */
  readonly index: number;
  readonly term: number;
  /** Group time after that entry. */
  readonly timeMs: number;
  /** The configuration as of that entry. */
  readonly configuration: Configuration;
  /** Of its own bytes, without value files. */
  readonly sizeBytes: number;
  /** crc32 of its own bytes. */
  readonly checksum: number;
  /** The value files that it refers to, by rising number. */
  readonly values: readonly SnapshotValues[];
}

/** What a snapshot needs of one value file: bytes below the length never change. */
export interface SnapshotValues {
  /** The number that the snapshot's bytes know it by; a replica that received it may store it under another. */
  readonly file: number;
  readonly lengthBytes: number;
  /** crc32 of that many bytes. */
  readonly checksum: number;
}

/** @returns the bytes of a snapshot together with those of its value files */
export function transferBytes({ sizeBytes, values }: SnapshotMeta): number {
  let bytes = sizeBytes;
  for (const { lengthBytes } of values) bytes += lengthBytes;
  return bytes;
}

/** Whether two descriptions are of the same bytes. */
export function isSameSnapshot(left: SnapshotMeta, right: SnapshotMeta): boolean {
  return left.index === right.index && left.term === right.term &&
    left.checksum === right.checksum && left.sizeBytes === right.sizeBytes &&
    left.values.length === right.values.length &&
    left.values.every((values, place) => isSameFile(values, right.values[place]!));
}

function isSameFile(left: SnapshotValues, right: SnapshotValues): boolean {
  return left.file === right.file && left.lengthBytes === right.lengthBytes &&
    left.checksum === right.checksum;
}

/**
 * Who votes and who only listens. In force from the moment it is appended, committed or not (Raft
 * dissertation, section 4.1); truncation brings the former one back. `votersOutgoing` is empty except in a
 * joint configuration, in which both sets must agree (section 4.3).
 */
export interface Configuration {
  /** The index of the entry that brought it; a change names the one that it expects. */
  readonly index: number;
  readonly voters: readonly Replica[];
  readonly votersOutgoing: readonly Replica[];
  readonly learners: readonly Replica[];
  /** Voters of the outgoing set that become learners when the joint configuration is left. */
  readonly learnersNext: readonly Replica[];
}
