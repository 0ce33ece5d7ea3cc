/**
 * What the table of request ids remembers of one request, what that costs of the table's bound in bytes, and
 * its form in snapshots. A record stands under an id that a caller chose, or in a session that numbers its
 * requests. The cost is a rule of the replicated state, equal on every replica, not a measurement.
 */
import type { Answer } from "./machine.ts";
import type { Linked } from "./recency_list.ts";

interface Remembered {
  readonly digest: number;
  answer: Answer;
  /** The wait that will bring the final answer; null once it is here. */
  ticket: number | null;
  /** What it counts against the bound, with its answer. */
  bytes: number;
}

/** A request under an id that its caller chose. */
export interface CallerRecord extends Remembered, Linked<CallerRecord> {
  readonly kind: "caller";
  readonly key: string;
  /** Group time of its answer; it is forgotten so long after it. */
  answeredMs: number;
}

/** A request with a number in a session. */
export interface NumberedRecord extends Remembered {
  readonly kind: "numbered";
  readonly session: Session;
  readonly sequence: number;
}

export type RequestRecord = CallerRecord | NumberedRecord;

/** One sequence of requests of one run of a client or peer. */
export interface Session extends Linked<Session> {
  readonly key: string;
  /** Everything below is answered, and refused should it come again. Never goes back. */
  lowestOpen: number;
  /** Group time of its last entry. */
  lastMs: number;
  /** By sequence; none below `lowestOpen`. */
  readonly records: Map<number, NumberedRecord>;
  /** How many of them wait; a session with a waiting request is not forgotten. */
  waiting: number;
  readonly bytes: number;
}

const RECORD_BYTES = 96;
const KEY_BYTES = 160;

/** What a record costs, less its key. */
export function recordBytes(answer: Answer): number {
  return RECORD_BYTES + valueBytes(answer);
}

/** What a session, or a caller's id, costs. */
export function keyBytes(key: string): number {
  return KEY_BYTES + key.length;
}

/** Roughly what a value takes in memory. */
function valueBytes(value: unknown): number {
  if (typeof value === "string") return 16 + value.length;
  if (typeof value !== "object" || value === null) return 8;
  if (value instanceof Uint8Array) return 64 + value.length;
  let bytes = 16;
  if (Array.isArray(value)) {
    for (const element of value) bytes += valueBytes(element);
    return bytes;
  }
  const map = value as Record<string, unknown>;
  for (const key in map) bytes += 8 + valueBytes(map[key]);
  return bytes;
}

export function newCallerRecord(key: string, digest: number): CallerRecord {
  return {
    kind: "caller",
    key,
    digest,
    answer: null,
    ticket: null,
    bytes: keyBytes(key) + recordBytes(null),
    answeredMs: 0,
    older: null,
    newer: null,
    listed: false,
  };
}

export function newNumberedRecord(
  session: Session,
  sequence: number,
  digest: number,
): NumberedRecord {
  const bytes = recordBytes(null);
  return { kind: "numbered", session, sequence, digest, answer: null, ticket: null, bytes };
}

export function newSession(key: string, lowestOpen: number): Session {
  return {
    key,
    lowestOpen,
    lastMs: 0,
    records: new Map(),
    waiting: 0,
    bytes: keyBytes(key),
    older: null,
    newer: null,
    listed: false,
  };
}

/** `[key, digest, answer, ticket, answeredMs]` */
export type CallerRow = readonly [string, number, Answer, number | null, number];
/** `[key, lowestOpen, lastMs, records]`, a record being `[sequence, digest, answer, ticket]` */
export type SessionRow = readonly [string, number, number, readonly NumberedRow[]];
export type NumberedRow = readonly [number, number, Answer, number | null];

export function callerRow(key: string, record: CallerRecord): CallerRow {
  const { digest, answer, ticket, answeredMs } = record;
  return [key, digest, answer, ticket, answeredMs];
}

export function sessionRow(key: string, { lowestOpen, lastMs, records }: Session): SessionRow {
  const rows: NumberedRow[] = [];
  for (const [sequence, { digest, answer, ticket }] of records) {
    rows.push([sequence, digest, answer, ticket]);
  }
  return [key, lowestOpen, lastMs, rows];
}

/** The rows of a snapshot come mixed. */
export function isCallerRow(row: CallerRow | SessionRow): row is CallerRow {
  return row.length === 5;
}
