/**
 * Bodies of records: kind u8, group varint, then the fields of the kind. Payloads of entries are copied in as
 * they are. A kind with the bit `REWRITTEN` was put at the head by compaction: it brings back what was
 * known already, and on replay removes and truncates nothing.
 *
 * All entries of one record have one term, and configuration entries have records of their own: so replay
 * needs no look at single entries, except those few.
 */
import { assert, unreachable } from "../../assert.ts";
import type { Configuration, Entry, EntryKind, HardState, SnapshotMeta } from "../../raft/entry.ts";
import type { GroupId } from "../storage.ts";
import { type ByteBuffer, ByteReader, MalformedError } from "./byte_buffer.ts";
import {
  decodeConfiguration,
  decodeSnapshotMeta,
  encodeConfiguration,
  encodeSnapshotMeta,
} from "./metadata_codec.ts";

/** Everything but entries, which have their own way in and out. */
export type StateRecord =
  | {
    readonly kind: "hardState";
    readonly group: GroupId;
    readonly replica: number;
    readonly hardState: HardState;
    readonly rewritten: boolean;
  }
  | { readonly kind: "truncation"; readonly group: GroupId; readonly fromIndex: number }
  | {
    readonly kind: "snapshot";
    readonly group: GroupId;
    readonly snapshot: SnapshotMeta;
    readonly keepEntries: boolean;
    /** The numbers of its value files at this replica, in the snapshot's order. */
    readonly valueFiles: readonly number[];
    readonly rewritten: boolean;
  }
  | {
    readonly kind: "foundation";
    readonly group: GroupId;
    readonly configuration: Configuration;
    readonly rewritten: boolean;
  }
  | {
    readonly kind: "tombstone";
    readonly group: GroupId;
    readonly lowestReplica: number;
    readonly rewritten: boolean;
  }
  | { readonly kind: "property"; readonly name: string; readonly value: Uint8Array | null }
  /** Segments before this one are dead. */
  | { readonly kind: "oldestSegment"; readonly segment: number }
  /** The group's first batch was torn before its hard state: it never came to be. */
  | { readonly kind: "erasure"; readonly group: GroupId };

export interface EntriesRecord {
  readonly kind: "entries";
  readonly group: GroupId;
  readonly term: number;
  readonly firstIndex: number;
  readonly count: number;
  readonly rewritten: boolean;
  /** Only filled where they are configuration entries. */
  readonly configurationEntries: readonly Entry[];
}

const ENTRIES = 1;
const HARD_STATE = 2;
const TRUNCATION = 3;
const SNAPSHOT = 4;
const FOUNDATION = 5;
const TOMBSTONE = 6;
const PROPERTY = 7;
const OLDEST_SEGMENT = 8;
const ERASURE = 9;
const REWRITTEN = 0x80;

const CONFIGURATION_FLAG = 1;
const ENTRY_KINDS: readonly EntryKind[] = ["command", "configuration", "empty"];
const COMMAND = 0;
const CONFIGURATION = 1;
const EMPTY = 2;

/** A record's kind, group, flags, term, first index and count, at most. */
export const ENTRIES_HEAD_BYTES_MAX = 2 + 4 * 8;
/** What one entry costs in a record beside its payload, at most. */
export const ENTRY_FRAME_BYTES_MAX = 1 + 8 + 8;
/** Kind, group, numbers and flags of any other record, at most. */
const STATE_FIELDS_BYTES_MAX = 128;
const REPLICA_BYTES_MAX = 24;
const VALUE_FILE_BYTES_MAX = 40;

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder("utf-8", { fatal: true });

/** Encodes `entries[from .. to)`, all of one term, and all of kind configuration or none. */
export function encodeEntries(
  buffer: ByteBuffer,
  group: GroupId,
  entries: readonly Entry[],
  from: number,
  to: number,
  rewritten: boolean,
): void {
  const first = entries[from]!;
  buffer.putU8(rewritten ? ENTRIES | REWRITTEN : ENTRIES);
  buffer.putVarint(group);
  buffer.putU8(first.kind === "configuration" ? CONFIGURATION_FLAG : 0);
  buffer.putVarint(first.term);
  buffer.putVarint(first.index);
  buffer.putVarint(to - from);
  for (let at = from; at < to; at++) {
    const { kind, timeMs, payload } = entries[at]!;
    buffer.putU8(kind === "command" ? COMMAND : kind === "empty" ? EMPTY : CONFIGURATION);
    buffer.putVarint(timeMs);
    buffer.putSized(payload);
  }
}

/** @returns a bound of the body's size, known before it is encoded */
export function stateRecordBytesMax(record: StateRecord): number {
  switch (record.kind) {
    case "hardState":
      return STATE_FIELDS_BYTES_MAX + textBytesMax(record.hardState.votedFor ?? "");
    case "snapshot":
      return STATE_FIELDS_BYTES_MAX + configurationBytesMax(record.snapshot.configuration) +
        record.valueFiles.length * VALUE_FILE_BYTES_MAX;
    case "foundation":
      return STATE_FIELDS_BYTES_MAX + configurationBytesMax(record.configuration);
    case "property":
      return STATE_FIELDS_BYTES_MAX + textBytesMax(record.name) + (record.value?.length ?? 0);
    default:
      return STATE_FIELDS_BYTES_MAX;
  }
}

export function encodeState(buffer: ByteBuffer, record: StateRecord): void {
  switch (record.kind) {
    case "hardState":
      return encodeHardState(buffer, record);
    case "truncation":
      begin(buffer, TRUNCATION, record.group);
      return buffer.putVarint(record.fromIndex);
    case "snapshot":
      begin(buffer, SNAPSHOT, record.group, record.rewritten);
      buffer.putU8(record.keepEntries ? 1 : 0);
      return buffer.putSized(encodeSnapshotMeta(record.snapshot, record.valueFiles));
    case "foundation":
      begin(buffer, FOUNDATION, record.group, record.rewritten);
      return buffer.putSized(encodeConfiguration(record.configuration));
    case "tombstone":
      begin(buffer, TOMBSTONE, record.group, record.rewritten);
      return buffer.putVarint(record.lowestReplica);
    case "property":
      begin(buffer, PROPERTY, 0);
      buffer.putSized(textEncoder.encode(record.name));
      buffer.putU8(record.value === null ? 0 : 1);
      return buffer.putSized(record.value ?? new Uint8Array());
    case "oldestSegment":
      begin(buffer, OLDEST_SEGMENT, 0);
      return buffer.putVarint(record.segment);
    case "erasure":
      return begin(buffer, ERASURE, record.group);
    default:
      unreachable(record);
  }
}

/**
 * @param bytes holds the body from `at` to `end`, its checksum verified
 * @throws {MalformedError} when this program's rules did not make it
 */
export function decodeRecord(
  bytes: Uint8Array,
  at: number,
  end: number,
): EntriesRecord | StateRecord {
  const reader = new ByteReader(bytes, at, end);
  const tag = reader.u8();
  const rewritten = (tag & REWRITTEN) !== 0;
  const group = reader.varint();
  switch (tag & ~REWRITTEN) {
    case ENTRIES:
      return decodeEntriesHead(reader, group, rewritten);
    case HARD_STATE:
      return { kind: "hardState", group, ...decodeHardState(reader), rewritten };
    case TRUNCATION:
      return { kind: "truncation", group, fromIndex: reader.varint() };
    case SNAPSHOT: {
      const keepEntries = reader.u8() === 1;
      const { snapshot, valueFiles } = decodeSnapshotMeta(reader.sized());
      return { kind: "snapshot", group, snapshot, keepEntries, valueFiles, rewritten };
    }
    case FOUNDATION: {
      const configuration = decodeConfiguration(reader.sized());
      return { kind: "foundation", group, configuration, rewritten };
    }
    case TOMBSTONE:
      return { kind: "tombstone", group, lowestReplica: reader.varint(), rewritten };
    case PROPERTY: {
      const name = textDecoder.decode(reader.sized());
      const present = reader.u8() === 1;
      const value = reader.sized().slice();
      return { kind: "property", name, value: present ? value : null };
    }
    case OLDEST_SEGMENT:
      return { kind: "oldestSegment", segment: reader.varint() };
    case ERASURE:
      return { kind: "erasure", group };
    default:
      throw new MalformedError(`records of kind ${tag} are unknown`);
  }
}

/** @param at where a body begins whose checksum is verified */
export function isOldestSegmentRecord(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === OLDEST_SEGMENT;
}

/** @returns the segment that such a record names */
export function oldestSegmentOf(bytes: Uint8Array, at: number, end: number): number {
  const record = decodeRecord(bytes, at, end);
  assert(record.kind === "oldestSegment", `a ${record.kind} record names no segment`);
  return record.segment;
}

/**
 * Decodes the entries of an `entries` record whose index lies in `fromIndex .. toIndex - 1`. Payloads are copies.
 * @param push takes each in order; false ends it
 */
export function decodeEntries(
  bytes: Uint8Array,
  at: number,
  end: number,
  fromIndex: number,
  toIndex: number,
  push: (entry: Entry) => boolean,
): void {
  const reader = new ByteReader(bytes, at, end);
  const tag = reader.u8();
  if ((tag & ~REWRITTEN) !== ENTRIES) throw new MalformedError("entries were expected");
  reader.varint();
  reader.u8();
  const term = reader.varint();
  const firstIndex = reader.varint();
  const count = reader.varint();
  for (let index = firstIndex; index < firstIndex + count && index < toIndex; index++) {
    const kind = ENTRY_KINDS[reader.u8()];
    if (kind === undefined) throw new MalformedError("the kind of an entry is unknown");
    const timeMs = reader.varint();
    const payload = reader.sized();
    if (index < fromIndex) continue;
    if (!push({ index, term, kind, timeMs, payload: payload.slice() })) return;
  }
}

function decodeEntriesHead(
  reader: ByteReader,
  group: GroupId,
  rewritten: boolean,
): EntriesRecord {
  const { bytes, end } = reader;
  const start = reader.at;
  const flags = reader.u8();
  const term = reader.varint();
  const firstIndex = reader.varint();
  const count = reader.varint();
  if (count === 0) throw new MalformedError("a record of entries is empty");
  const configurationEntries: Entry[] = [];
  if ((flags & CONFIGURATION_FLAG) !== 0) {
    const at = start - 1 - varintBytes(group);
    decodeEntries(bytes, at, end, 0, Infinity, (entry) => {
      configurationEntries.push(entry);
      return true;
    });
  }
  return { kind: "entries", group, term, firstIndex, count, rewritten, configurationEntries };
}

function encodeHardState(
  buffer: ByteBuffer,
  record: StateRecord & { readonly kind: "hardState" },
): void {
  const { term, votedFor, commitIndex } = record.hardState;
  begin(buffer, HARD_STATE, record.group, record.rewritten);
  buffer.putVarint(record.replica);
  buffer.putVarint(term);
  buffer.putVarint(commitIndex);
  buffer.putU8(votedFor === null ? 0 : 1);
  buffer.putSized(textEncoder.encode(votedFor ?? ""));
}

function decodeHardState(reader: ByteReader): { replica: number; hardState: HardState } {
  const replica = reader.varint();
  const term = reader.varint();
  const commitIndex = reader.varint();
  const voted = reader.u8() === 1;
  const peer = textDecoder.decode(reader.sized());
  return { replica, hardState: { term, votedFor: voted ? peer : null, commitIndex } };
}

function configurationBytesMax(configuration: Configuration): number {
  const { voters, votersOutgoing, learners, learnersNext } = configuration;
  let bytes = STATE_FIELDS_BYTES_MAX;
  for (const { peer } of [...voters, ...votersOutgoing, ...learners, ...learnersNext]) {
    bytes += REPLICA_BYTES_MAX + textBytesMax(peer);
  }
  return bytes;
}

/** UTF-8 takes at most three bytes for each UTF-16 unit. */
function textBytesMax(text: string): number {
  return text.length * 3;
}

function begin(buffer: ByteBuffer, kind: number, group: GroupId, rewritten = false): void {
  assert(kind < REWRITTEN, "a kind leaves the bit of rewriting free");
  buffer.putU8(rewritten ? kind | REWRITTEN : kind);
  buffer.putVarint(group);
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}
