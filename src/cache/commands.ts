/**
 * The commands of the cache's machine, and their form in an envelope: arrays that begin with an operation number. The
 * form is in every log, so numbers and places never change; new fields come at the end. Each carries the term of the
 * home that proposed it. Decoding checks everything: what is wrong is invalid on every replica alike.
 */
import { LIMITS } from "../limits.ts";
import { type Grant, isGrant, isVersion, type Version } from "./version.ts";

export interface WriteBackItem {
  readonly key: string;
  readonly version: Version;
  /** JSON text in UTF-8. */
  readonly value: Uint8Array;
  /** Group time; null: for ever. */
  readonly expiresMs: number | null;
}

/** Values that their owners wrote. */
export interface WriteBackCommand {
  readonly kind: "writeBack";
  readonly term: number;
  /** At least one; of one key in the order of their versions. */
  readonly items: readonly WriteBackItem[];
}

export interface RemoveCommand {
  readonly kind: "remove";
  readonly term: number;
  readonly key: string;
  /** Minted for this removal: whatever was written under an earlier one, is over. */
  readonly grant: Grant;
}

/** A write by the home itself, of a key that nobody has a line of. */
export interface PutCommand {
  readonly kind: "put";
  readonly term: number;
  readonly key: string;
  /** Minted for this write: whatever was written under an earlier one, is over. */
  readonly grant: Grant;
  readonly value: Uint8Array;
  /** From when it is applied; null: for ever. */
  readonly ttlMs: number | null;
  /** What its caller named, and the home compared: makes the same request again. Null: no value; undefined: nothing. */
  readonly ifVersion: Version | null | undefined;
}

/** This peer may hold lines from now on: before its first lease. */
export interface EnterHolderCommand {
  readonly kind: "enterHolder";
  readonly term: number;
  readonly peer: string;
}

/** None of these peers has a lease any more, in this or an older term. */
export interface LeaveHoldersCommand {
  readonly kind: "leaveHolders";
  readonly term: number;
  readonly peers: readonly string[];
}

export type CacheCommand =
  | WriteBackCommand
  | RemoveCommand
  | PutCommand
  | EnterHolderCommand
  | LeaveHoldersCommand;

const OPERATION = { writeBack: 1, remove: 2, enterHolder: 3, leaveHolders: 4, put: 5 } as const;

/** @returns the body of an envelope, which `decodeCacheCommand` reads */
export function encodeCacheCommand(command: CacheCommand): readonly unknown[] {
  const operation = OPERATION[command.kind];
  switch (command.kind) {
    case "writeBack": {
      const items = command.items.map(({ key, version, value, expiresMs }) => {
        return [key, version.term, version.counter, version.write, value, expiresMs];
      });
      return [operation, command.term, items];
    }
    case "remove": {
      const { term, counter } = command.grant;
      return [operation, command.term, command.key, term, counter];
    }
    case "put": {
      const { term, key, grant, value, ttlMs, ifVersion } = command;
      return [operation, term, key, grant.term, grant.counter, value, ttlMs, bound(ifVersion)];
    }
    case "enterHolder":
      return [operation, command.term, command.peer];
    case "leaveHolders":
      return [operation, command.term, command.peers];
  }
}

/** Nothing: no version is asked for. */
function bound(ifVersion: Version | null | undefined): readonly (number | null)[] {
  if (ifVersion === undefined) return [];
  return ifVersion === null ? [null] : [ifVersion.term, ifVersion.counter, ifVersion.write];
}

/** @returns null for what this version does not know, or what is out of its bounds */
export function decodeCacheCommand(body: unknown): CacheCommand | null {
  if (!Array.isArray(body)) return null;
  const [operation, term] = body;
  if (!isWithin(term, 1, Number.MAX_SAFE_INTEGER)) return null;
  switch (operation) {
    case OPERATION.writeBack:
      return decodeWriteBack(term, body[2]);
    case OPERATION.remove: {
      const [key, ...grant] = body.slice(2, 5);
      if (!isCacheKey(key) || !isGrant(grant) || grant[0] !== term) return null;
      return { kind: "remove", term, key, grant: { term: grant[0], counter: grant[1] } };
    }
    case OPERATION.put:
      return decodePut(term, body.slice(2));
    case OPERATION.enterHolder:
      return isPeer(body[2]) ? { kind: "enterHolder", term, peer: body[2] } : null;
    case OPERATION.leaveHolders:
      return isPeers(body[2]) ? { kind: "leaveHolders", term, peers: body[2] } : null;
    default:
      return null;
  }
}

function decodeWriteBack(term: number, rows: unknown): WriteBackCommand | null {
  if (!Array.isArray(rows) || !isWithin(rows.length, 1, LIMITS.cacheBatchMax)) return null;
  const items: WriteBackItem[] = [];
  for (const row of rows) {
    const item = decodeItem(row);
    if (item === null || item.version.term > term) return null;
    items.push(item);
  }
  return { kind: "writeBack", term, items };
}

function decodePut(term: number, fields: readonly unknown[]): PutCommand | null {
  const [key, grantTerm, counter, value, ttlMs, asked] = fields;
  const grant = [grantTerm, counter];
  if (!isCacheKey(key) || !isGrant(grant) || grant[0] !== term) return null;
  if (!(value instanceof Uint8Array) || value.length > LIMITS.bodyBytesMax) return null;
  if (ttlMs !== null && !isWithin(ttlMs, 0, LIMITS.cacheTtlMaxMs)) return null;
  const ifVersion = boundFrom(asked);
  if (ifVersion === false) return null;
  return { kind: "put", term, key, grant: { term, counter: grant[1] }, value, ttlMs, ifVersion };
}

/** @returns false for what is none */
function boundFrom(asked: unknown): Version | null | undefined | false {
  if (!Array.isArray(asked)) return false;
  if (asked.length === 0) return undefined;
  if (asked.length === 1) return asked[0] === null ? null : false;
  return isVersion(asked) ? { term: asked[0], counter: asked[1], write: asked[2] } : false;
}

function decodeItem(row: unknown): WriteBackItem | null {
  if (!Array.isArray(row)) return null;
  const [key, term, counter, write, value, expiresMs] = row as readonly unknown[];
  const version = [term, counter, write];
  if (!isCacheKey(key) || !isVersion(version) || version[2] === 0) return null;
  if (!(value instanceof Uint8Array) || value.length > LIMITS.bodyBytesMax) return null;
  if (expiresMs !== null && !isWithin(expiresMs, 0, Number.MAX_SAFE_INTEGER)) return null;
  return {
    key,
    version: { term: version[0], counter: version[1], write: version[2] },
    value,
    expiresMs,
  };
}

/**
 * What makes a command the same request again. A version names one write for ever, so values need not be looked at; what
 * a caller asked for is the same under another home and another grant.
 */
export function identityOfCacheCommand(command: CacheCommand): unknown {
  if (command.kind === "remove") return [command.kind, command.key];
  if (command.kind === "put") {
    return [command.kind, command.key, command.value, command.ttlMs, bound(command.ifVersion)];
  }
  if (command.kind !== "writeBack") return encodeCacheCommand(command);
  const items = command.items.map(({ key, version: { term, counter, write } }) => {
    return [key, term, counter, write];
  });
  return [command.kind, command.term, items];
}

/** Whether a text may be a key; control characters are refused where a key is typed. */
export function isCacheKey(value: unknown): value is string {
  if (typeof value !== "string" || value.length === 0) return false;
  if (value.length * UTF8_BYTES_MAX <= LIMITS.ringKeyBytesMax) return true;
  return value.length <= LIMITS.ringKeyBytesMax &&
    encoder.encode(value).length <= LIMITS.ringKeyBytesMax;
}

/** A UTF-16 unit takes at most so many bytes in UTF-8. */
const UTF8_BYTES_MAX = 3;
const encoder = new TextEncoder();

function isPeer(value: unknown): value is string {
  return typeof value === "string" && value.length > 0 && value.length <= LIMITS.nameBytesMax;
}

function isPeers(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length <= LIMITS.cacheHoldersMax && value.every(isPeer);
}

function isWithin(value: unknown, min: number, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}
