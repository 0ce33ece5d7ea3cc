/**
 * One key's line at one peer: Modified, Exclusive, Shared or Invalid, with what is under way. Pure: an event and a
 * line give the next line and effects. Reading and writing a line that allows it need no message.
 *
 * What was written and is not confirmed is kept and answers recalls until the home confirms it: as a Modified line,
 * or as `owed` once the line was handed over or evicted. A recall names its grant; one for a grant that has not
 * arrived kills it on arrival. Only a write-back that is refused, or the end of the lease, loses a write.
 */
import { unreachable } from "../assert.ts";
import type { LineEffect, LineEvent, LineStep } from "./line_events.ts";
import {
  compareGrants,
  compareVersions,
  type Grant,
  nextVersion,
  sameGrant,
  type Version,
} from "./version.ts";

export interface Content {
  /** Null: the key has no value. */
  readonly version: Version | null;
  readonly value: Uint8Array | null;
  /** Group time; null: for ever. */
  readonly expiresMs: number | null;
}

/** A write has a version always. */
export interface Written extends Content {
  readonly version: Version;
  readonly value: Uint8Array;
}

/** `shared`: to read; `owned`: to write, which is answered with E. */
export type Wish = "shared" | "owned";

export interface Ask {
  readonly request: number;
  readonly wish: Wish;
  /** The grant of the Shared line that is to become Exclusive: its content need not be sent. */
  readonly holds: Grant | null;
  /** Recalled before it arrived: no grant up to this one counts. */
  readonly killed: Grant | null;
}

interface WriteBackUnderWay {
  readonly version: Version;
  /** When the oldest write that it carries was done. */
  readonly sinceMs: number;
  readonly sentMs: number;
}

/** A write that is handed over or evicted, and not yet confirmed. */
interface Owed {
  readonly grant: Grant;
  readonly content: Written;
  readonly sentMs: number;
}

export interface Line {
  readonly state: "I" | "S" | "E" | "M";
  /** Null in I. */
  readonly grant: Grant | null;
  /** Null in I. */
  readonly content: Content | null;
  readonly ask: Ask | null;
  /** Only in M. */
  readonly writeBack: WriteBackUnderWay | null;
  /** Only in M: when the oldest write was done that no write-back under way carries. */
  readonly dirtySinceMs: number | null;
  /** Only in S and I. */
  readonly owed: Owed | null;
}

export const NO_LINE: Line = {
  state: "I",
  grant: null,
  content: null,
  ask: null,
  writeBack: null,
  dirtySinceMs: null,
  owed: null,
};

const INVALID = {
  state: "I",
  grant: null,
  content: null,
  writeBack: null,
  dirtySinceMs: null,
} as const;
const WAKE: LineEffect = { kind: "wake" };

/** Whether reading needs no message (while the lease lasts). */
export function canRead(line: Line): boolean {
  return line.state !== "I";
}

/** Whether no write of this line is unconfirmed for longer than `ageMaxMs`, and it is Exclusive or Modified. */
export function canWrite(line: Line, nowMs: number, ageMaxMs: number): boolean {
  if (line.state !== "E" && line.state !== "M") return false;
  const sinceMs = line.writeBack?.sinceMs ?? line.dirtySinceMs;
  return sinceMs === null || nowMs - sinceMs <= ageMaxMs;
}

/** The version of a write that is answered and not confirmed. */
export function unconfirmed(line: Line): Version | null {
  return line.state === "M" ? line.content!.version : line.owed?.content.version ?? null;
}

/** What an event does to a line. Events come from the network in any order: none is fatal. */
export function stepLine(line: Line, event: LineEvent): LineStep {
  switch (event.kind) {
    case "ask":
      return ask(line, event);
    case "granted":
      return granted(line, event);
    case "failed":
      return line.ask?.request === event.request
        ? { line: { ...line, ask: null }, effects: [WAKE] }
        : same(line);
    case "write":
      return write(line, event);
    case "flush":
      return flush(line, event);
    case "evict":
      return evict(line, event.nowMs);
    case "recall":
      return recall(line, event);
    case "confirmed":
      return confirmed(line, event);
    case "refused":
      return refused(line, event);
    case "lapsed":
      return { line: NO_LINE, effects: [...lost(unconfirmed(line)), WAKE] };
    case "newHome":
      return newHome(line);
    default:
      return unreachable(event);
  }
}

function same(line: Line): LineStep {
  return { line, effects: [] };
}

function ask(line: Line, { wish, request }: LineEvent & { kind: "ask" }): LineStep {
  const allows = wish === "shared" ? line.state !== "I" : line.state === "E" || line.state === "M";
  if (line.ask !== null || allows) return same(line);
  const holds = line.grant;
  return {
    line: { ...line, ask: { request, wish, holds, killed: null } },
    effects: [{ kind: "ask", request, wish, holds }],
  };
}

function granted(line: Line, event: LineEvent & { kind: "granted" }): LineStep {
  const { grant, state } = event;
  const { ask: asked, owed } = line;
  // An answer to a request that was given up: what the home now takes for held is found gone by its recall.
  if (asked === null || asked.request !== event.request) return same(line);
  const isKilled = asked.killed !== null && compareGrants(grant, asked.killed) <= 0;
  const content = event.content ?? (sameGrant(line.grant, asked.holds) ? line.content : null);
  if (isKilled || content === null) return { line: { ...line, ask: null }, effects: [WAKE] };
  // The home granted after whatever this peer had before was written back.
  const effects: LineEffect[] = owed === null
    ? []
    : [{ kind: "safe", version: owed.content.version }];
  return { line: { ...NO_LINE, state, grant, content }, effects: [...effects, WAKE] };
}

function write(line: Line, { value, expiresMs, nowMs }: LineEvent & { kind: "write" }): LineStep {
  if (line.state !== "E" && line.state !== "M") return same(line);
  const version = nextVersion(line.grant!, line.content!.version);
  const content: Written = { version, value, expiresMs };
  const dirtySinceMs = line.dirtySinceMs ?? nowMs;
  return { line: { ...line, state: "M", content, dirtySinceMs }, effects: [] };
}

function flush(line: Line, event: LineEvent & { kind: "flush" }): LineStep {
  const { nowMs, againAfterMs, urgent } = event;
  const { state, grant, content, writeBack, dirtySinceMs, owed } = line;
  const isDue = (sentMs: number) => nowMs - sentMs >= againAfterMs;
  if (state === "M") {
    const isNew = dirtySinceMs !== null && (urgent || writeBack === null);
    if (!isNew && !(writeBack !== null && isDue(writeBack.sentMs))) return same(line);
    const written = content as Written;
    const sinceMs = writeBack?.sinceMs ?? dirtySinceMs ?? nowMs;
    return {
      line: {
        ...line,
        writeBack: { version: written.version, sinceMs, sentMs: nowMs },
        dirtySinceMs: null,
      },
      effects: [{ kind: "writeBack", grant: grant!, content: written, keeps: "owned" }],
    };
  }
  if (owed === null || !isDue(owed.sentMs)) return same(line);
  const keeps = sameGrant(grant, owed.grant) ? "shared" : "nothing";
  return {
    line: { ...line, owed: { ...owed, sentMs: nowMs } },
    effects: [{ kind: "writeBack", grant: owed.grant, content: owed.content, keeps }],
  };
}

function evict(line: Line, nowMs: number): LineStep {
  const { state, grant, content, owed } = line;
  if (line.ask !== null || state === "I") return same(line);
  if (state === "M") {
    const written = content as Written;
    return {
      line: { ...NO_LINE, owed: { grant: grant!, content: written, sentMs: nowMs } },
      effects: [{ kind: "writeBack", grant: grant!, content: written, keeps: "nothing" }],
    };
  }
  // While something is owed under this grant, the home must not take the grant for gone.
  const effects: LineEffect[] = owed === null ? [{ kind: "dropped", grant: grant! }] : [];
  return { line: { ...line, ...INVALID }, effects };
}

function recall(line: Line, event: LineEvent & { kind: "recall" }): LineStep {
  const { grant, to, nowMs } = event;
  const { state, owed } = line;
  const order = line.grant === null ? 1 : compareGrants(grant, line.grant);
  if (line.grant !== null && order === 0) return recallHeld(line, to, nowMs);
  const effects: LineEffect[] = [];
  let next = line;
  if (order > 0) {
    if (line.ask !== null) next = { ...next, ask: killedBy(line.ask, grant) };
    if (state !== "I") {
      // A grant that has not arrived took this line's place at the home.
      next = { ...next, ...INVALID, owed: owedBy(line, nowMs) };
      effects.push({ kind: "invalidated" });
    }
  }
  const dirty = sameGrant(owed?.grant ?? null, grant) ? owed!.content : null;
  effects.push({ kind: "acknowledge", grant, kept: false, held: false, dirty });
  return { line: next, effects };
}

function recallHeld(line: Line, to: "S" | "I", nowMs: number): LineStep {
  const grant = line.grant!;
  const owed = owedBy(line, nowMs);
  const dirty = owed?.content ?? null;
  const acknowledge = { kind: "acknowledge", grant, held: true, dirty } as const;
  if (to === "S") {
    return {
      line: { ...line, state: "S", writeBack: null, dirtySinceMs: null, owed },
      effects: [{ ...acknowledge, kept: true }],
    };
  }
  return {
    line: { ...line, ...INVALID, owed },
    effects: [{ kind: "invalidated" }, { ...acknowledge, kept: false }],
  };
}

function killedBy(asked: Ask, grant: Grant): Ask {
  const isOlder = asked.killed !== null && compareGrants(grant, asked.killed) <= 0;
  return isOlder ? asked : { ...asked, killed: grant };
}

/** What is owed once this line is given up. */
function owedBy({ state, grant, content, owed }: Line, nowMs: number): Owed | null {
  if (state !== "M") return owed;
  return { grant: grant!, content: content as Written, sentMs: nowMs };
}

function confirmed(line: Line, { grant, version }: LineEvent & { kind: "confirmed" }): LineStep {
  const effects: readonly LineEffect[] = [{ kind: "safe", version }, WAKE];
  const { state, owed, writeBack } = line;
  if (owed !== null && sameGrant(owed.grant, grant)) {
    const isCovered = compareVersions(owed.content.version, version) <= 0;
    return isCovered ? { line: { ...line, owed: null }, effects } : { line, effects };
  }
  if (state !== "M" || !sameGrant(line.grant, grant)) return same(line);
  if (compareVersions(line.content!.version!, version) <= 0) {
    return { line: { ...line, state: "E", writeBack: null, dirtySinceMs: null }, effects };
  }
  const isCovered = writeBack !== null && compareVersions(writeBack.version, version) <= 0;
  return { line: isCovered ? { ...line, writeBack: null } : line, effects };
}

function refused(line: Line, { grant, version }: LineEvent & { kind: "refused" }): LineStep {
  const isOwed = version !== null && sameGrant(line.owed?.grant ?? null, grant);
  const isHeld = sameGrant(line.grant, grant);
  if (!isOwed && !isHeld) return same(line);
  const isLost = isOwed || line.state === "M";
  const effects = [...lost(isLost ? unconfirmed(line) : null), WAKE];
  const next = { ...line, owed: isOwed ? null : line.owed };
  return { line: isHeld ? { ...next, ...INVALID } : next, effects };
}

function lost(version: Version | null): readonly LineEffect[] {
  return version === null ? [] : [{ kind: "lost", version }];
}

/** What was sent to the former home is sent again with the next flush. */
function newHome(line: Line): LineStep {
  const { ask: asked, writeBack, dirtySinceMs, owed } = line;
  const next: Line = {
    ...line,
    ask: null,
    writeBack: null,
    dirtySinceMs: writeBack?.sinceMs ?? dirtySinceMs,
    owed: owed === null ? null : { ...owed, sentMs: -Infinity },
  };
  return { line: next, effects: asked === null ? [] : [WAKE] };
}
