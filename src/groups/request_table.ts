/**
 * Which requests were executed lately, and what they were answered, so that a retry gets the same answer
 * and executes nothing. Part of a group's replicated state: all times are group time, and whatever is
 * forgotten ends with the next entry.
 *
 * A caller's own id is kept while its request waits and `requestKeepMs` after its answer. A session's answers
 * are dropped as soon as the session says that it has them (`lowestOpen`), so that the table stays small at
 * full speed; the session itself, and with it the mark below which everything is refused, is kept
 * `requestKeepMs` after its last entry.
 */
import { assert } from "../assert.ts";
import { LIMITS } from "../limits.ts";
import type { RequestKey } from "./groups.ts";
import type { Answer } from "./machine.ts";
import { RecencyList } from "./recency_list.ts";
import { refuse, type RefusedAnswer } from "./refusal.ts";
import {
  type CallerRequest,
  homeBytes,
  recordBytes,
  type RequestRecord,
  type Session,
} from "./request_records.ts";
import { SnapshotMap } from "./snapshot_map.ts";
import { joinRows, readRows, RowChunks } from "./snapshot_rows.ts";

export type { RequestRecord } from "./request_records.ts";

type CallerKey = Extract<RequestKey, { readonly kind: "caller" }>;
type SessionKey = Extract<RequestKey, { readonly kind: "session" }>;

/** How a request was found. A new one must be ended with `answer` or `withdraw` before the next begins. */
export type Found =
  | { readonly kind: "new"; readonly record: RequestRecord }
  | { readonly kind: "repeat"; readonly record: RequestRecord }
  | { readonly kind: "refused"; readonly answer: RefusedAnswer };

export interface RequestTableLimits {
  readonly requestTableBytesMax: number;
  readonly requestKeepMs: number;
  readonly sessionOpenMax: number;
}

/** `[key, digest, answer, ticket, answeredMs]` and `[key, lowestOpen, lastMs, records]` in snapshots. */
type CallerRow = readonly [string, number, Answer, number | null, number];
type SessionRow = readonly [string, number, number, readonly SessionRecordRow[]];
type SessionRecordRow = readonly [number, number, Answer, number | null];

export class RequestTable {
  readonly #limits: RequestTableLimits;
  readonly #callers = new SnapshotMap<string, CallerRequest, CallerRow>(callerRow);
  readonly #sessions = new SnapshotMap<string, Session, SessionRow>(sessionRow);
  /** Callers' requests that have their answer. */
  readonly #answered = new RecencyList<CallerRequest>();
  /** Sessions without a waiting request. */
  readonly #quiet = new RecencyList<Session>();
  readonly #waiting = new Map<number, RequestRecord>();
  #bytes = 0;

  constructor(limits: RequestTableLimits = LIMITS) {
    this.#limits = limits;
  }

  /** What the records count against `requestTableBytesMax`. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Forgets what is over at this group time. Runs before every entry. */
  expire(timeMs: number): void {
    const endMs = timeMs - this.#limits.requestKeepMs;
    for (;;) {
      const request = this.#answered.oldest;
      if (request === null || request.answeredMs > endMs) break;
      this.#forgetCaller(request);
    }
    for (;;) {
      const session = this.#quiet.oldest;
      if (session === null || session.lastMs > endMs) break;
      this.#forgetSession(session);
    }
  }

  /**
   * @param key under which id the request came
   * @param digest of what it asks for, without what a retry may change
   * @param timeMs group time of its entry
   */
  begin(key: RequestKey, digest: number, timeMs: number): Found {
    return key.kind === "caller"
      ? this.#beginCaller(key, digest)
      : this.#beginSession(key, digest, timeMs);
  }

  #beginCaller(caller: CallerKey, digest: number): Found {
    const key = pairKey(caller.principal, caller.id);
    const known = this.#callers.get(key);
    if (known !== undefined) {
      if (known.record.digest !== digest) return reused(`request id ${caller.id}`);
      return { kind: "repeat", record: known.record };
    }
    const bytes = homeBytes(key) + recordBytes(null);
    if (!this.#hasRoom(bytes)) return full();
    const request = callerRequest(key, digest);
    this.#callers.set(key, request);
    this.#bytes += bytes;
    return { kind: "new", record: request.record };
  }

  #beginSession(asked: SessionKey, digest: number, timeMs: number): Found {
    const session = this.#sessionOf(pairKey(asked.session, asked.bootId), asked, timeMs);
    if (session === null) return full();
    const { sequence } = asked;
    if (sequence < session.lowestOpen) return reused(`sequence ${sequence}, already answered,`);
    if (sequence - session.lowestOpen >= this.#limits.sessionOpenMax) {
      return {
        kind: "refused",
        answer: refuse("TOO_MANY_REQUESTS", "too many requests of this session are unanswered"),
      };
    }
    const known = session.records.get(sequence);
    if (known !== undefined) {
      if (known.digest !== digest) return reused(`sequence ${sequence} of a session`);
      return { kind: "repeat", record: known };
    }
    const bytes = recordBytes(null);
    if (!this.#hasRoom(bytes)) return full();
    const record = { sequence, digest, answer: null, ticket: null, bytes, home: session };
    session.records.set(sequence, record);
    this.#bytes += bytes;
    return { kind: "new", record };
  }

  /** The session with its mark moved on, ready to be changed in place; null where there is no room for it. */
  #sessionOf(key: string, asked: SessionKey, timeMs: number): Session | null {
    let session = this.#sessions.get(key);
    if (session === undefined) {
      const bytes = homeBytes(key);
      if (!this.#hasRoom(bytes)) return null;
      session = newSession(key, asked.lowestOpen, bytes);
      this.#sessions.set(key, session);
      this.#bytes += bytes;
    } else {
      this.#sessions.touch(key);
    }
    session.lastMs = timeMs;
    if (session.waiting === 0) this.#quiet.push(session);
    if (asked.lowestOpen > session.lowestOpen) this.#moveMark(session, asked.lowestOpen);
    return session;
  }

  #moveMark(session: Session, lowestOpen: number): void {
    const { records } = session;
    const span = lowestOpen - session.lowestOpen;
    if (span <= records.size) {
      for (let sequence = session.lowestOpen; sequence < lowestOpen; sequence++) {
        this.#forgetNumbered(session, sequence);
      }
    } else {
      for (const sequence of records.keys()) {
        if (sequence < lowestOpen) this.#forgetNumbered(session, sequence);
      }
    }
    session.lowestOpen = lowestOpen;
  }

  #forgetNumbered(session: Session, sequence: number): void {
    const record = session.records.get(sequence);
    if (record === undefined) return;
    session.records.delete(sequence);
    this.#bytes -= record.bytes;
    this.#endWait(record, session.lastMs);
  }

  /**
   * The request was executed.
   * @param ticket names the wait that will bring the final answer; null where this is the final one
   */
  answer(record: RequestRecord, answer: Answer, ticket: number | null, timeMs: number): void {
    const { home } = record;
    if (home.kind === "caller") this.#callers.touch(home.key);
    else this.#sessions.touch(home.key);
    const bytes = recordBytes(answer);
    this.#bytes += bytes - record.bytes;
    record.bytes = bytes;
    record.answer = answer;
    if (ticket === null) this.#endWait(record, timeMs);
    else this.#beginWait(record, ticket);
    if (home.kind === "caller" && ticket === null) {
      home.answeredMs = timeMs;
      this.#answered.push(home);
    }
  }

  #beginWait(record: RequestRecord, ticket: number): void {
    if (record.ticket === ticket) return;
    const { home } = record;
    if (record.ticket !== null) this.#waiting.delete(record.ticket);
    else if (home.kind === "session") home.waiting++;
    record.ticket = ticket;
    assert(!this.#waiting.has(ticket), `ticket ${ticket} is given out once`);
    this.#waiting.set(ticket, record);
    if (home.listed) {
      if (home.kind === "session") this.#quiet.remove(home);
      else this.#answered.remove(home);
    }
  }

  #endWait(record: RequestRecord, timeMs: number): void {
    if (record.ticket === null) return;
    this.#waiting.delete(record.ticket);
    record.ticket = null;
    const { home } = record;
    if (home.kind !== "session") return;
    home.waiting--;
    home.lastMs = timeMs;
    if (home.waiting === 0) this.#quiet.push(home);
  }

  /** A wait ended. The record may be gone: its session no longer cares for the answer. */
  settle(ticket: number, answer: Answer, timeMs: number): void {
    const record = this.#waiting.get(ticket);
    if (record !== undefined) this.answer(record, answer, null, timeMs);
  }

  /** The request that just began was refused and executed nothing: as if it had not come. */
  withdraw(record: RequestRecord): void {
    assert(record.ticket === null, "a request that waits was executed");
    const { home } = record;
    if (home.kind === "caller") this.#forgetCaller(home);
    else this.#forgetNumbered(home, record.sequence);
  }

  #forgetCaller(request: CallerRequest): void {
    if (request.listed) this.#answered.remove(request);
    this.#callers.delete(request.key);
    this.#bytes -= request.record.bytes + homeBytes(request.key);
  }

  #forgetSession(session: Session): void {
    this.#quiet.remove(session);
    this.#sessions.delete(session.key);
    for (const record of session.records.values()) this.#bytes -= record.bytes;
    this.#bytes -= session.bytes;
  }

  #hasRoom(bytes: number): boolean {
    return this.#bytes + bytes <= this.#limits.requestTableBytesMax;
  }

  /** See `Machine.snapshot`. */
  snapshot(): RowChunks {
    return new RowChunks(joinRows(this.#callers.snapshot(), this.#sessions.snapshot()));
  }

  /** See `Machine.restore`. */
  restore(chunks: Iterable<Uint8Array>): void {
    this.#clear();
    for (const row of readRows(chunks)) {
      if ((row as readonly unknown[]).length === CALLER_ROW_LENGTH) this.#load(row as CallerRow);
      else this.#loadSession(row as SessionRow);
    }
    this.#relist();
  }

  #load([key, digest, answer, ticket, answeredMs]: CallerRow): void {
    const request = callerRequest(key, digest);
    request.answeredMs = answeredMs;
    this.#callers.set(key, request);
    this.#bytes += homeBytes(key);
    this.#loadRecord(request.record, answer, ticket);
  }

  #loadSession([key, lowestOpen, lastMs, records]: SessionRow): void {
    const session = newSession(key, lowestOpen, homeBytes(key));
    session.lastMs = lastMs;
    this.#sessions.set(key, session);
    this.#bytes += session.bytes;
    for (const [sequence, digest, answer, ticket] of records) {
      const record = { sequence, digest, answer: null, ticket: null, bytes: 0, home: session };
      session.records.set(sequence, record);
      this.#loadRecord(record, answer, ticket);
    }
  }

  #loadRecord(record: RequestRecord, answer: Answer, ticket: number | null): void {
    record.answer = answer;
    record.bytes = recordBytes(answer);
    this.#bytes += record.bytes;
    if (ticket !== null) this.#beginWait(record, ticket);
  }

  /** The lists are ordered by time; which of two of equal time is first makes no difference. */
  #relist(): void {
    const requests = [...this.#callers.values()].filter(({ record }) => record.ticket === null);
    for (const request of requests.sort((a, b) => a.answeredMs - b.answeredMs)) {
      this.#answered.push(request);
    }
    const sessions = [...this.#sessions.values()].filter(({ waiting }) => waiting === 0);
    for (const session of sessions.sort((a, b) => a.lastMs - b.lastMs)) this.#quiet.push(session);
  }

  #clear(): void {
    this.#callers.clear();
    this.#sessions.clear();
    this.#answered.clear();
    this.#quiet.clear();
    this.#waiting.clear();
    this.#bytes = 0;
  }

  /** Throws an AssertionError if the table contradicts itself. */
  checkInvariants(): void {
    let bytes = 0;
    let waiting = 0;
    const check = (record: RequestRecord) => {
      assert(record.bytes === recordBytes(record.answer), "a record knows what it costs");
      bytes += record.bytes;
      if (record.ticket === null) return;
      waiting++;
      assert(
        this.#waiting.get(record.ticket) === record,
        "a waiting request is found by its ticket",
      );
    };
    for (const request of this.#callers.values()) {
      bytes += homeBytes(request.key);
      check(request.record);
      assert(request.listed === (request.record.ticket === null), "an answered request will end");
    }
    for (const session of this.#sessions.values()) {
      bytes += session.bytes;
      assert(session.listed === (session.waiting === 0), "a quiet session will end");
      assert(session.records.size <= this.#limits.sessionOpenMax, "a session is bounded");
      for (const [sequence, record] of session.records) {
        assert(sequence >= session.lowestOpen, "nothing is kept below the mark");
        check(record);
      }
    }
    assert(bytes === this.#bytes, `the table counts ${this.#bytes} bytes and holds ${bytes}`);
    assert(waiting === this.#waiting.size, "every ticket belongs to a record");
  }
}

const CALLER_ROW_LENGTH = 5;

/** Two strings as one, such that different pairs never meet. */
function pairKey(first: string, second: string): string {
  return `${first.length}:${first}${second}`;
}

function callerRequest(key: string, digest: number): CallerRequest {
  const request: CallerRequest = {
    kind: "caller",
    key,
    get record() {
      return record;
    },
    answeredMs: 0,
    older: null,
    newer: null,
    listed: false,
  };
  const bytes = recordBytes(null);
  const record: RequestRecord = {
    sequence: 0,
    digest,
    answer: null,
    ticket: null,
    bytes,
    home: request,
  };
  return request;
}

function newSession(key: string, lowestOpen: number, bytes: number): Session {
  return {
    kind: "session",
    key,
    lowestOpen,
    lastMs: 0,
    records: new Map(),
    waiting: 0,
    bytes,
    older: null,
    newer: null,
    listed: false,
  };
}

function callerRow(key: string, { record, answeredMs }: CallerRequest): CallerRow {
  return [key, record.digest, record.answer, record.ticket, answeredMs];
}

function sessionRow(key: string, { lowestOpen, lastMs, records }: Session): SessionRow {
  const rows: SessionRecordRow[] = [];
  for (const [sequence, record] of records) {
    rows.push([sequence, record.digest, record.answer, record.ticket]);
  }
  return [key, lowestOpen, lastMs, rows];
}

function reused(what: string): Found {
  return {
    kind: "refused",
    answer: refuse("REQUEST_ID_REUSED", `${what} was used for another request`),
  };
}

function full(): Found {
  return {
    kind: "refused",
    answer: refuse("TOO_MANY_REQUESTS", "too many request ids are remembered; try again later"),
  };
}
