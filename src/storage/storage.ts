/**
 * Where a peer keeps what it must not forget: the logs of all its groups, their snapshots, value files
 * and a few named properties. One interface, three implementations: the embedded log (`log/`), Redis,
 * and memory (tests and the simulator, with fault injection). One conformance suite runs on all.
 *
 * Guarantees: a batch is atomic in order (a later batch is never durable without the earlier ones), and
 * durable when its promise resolves. After any failed write or fsync the store is failed: everything
 * rejects with `StorageFailedError` until it is closed and opened anew, and nothing that was in
 * flight is ever called durable. It does not know Raft: it keeps what it is told.
 */
import type { Configuration, Entry, HardState, SnapshotMeta } from "../raft/entry.ts";
import type { RecoveredLog } from "../raft/ready.ts";

/** A group's number: 0 is the system group, 1..P are the partitions. */
export type GroupId = number;

/** What one peer's store belongs to. Made by `create`; a store without it is empty. */
export interface Identity {
  /** 16 random bytes in hex. In every segment too: one missing or unlike is refused. */
  readonly storeId: string;
  /** ed25519, hex: 32 bytes public, 64 bytes secret. */
  readonly publicKey: string;
  readonly secretKey: string;
}

export type StorageRecord =
  /** Appended behind the group's last entry. Never overwrites: a truncation comes first. */
  | { readonly kind: "entries"; readonly group: GroupId; readonly entries: readonly Entry[] }
  /** Also brings a replica into being: the first one of a group names its replica id. */
  | {
    readonly kind: "hardState";
    readonly group: GroupId;
    readonly replica: number;
    readonly hardState: HardState;
  }
  /** Removes the group's entries at and after `fromIndex`. The only record that does. */
  | { readonly kind: "truncation"; readonly group: GroupId; readonly fromIndex: number }
  /**
   * The group's log begins after this snapshot, whose file is durable already. Entries up to it are
   * void; entries after it stay only where `keepEntries` (a snapshot that was taken here, not received).
   */
  | {
    readonly kind: "snapshot";
    readonly group: GroupId;
    readonly snapshot: SnapshotMeta;
    readonly keepEntries: boolean;
  }
  /** The base of a founding replica: its log begins after index 1, term 1, with this configuration. */
  | { readonly kind: "foundation"; readonly group: GroupId; readonly configuration: Configuration }
  /** Removes all of the group, for ever: only replica ids from `lowestReplica` on may come to be again. */
  | { readonly kind: "tombstone"; readonly group: GroupId; readonly lowestReplica: number }
  /** A named value, the last one wins; null removes it. At most 64 KiB. */
  | { readonly kind: "property"; readonly name: string; readonly value: Uint8Array | null };

/** One group as it was found. */
export interface RecoveredGroup extends RecoveredLog {
  readonly group: GroupId;
  readonly replica: number;
}

/** What opening found. */
export interface Recovered {
  /** Null where the store is empty: `create` makes it. */
  readonly identity: Identity | null;
  readonly groups: readonly RecoveredGroup[];
  /** group → lowest replica id still allowed. */
  readonly tombstones: ReadonlyMap<GroupId, number>;
  readonly properties: ReadonlyMap<string, Uint8Array>;
  /** What was cut from the end, for the log; null where the end was sound. */
  readonly tornTail: {
    readonly file: string;
    readonly offsetBytes: number;
    readonly sizeBytes: number;
  } | null;
}

/** Of what a snapshot is taken here. */
export interface SnapshotPosition
  extends Pick<SnapshotMeta, "index" | "term" | "timeMs" | "configuration"> {
  /** The value files that the state refers to, by rising number; none by default. */
  readonly valueFiles?: readonly number[];
}

/** An incoming snapshot with its value files, resumable while it is the same one. */
export interface IncomingSnapshot {
  /** Bytes of the whole stream that are stored already. */
  readonly storedBytes: number;
  /** @param offsetBytes must equal `storedBytes`; anything else is refused and changes nothing */
  write(offsetBytes: number, bytes: Uint8Array): Promise<number>;
  /** Verifies the checksums and makes everything durable. False: it was damaged, and is gone. */
  finish(): Promise<boolean>;
}

/**
 * Where a value lies: bytes that a state machine of a group refers to. In its file it takes
 * `VALUE_HEAD_BYTES` more. File numbers are this replica's own, and are not used again while it is open.
 */
export interface ValueReference {
  readonly file: number;
  readonly offsetBytes: number;
  readonly sizeBytes: number;
}

export interface Storage {
  /** Reads everything. Throws `StorageCorruptError`, `StorageForeignError`, `StorageInUseError`. */
  open(): Promise<Recovered>;
  /** Gives an empty store its identity, durably. */
  create(identity: Identity): Promise<void>;
  /**
   * Writes the records in this order, as part of the next batch: while one fsync is in flight the next
   * batch gathers. Resolves when durable. Synchronous up to the point where the order is fixed.
   * @throws {StorageFailedError} by rejection, for this and everything after a failure
   */
  append(records: readonly StorageRecord[]): Promise<void>;
  /**
   * @returns entries `fromIndex` .. before `toIndex`, at least one, else until `bytesMax`; null when the
   * first is compacted away. Entries whose append has not resolved yet may be asked for.
   */
  readEntries(
    group: GroupId,
    fromIndex: number,
    toIndex: number,
    bytesMax: number,
  ): Promise<readonly Entry[] | null>;

  /**
   * Writes the file of a snapshot taken here; a `snapshot` record must follow before it counts. Value files are
   * named with the length that they have when this is called. With the record those go that are not named
   * and were there by then.
   */
  writeSnapshot(
    group: GroupId,
    position: SnapshotPosition,
    chunks: AsyncIterable<Uint8Array>,
  ): Promise<SnapshotMeta>;
  /**
   * A part of a snapshot that is referenced, or of its value files: the offset runs over all of them. At least one
   * byte before the end, else up to `bytesMax`; null when it is not kept any more.
   */
  readSnapshot(
    group: GroupId,
    snapshot: SnapshotMeta,
    offsetBytes: number,
    bytesMax: number,
  ): Promise<Uint8Array | null>;
  /** Value files that come along are stored under new numbers. */
  receiveSnapshot(group: GroupId, snapshot: SnapshotMeta): Promise<IncomingSnapshot>;
  /** The numbers that the value files of a snapshot have here, in its order; null when it is not kept any more. */
  valueFilesOf(group: GroupId, snapshot: SnapshotMeta): readonly number[] | null;

  /** Appends one value; durable before the entries that brought it may be compacted. */
  appendValue(group: GroupId, bytes: Uint8Array): ValueReference;
  /** Resolves once so little waits to be written that values may be appended in number. */
  valueRoom(): Promise<void>;
  /**
   * @returns each value, or null where its file has gone: no snapshot named it, so nothing refers to it any more
   * @throws {StorageCorruptError} by rejection, when a checksum is wrong
   */
  readValues(
    group: GroupId,
    references: readonly ValueReference[],
  ): Promise<readonly (Uint8Array | null)[]>;

  /** Set once something failed; for /health. */
  readonly failure: StorageFailedError | null;
  /** Resolves when the storage fails by itself, while nobody asks it for anything. Absent where it cannot. */
  readonly failed?: Promise<StorageFailedError>;
  statistics(): StorageStatistics;
  /** Waits for what is in flight and releases the store. */
  close(): Promise<void>;
}

export interface StorageStatistics {
  readonly batches: number;
  readonly records: number;
  readonly bytes: number;
  readonly fsyncs: number;
  /** Time in fsync, all together. */
  readonly fsyncMs: number;
  readonly segments: number;
  readonly sizeBytes: number;
}

/** A write or fsync failed. The peer steps down, and later opens the store anew. */
export class StorageFailedError extends Error {
  override readonly name: string = "StorageFailedError";
}

/**
 * Another process has taken the store, and goes on in this one's place. The peer must end: it could only stand in the
 * way of that one, as whom it calls itself.
 */
export class StorageTakenError extends StorageFailedError {
  override readonly name = "StorageTakenError";
}

/**
 * What was durable is gone, and something older stands in its place. The peer must not go on: it would vote with
 * forgotten votes.
 */
export class StorageRolledBackError extends Error {
  override readonly name = "StorageRolledBackError";
}

/** What was durable is damaged. The peer refuses to start, and says how to rejoin. */
export class StorageCorruptError extends Error {
  override readonly name = "StorageCorruptError";
  readonly file: string;
  readonly offsetBytes: number;

  constructor(message: string, file: string, offsetBytes: number) {
    super(message);
    this.file = file;
    this.offsetBytes = offsetBytes;
  }
}

/** The store belongs to another identity, or its parts belong to different ones. */
export class StorageForeignError extends Error {
  override readonly name = "StorageForeignError";
}

/** Another process holds the store. */
export class StorageInUseError extends Error {
  override readonly name = "StorageInUseError";
}
