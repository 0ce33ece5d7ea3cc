/**
 * Questions to a key's home and their answers, as they travel: arrays that begin with an operation number. Numbers and
 * places never change; new fields come at the end. Questions are checked whole: what does not have its form costs its
 * sender an error.
 */
import { malformed, unreadable } from "../groups/group_errors.ts";
import type { RequestKey } from "../groups/groups.ts";
import { LIMITS } from "../limits.ts";
import type { KeyHolder } from "./cache.ts";
import { isCacheKey } from "./commands.ts";
import { isVersion, type Version } from "./version.ts";

/** One method for all questions: the first field says which. */
export const HOME_METHOD = "cache.home";

export interface WriteQuestion {
  readonly kind: "write";
  readonly key: string;
  readonly value: Uint8Array;
  readonly ttlMs: number | null;
  readonly ifVersion: Version | null | undefined;
  readonly request: RequestKey;
  /** Must be the key's and not over, unless the request was executed before; null: it fills nothing. */
  readonly fillToken: string | null;
}

export interface BeginFillQuestion {
  readonly kind: "beginFill";
  readonly key: string;
  /** By whose lease the token lives. */
  readonly peer: string;
  readonly waitMs: number;
  readonly ttlMs: number;
}

export type HomeQuestion =
  | { readonly kind: "remove"; readonly key: string; readonly request: RequestKey | null }
  | { readonly kind: "invalidate"; readonly key: string }
  | WriteQuestion
  | { readonly kind: "view"; readonly key: string }
  | BeginFillQuestion
  | { readonly kind: "checkFill" | "settleFill"; readonly key: string; readonly token: string };

export type HomeWriteAnswer =
  | { readonly ok: true; readonly version: Version }
  /** Another version is there. @param version null: no value */
  | { readonly ok: false; readonly version: Version | null };

/** What a home knows of one key. */
export interface HomeView {
  readonly holders: readonly KeyHolder[];
  /** What is written back; null: no value. */
  readonly version: Version | null;
}

export type FillGrant =
  | { readonly kind: "token"; readonly token: string }
  | { readonly kind: "again" | "late" };

const OPERATION = {
  remove: 1,
  invalidate: 2,
  write: 3,
  view: 4,
  beginFill: 5,
  checkFill: 6,
  settleFill: 7,
} as const;

const FILL_KINDS = ["token", "again", "late"] as const;
const LETTERS = ["M", "E", "S", "I"] as const;
/** Callers may name any text of that length. */
const TOKEN_LENGTH_MAX = LIMITS.nameBytesMax;

export function encodeQuestion(question: HomeQuestion): readonly unknown[] {
  const head = [OPERATION[question.kind], question.key];
  switch (question.kind) {
    case "remove":
      return [...head, encodeRequest(question.request)];
    case "write": {
      const { value, ttlMs, ifVersion, request, fillToken } = question;
      const isBound = ifVersion !== undefined;
      const version = ifVersion === undefined ? null : encodeVersion(ifVersion);
      return [...head, value, ttlMs, isBound, version, encodeRequest(request), fillToken];
    }
    case "beginFill":
      return [...head, question.peer, question.waitMs, question.ttlMs];
    case "checkFill":
    case "settleFill":
      return [...head, question.token];
    default:
      return head;
  }
}

/** @throws {SkeinError} BAD_REQUEST */
export function decodeQuestion(body: unknown): HomeQuestion {
  if (!Array.isArray(body)) throw malformed();
  const [operation, key, ...fields] = body as readonly unknown[];
  if (!isCacheKey(key)) throw malformed();
  switch (operation) {
    case OPERATION.remove:
      return { kind: "remove", key, request: requestOf(fields[0]) };
    case OPERATION.invalidate:
      return { kind: "invalidate", key };
    case OPERATION.write:
      return decodeWrite(key, fields);
    case OPERATION.view:
      return { kind: "view", key };
    case OPERATION.beginFill: {
      const [peer, waitMs, ttlMs] = fields;
      if (!isText(peer, LIMITS.nameBytesMax) || !isSpan(waitMs) || !isSpan(ttlMs)) {
        throw malformed();
      }
      return { kind: "beginFill", key, peer, waitMs, ttlMs };
    }
    case OPERATION.checkFill:
    case OPERATION.settleFill: {
      const [token] = fields;
      if (!isText(token, TOKEN_LENGTH_MAX)) throw malformed();
      const kind = operation === OPERATION.checkFill ? "checkFill" : "settleFill";
      return { kind, key, token };
    }
    default:
      throw malformed();
  }
}

function decodeWrite(key: string, fields: readonly unknown[]): WriteQuestion {
  const [value, ttlMs, isBound, version, requestFields, fillToken = null] = fields;
  const request = requestOf(requestFields);
  if (!(value instanceof Uint8Array) || value.length > LIMITS.bodyBytesMax) throw malformed();
  if (ttlMs !== null && !(isSpan(ttlMs) && ttlMs <= LIMITS.cacheTtlMaxMs)) throw malformed();
  if (typeof isBound !== "boolean" || request === null) throw malformed();
  if (version !== null && !isVersion(version)) throw malformed();
  if (fillToken !== null && !isText(fillToken, TOKEN_LENGTH_MAX)) throw malformed();
  const ifVersion = isBound ? versionOf(version) : undefined;
  return { kind: "write", key, value, ttlMs, ifVersion, request, fillToken };
}

export function encodeWriteAnswer(answer: HomeWriteAnswer): unknown {
  return [answer.ok, encodeVersion(answer.version)];
}

export function encodeHomeView({ holders, version }: HomeView): unknown {
  const rows = holders.map(({ peer, state }) => [peer, LETTERS.indexOf(state)]);
  return [rows, encodeVersion(version)];
}

export function encodeFillAnswer(answer: FillGrant): unknown {
  return [FILL_KINDS.indexOf(answer.kind), answer.kind === "token" ? answer.token : null];
}

/** @param answer of a home of this cluster, as all that follow */
export function decodeFlag(answer: unknown): boolean {
  if (typeof answer !== "boolean") throw unreadable();
  return answer;
}

export function decodeWriteAnswer(answer: unknown): HomeWriteAnswer {
  const [ok, fields] = arrayOf(answer);
  if (typeof ok !== "boolean" || (fields !== null && !isVersion(fields))) throw unreadable();
  const version = versionOf(fields);
  if (!ok) return { ok, version };
  if (version === null) throw unreadable();
  return { ok, version };
}

export function decodeHomeView(answer: unknown): HomeView {
  const [rows, fields] = arrayOf(answer);
  if (fields !== null && !isVersion(fields)) throw unreadable();
  const holders = arrayOf(rows).map((row): KeyHolder => {
    const [peer, place] = arrayOf(row);
    const state = typeof place === "number" ? LETTERS[place] : undefined;
    if (typeof peer !== "string" || state === undefined) throw unreadable();
    return { peer, state };
  });
  return { holders, version: versionOf(fields) };
}

export function decodeFillAnswer(answer: unknown): FillGrant {
  const [place, token] = arrayOf(answer);
  const kind = typeof place === "number" ? FILL_KINDS[place] : undefined;
  if (kind === undefined) throw unreadable();
  if (kind !== "token") return { kind };
  if (typeof token !== "string") throw unreadable();
  return { kind, token };
}

function arrayOf(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw unreadable();
  return value;
}

function encodeVersion(version: Version | null): readonly unknown[] | null {
  return version === null ? null : [version.term, version.counter, version.write];
}

function versionOf(fields: readonly [number, number, number] | null): Version | null {
  return fields === null ? null : { term: fields[0], counter: fields[1], write: fields[2] };
}

function encodeRequest(request: RequestKey | null): readonly unknown[] | null {
  if (request === null) return null;
  return request.kind === "caller"
    ? [request.principal, request.id]
    : [request.session, request.bootId, request.sequence, request.lowestOpen];
}

/** @throws {SkeinError} BAD_REQUEST */
function requestOf(fields: unknown): RequestKey | null {
  if (fields === null) return null;
  if (!Array.isArray(fields)) throw malformed();
  const [first, second, sequence, lowestOpen] = fields;
  if (typeof first !== "string" || typeof second !== "string") throw malformed();
  if (fields.length === 2) return { kind: "caller", principal: first, id: second };
  if (!isSpan(sequence) || !isSpan(lowestOpen)) throw malformed();
  return { kind: "session", session: first, bootId: second, sequence, lowestOpen };
}

function isText(value: unknown, lengthMax: number): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= lengthMax;
}

function isSpan(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}
