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
  type CallerRecord,
  type CallerRow,
  callerRow,
  isCallerRow,
  keyBytes,
  newCallerRecord,
  newNumberedRecord,
  newSession,
  recordBytes,
  type RequestRecord,
  type Session,
  type SessionRow,
  sessionRow,
} from "./request_records.ts";
import { SnapshotMap } from "./snapshot_map.ts";
import { joinRows, readRows, RowChunks } from "./snapshot_rows.ts";

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
  /** Of one session: how far a sequence may be above the lowest open one. */
  readonly sessionOpenMax: number;
}

export class RequestTable {
  readonly #limits: RequestTableLimits;
  readonly #callers = new SnapshotMap<string, CallerRecord, CallerRow>(callerRow);
  readonly #sessions = new SnapshotMap<string, Session, SessionRow>(sessionRow);
  /** Callers' requests that have their answer. */
  readonly #answered = new RecencyList<CallerRecord>();
  /** Sessions without a waiting request. */
  readonly #quiet = new RecencyList<Session>();
  readonly #waiting = new Map<number, RequestRecord>();
  #bytes = 0;

  constructor(limits: RequestTableLimits = LIMITS) {
    this.#limits = limits;
  }

  /** What is remembered, counted against `requestTableBytesMax`. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Forgets what is over at this group time. Runs before every entry. */
  expire(timeMs: number): void {
    const endMs = timeMs - this.#limits.requestKeepMs;
    for (;;) {
      const record = this.#answered.oldest;
      if (record === null || record.answeredMs > endMs) break;
      this.#forgetCaller(record);
    }
    for (;;) {
      const session = this.#quiet.oldest;
      if (session === null || session.lastMs > endMs) break;
      this.#forgetSession(session);
    }
  }

  /** Whether a request of this id was executed, and would be answered as then. Changes nothing. */
  has(key: RequestKey): boolean {
    if (key.kind === "caller") return this.#callers.has(pairKey(key.principal, key.id));
    const session = this.#sessions.get(pairKey(key.session, key.bootId));
    return session !== undefined && session.records.has(key.sequence);
  }

  /**
   * @param key under which id the request came
   * @param digest of what it asks for, without what a retry may change
   * @param timeMs group time of its entry
   */
  begin(key: RequestKey, digest: number, timeMs: number): Found {
    return key.kind === "caller"
      ? this.#beginCaller(key, digest)
      : this.#beginNumbered(key, digest, timeMs);
  }

  #beginCaller(caller: CallerKey, digest: number): Found {
    const key = pairKey(caller.principal, caller.id);
    const known = this.#callers.get(key);
    if (known !== undefined) {
      if (known.digest !== digest) return reused(`request id ${caller.id}`);
      return { kind: "repeat", record: known };
    }
    const record = newCallerRecord(key, digest);
    if (!this.#hasRoom(record.bytes)) return full();
    this.#callers.set(key, record);
    this.#bytes += record.bytes;
    return { kind: "new", record };
  }

  #beginNumbered(asked: SessionKey, digest: number, timeMs: number): Found {
    const session = this.#sessionOf(asked, timeMs);
    if (session === null) return full();
    const { sequence } = asked;
    if (sequence < session.lowestOpen) return reused(`sequence ${sequence}, already answered,`);
    if (sequence - session.lowestOpen >= this.#limits.sessionOpenMax) {
      return tooMany("requests of this session are unanswered");
    }
    const known = session.records.get(sequence);
    if (known !== undefined) {
      if (known.digest !== digest) return reused(`sequence ${sequence} of a session`);
      return { kind: "repeat", record: known };
    }
    const record = newNumberedRecord(session, sequence, digest);
    if (!this.#hasRoom(record.bytes)) return full();
    session.records.set(sequence, record);
    this.#bytes += record.bytes;
    return { kind: "new", record };
  }

  /** The session with its mark moved on, ready to be changed in place; null where there is no room for it. */
  #sessionOf(asked: SessionKey, timeMs: number): Session | null {
    const key = pairKey(asked.session, asked.bootId);
    let session = this.#sessions.get(key);
    if (session === undefined) {
      session = newSession(key, asked.lowestOpen);
      if (!this.#hasRoom(session.bytes)) return null;
      this.#sessions.set(key, session);
      this.#bytes += session.bytes;
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

  /**
   * The request was executed.
   * @param ticket names the wait that will bring the final answer; null where this is the final one
   */
  answer(record: RequestRecord, answer: Answer, ticket: number | null, timeMs: number): void {
    if (record.kind === "caller") this.#callers.touch(record.key);
    else this.#sessions.touch(record.session.key);
    const bytes = recordBytes(answer) + (record.kind === "caller" ? keyBytes(record.key) : 0);
    this.#bytes += bytes - record.bytes;
    record.bytes = bytes;
    record.answer = answer;
    if (ticket !== null) {
      this.#beginWait(record, ticket);
      return;
    }
    this.#endWait(record, timeMs);
    if (record.kind === "caller") {
      record.answeredMs = timeMs;
      this.#answered.push(record);
    }
  }

  #beginWait(record: RequestRecord, ticket: number): void {
    if (record.ticket === ticket) return;
    assert(!this.#waiting.has(ticket), `ticket ${ticket} is given out once`);
    if (record.ticket !== null) this.#waiting.delete(record.ticket);
    else if (record.kind === "numbered") record.session.waiting++;
    record.ticket = ticket;
    this.#waiting.set(ticket, record);
    if (record.kind === "caller") {
      if (record.listed) this.#answered.remove(record);
    } else if (record.session.listed) this.#quiet.remove(record.session);
  }

  #endWait(record: RequestRecord, timeMs: number): void {
    if (record.ticket === null) return;
    this.#waiting.delete(record.ticket);
    record.ticket = null;
    if (record.kind === "caller") return;
    const { session } = record;
    session.lastMs = timeMs;
    session.waiting--;
    if (session.waiting === 0) this.#quiet.push(session);
  }

  /** A wait ended. The record may be gone: its session no longer cares for the answer. */
  settle(ticket: number, answer: Answer, timeMs: number): void {
    const record = this.#waiting.get(ticket);
    if (record !== undefined) this.answer(record, answer, null, timeMs);
  }

  /** The request that just began was refused and executed nothing: as if it had not come. */
  withdraw(record: RequestRecord): void {
    assert(record.ticket === null, "a request that waits was executed");
    if (record.kind === "caller") this.#forgetCaller(record);
    else this.#forgetNumbered(record.session, record.sequence);
  }

  #forgetCaller(record: CallerRecord): void {
    if (record.listed) this.#answered.remove(record);
    this.#callers.delete(record.key);
    this.#bytes -= record.bytes;
  }

  #forgetNumbered(session: Session, sequence: number): void {
    const record = session.records.get(sequence);
    if (record === undefined) return;
    session.records.delete(sequence);
    this.#bytes -= record.bytes;
    this.#endWait(record, session.lastMs);
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
      const known = row as CallerRow | SessionRow;
      if (isCallerRow(known)) this.#loadCaller(known);
      else this.#loadSession(known);
    }
    this.#relist();
  }

  #loadCaller([key, digest, answer, ticket, answeredMs]: CallerRow): void {
    const record = newCallerRecord(key, digest);
    record.answeredMs = answeredMs;
    this.#callers.set(key, record);
    this.#load(record, answer, ticket, keyBytes(key) + recordBytes(answer));
  }

  #loadSession([key, lowestOpen, lastMs, rows]: SessionRow): void {
    const session = newSession(key, lowestOpen);
    session.lastMs = lastMs;
    this.#sessions.set(key, session);
    this.#bytes += session.bytes;
    for (const [sequence, digest, answer, ticket] of rows) {
      const record = newNumberedRecord(session, sequence, digest);
      session.records.set(sequence, record);
      this.#load(record, answer, ticket, recordBytes(answer));
    }
  }

  #load(record: RequestRecord, answer: Answer, ticket: number | null, bytes: number): void {
    record.answer = answer;
    record.bytes = bytes;
    this.#bytes += bytes;
    if (ticket !== null) this.#beginWait(record, ticket);
  }

  /** The lists are ordered by time; which of two of equal time is first makes no difference. */
  #relist(): void {
    const records = [...this.#callers.values()].filter(({ ticket }) => ticket === null);
    records.sort((a, b) => a.answeredMs - b.answeredMs);
    for (const record of records) this.#answered.push(record);
    const sessions = [...this.#sessions.values()].filter(({ waiting }) => waiting === 0);
    sessions.sort((a, b) => a.lastMs - b.lastMs);
    for (const session of sessions) this.#quiet.push(session);
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
      bytes += record.bytes;
      if (record.ticket === null) return;
      waiting++;
      assert(this.#waiting.get(record.ticket) === record, "a ticket leads to its request");
    };
    for (const record of this.#callers.values()) {
      check(record);
      assert(record.listed === (record.ticket === null), "an answered request will end");
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
    assert(waiting === this.#waiting.size, "every ticket belongs to a request");
  }
}

/** Two strings as one, such that different pairs never meet. */
function pairKey(first: string, second: string): string {
  return `${first.length}:${first}${second}`;
}

function reused(what: string): Found {
  const message = `${what} was used for another request`;
  return { kind: "refused", answer: refuse("REQUEST_ID_REUSED", message) };
}

function tooMany(what: string): Found {
  return { kind: "refused", answer: refuse("TOO_MANY_REQUESTS", `too many ${what}`) };
}

function full(): Found {
  return tooMany("request ids are remembered; try again later");
}
