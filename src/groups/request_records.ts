/**
 * What the table of request ids remembers, and what that costs of its bound in bytes. A record stands for
 * one request; it belongs to a caller's own id, or to a session that numbers its requests. The cost is a
 * rule of the replicated state, equal on every replica, not a measurement.
 */
import type { Linked } from "./recency_list.ts";
import type { Answer } from "./machine.ts";

export interface RequestRecord {
  /** Its number in its session; 0 under a caller's own id. */
  readonly sequence: number;
  readonly digest: number;
  answer: Answer;
  /** The wait that will bring the final answer; null once it is here. */
  ticket: number | null;
  /** What it counts against the bound, with its answer. */
  bytes: number;
  readonly home: CallerRequest | Session;
}

/** A request under an id that its caller chose. */
export interface CallerRequest extends Linked<CallerRequest> {
  readonly kind: "caller";
  readonly key: string;
  readonly record: RequestRecord;
  /** Group time of its answer; it is forgotten so long after it. */
  answeredMs: number;
}

/** One sequence of requests of one run of a client or peer. */
export interface Session extends Linked<Session> {
  readonly kind: "session";
  readonly key: string;
  /** Everything below is answered, and refused should it come again. Never goes back. */
  lowestOpen: number;
  /** Group time of its last entry. */
  lastMs: number;
  /** By sequence; none below `lowestOpen`. */
  readonly records: Map<number, RequestRecord>;
  /** How many of them wait; a session with a waiting request is not forgotten. */
  waiting: number;
  readonly bytes: number;
}

const RECORD_BYTES = 96;
const HOME_BYTES = 160;

/** What a record costs beside its answer. */
export function recordBytes(answer: Answer): number {
  return RECORD_BYTES + valueBytes(answer);
}

/** What a session, or a caller's id, costs beside its records. */
export function homeBytes(key: string): number {
  return HOME_BYTES + key.length;
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
