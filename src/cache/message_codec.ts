/**
 * The messages of the cache as they travel: msgpack-able arrays that begin with an operation number. Numbers and places
 * never change; new fields come at the end. Decoding checks everything: what is wrong is null, and its sender's fault.
 */
import { ERROR_STATUS, type ErrorCode, SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { isCacheKey } from "./commands.ts";
import type { Reported } from "./inventory.ts";
import type { Content, Wish, Written } from "./line.ts";
import type { Keeps } from "./line_events.ts";
import type {
  Address,
  CacheMessage,
  ConfirmedMessage,
  DeniedMessage,
  KeyAddress,
  KeyMessage,
  LeasedMessage,
  RefusedMessage,
  RenewMessage,
  ReportMessage,
} from "./messages.ts";
import { ERROR_TEXT_MAX } from "./message_size.ts";
import { type Grant, isGrant, isVersion, sameGrant, type Version } from "./version.ts";

const OPERATION = {
  report: 1,
  renew: 2,
  ask: 3,
  acknowledge: 4,
  writeBack: 5,
  dropped: 6,
  confirmed: 7,
  refused: 8,
  recall: 9,
  granted: 10,
  leased: 11,
  renewed: 12,
  denied: 13,
  delayed: 14,
} as const;

const WISHES: readonly Wish[] = ["shared", "owned"];
const KEEPS: readonly Keeps[] = ["owned", "shared", "nothing"];
const REPORTED: readonly Reported["kind"][] = ["owned", "shared", "owed"];

/** The last one that a date can name. */
const TIME_MAX_MS = 8.64e15;

type Fields = readonly unknown[];

/** @returns what `decodeMessage` reads */
export function encodeMessage(message: CacheMessage): Fields {
  const operation = OPERATION[message.kind];
  switch (message.kind) {
    case "renew": {
      const leases = message.leases.map((
        { partition, term, session },
      ) => [partition, term, session]);
      return [operation, message.serial, leases];
    }
    case "report": {
      const { partition, term, serial, lines } = message;
      return [operation, partition, term, serial, lines.map(encodeReported)];
    }
    case "leased": {
      const { partition, term, serial, session, isRebuilt, timeMs, outcomes } = message;
      const rows = outcomes.map(encodeMessage);
      return [operation, partition, term, serial, session, isRebuilt, timeMs, rows];
    }
    case "renewed": {
      const { partition, term, serial, session, isLeased, isRebuilt, timeMs } = message;
      return [operation, partition, term, serial, session, isLeased, isRebuilt, timeMs];
    }
    default: {
      const { partition, term, key } = message;
      return [operation, partition, term, key, ...encodeRest(message)];
    }
  }
}

function encodeRest(message: KeyMessage): Fields {
  switch (message.kind) {
    case "ask": {
      const { session, request, wish, holds } = message;
      return [session, request, WISHES.indexOf(wish), encodeGrant(holds)];
    }
    case "acknowledge": {
      const { grant, kept, held, dirty } = message;
      return [encodeGrant(grant), kept, held, encodeContent(dirty)];
    }
    case "writeBack": {
      const { session, grant, keeps, content } = message;
      return [session, encodeGrant(grant), KEEPS.indexOf(keeps), encodeContent(content)];
    }
    case "dropped":
      return [encodeGrant(message.grant)];
    case "denied":
      return [message.request, ...encodeError(message.error)];
    case "delayed":
      return encodeError(message.error);
    case "confirmed":
    case "refused":
      return [encodeGrant(message.grant), encodeVersion(message.version)];
    case "recall":
      return [encodeGrant(message.grant), message.to === "S"];
    case "granted": {
      const { request, grant, state, content } = message;
      return [request, encodeGrant(grant), state === "S", encodeContent(content)];
    }
  }
}

function encodeReported({ key, line }: ReportMessage["lines"][number]): Fields {
  const fields = [key, REPORTED.indexOf(line.kind), encodeGrant(line.grant)];
  return line.kind === "owed" ? [...fields, encodeVersion(line.version), line.hasCopy] : fields;
}

function encodeGrant(grant: Grant | null): Fields | null {
  return grant === null ? null : [grant.term, grant.counter];
}

function encodeVersion(version: Version | null): Fields | null {
  return version === null ? null : [version.term, version.counter, version.write];
}

function encodeContent(content: Content | null): Fields | null {
  if (content === null) return null;
  return [encodeVersion(content.version), content.value, content.expiresMs];
}

/** @returns null for what this version does not know, or what is out of its bounds */
export function decodeMessage(body: unknown): CacheMessage | null {
  if (!Array.isArray(body)) return null;
  if (body[0] === OPERATION.renew) return decodeRenew(body[1], body[2]);
  const [operation, partition, term, ...rest] = body as Fields;
  if (!isPartition(partition) || !isCount(term)) return null;
  const address = { partition, term };
  switch (operation) {
    case OPERATION.report:
      return decodeReport(address, rest);
    case OPERATION.leased:
      return decodeLeased(address, rest);
    case OPERATION.renewed: {
      const [serial, session, isLeased, isRebuilt, timeMs] = rest;
      if (!isCount(serial) || !isCount(session) || !isCount(timeMs)) return null;
      if (!isFlag(isLeased) || !isFlag(isRebuilt)) return null;
      return { kind: "renewed", ...address, serial, session, isLeased, isRebuilt, timeMs };
    }
    default: {
      const [key, ...fields] = rest;
      return isCacheKey(key) ? decodeRest(operation, { ...address, key }, fields) : null;
    }
  }
}

function decodeRenew(serial: unknown, rows: unknown): RenewMessage | null {
  if (!isCount(serial) || !Array.isArray(rows) || rows.length > LIMITS.groupsMax) return null;
  const leases: RenewMessage["leases"][number][] = [];
  for (const row of rows) {
    if (!isVersion(row) || !isPartition(row[0])) return null;
    leases.push({ partition: row[0], term: row[1], session: row[2] });
  }
  return { kind: "renew", serial, leases };
}

function decodeReport(address: Address, [serial, rows]: Fields): ReportMessage | null {
  if (!isCount(serial) || !Array.isArray(rows)) return null;
  const lines: ReportMessage["lines"][number][] = [];
  for (const row of rows) {
    if (!Array.isArray(row)) return null;
    const [key, place, grant, version, hasCopy] = row as Fields;
    const kind = typeof place === "number" ? REPORTED[place] : undefined;
    if (!isCacheKey(key) || kind === undefined || !isGrant(grant)) return null;
    const named = { grant: grantFrom(grant) };
    if (kind !== "owed") lines.push({ key, line: { kind, ...named } });
    else if (!isVersion(version) || !isFlag(hasCopy)) return null;
    else {
      const owed = { kind, ...named, version: versionFrom(version), hasCopy } as const;
      if (!isWriteUnder(owed.grant, owed)) return null;
      lines.push({ key, line: owed });
    }
  }
  return { kind: "report", ...address, serial, lines };
}

function decodeLeased(address: Address, fields: Fields): LeasedMessage | null {
  const [serial, session, isRebuilt, timeMs, rows] = fields;
  if (!isCount(serial) || !isCount(session) || !isCount(timeMs)) return null;
  if (!isFlag(isRebuilt) || !Array.isArray(rows)) return null;
  const outcomes: (ConfirmedMessage | RefusedMessage)[] = [];
  for (const row of rows) {
    const outcome = decodeOutcome(row);
    if (outcome === null) return null;
    outcomes.push(outcome);
  }
  return { kind: "leased", ...address, serial, session, isRebuilt, timeMs, outcomes };
}

/** Nothing else is looked into, so that nobody's nesting is followed. */
function decodeOutcome(row: unknown): ConfirmedMessage | RefusedMessage | null {
  const isOutcome = Array.isArray(row) &&
    (row[0] === OPERATION.confirmed || row[0] === OPERATION.refused);
  const decoded = isOutcome ? decodeMessage(row) : null;
  return decoded?.kind === "confirmed" || decoded?.kind === "refused" ? decoded : null;
}

function decodeRest(operation: unknown, address: KeyAddress, fields: Fields): KeyMessage | null {
  switch (operation) {
    case OPERATION.ask: {
      const [session, request, place, holds] = fields;
      const wish = typeof place === "number" ? WISHES[place] : undefined;
      if (!isCount(session) || !isCount(request) || wish === undefined) return null;
      if (holds !== null && !isGrant(holds)) return null;
      const held = holds === null ? null : grantFrom(holds);
      return { kind: "ask", ...address, session, request, wish, holds: held };
    }
    case OPERATION.writeBack: {
      const [session, grant, place, fieldsOfContent] = fields;
      const keeps = typeof place === "number" ? KEEPS[place] : undefined;
      const content = decodeWritten(fieldsOfContent);
      if (!isCount(session) || !isGrant(grant) || keeps === undefined || !content) return null;
      if (!isWriteUnder(grantFrom(grant), content)) return null;
      return { kind: "writeBack", ...address, session, grant: grantFrom(grant), keeps, content };
    }
    case OPERATION.granted: {
      const [request, grant, isShared, fieldsOfContent] = fields;
      const content = fieldsOfContent === null ? null : decodeContent(fieldsOfContent);
      if (!isCount(request) || !isGrant(grant) || !isFlag(isShared)) return null;
      if (content === undefined) return null;
      const state = isShared ? "S" : "E";
      return { kind: "granted", ...address, request, grant: grantFrom(grant), state, content };
    }
    case OPERATION.denied:
      return decodeDenied(address, fields);
    case OPERATION.delayed: {
      const error = decodeError(fields[0], fields[1]);
      return error === null ? null : { kind: "delayed", ...address, error };
    }
    default:
      return isGrant(fields[0])
        ? decodeOfGrant(operation, { ...address, grant: grantFrom(fields[0]) }, fields.slice(1))
        : null;
  }
}

/** Peers of an earlier version say no more than that. */
function decodeDenied(
  address: KeyAddress,
  [request, code = null, text]: Fields,
): DeniedMessage | null {
  if (!isCount(request)) return null;
  const error = code === null ? null : decodeError(code, text);
  if (code !== null && error === null) return null;
  return { kind: "denied", ...address, request, error };
}

function encodeError(error: SkeinError | null): Fields {
  return error === null ? [] : [error.code, error.message.slice(0, ERROR_TEXT_MAX)];
}

function decodeError(code: unknown, text: unknown): SkeinError | null {
  if (typeof code !== "string" || !Object.hasOwn(ERROR_STATUS, code)) return null;
  if (typeof text !== "string" || text.length > ERROR_TEXT_MAX) return null;
  return new SkeinError(code as ErrorCode, text);
}

function decodeOfGrant(
  operation: unknown,
  address: KeyAddress & { readonly grant: Grant },
  fields: Fields,
): KeyMessage | null {
  const [first, second, third] = fields;
  switch (operation) {
    case OPERATION.acknowledge: {
      const dirty = third === null ? null : decodeWritten(third);
      if (!isFlag(first) || !isFlag(second) || dirty === undefined) return null;
      if (dirty !== null && !isWriteUnder(address.grant, dirty)) return null;
      return { kind: "acknowledge", ...address, kept: first, held: second, dirty };
    }
    case OPERATION.dropped:
      return { kind: "dropped", ...address };
    case OPERATION.confirmed:
      return isVersion(first)
        ? { kind: "confirmed", ...address, version: versionFrom(first) }
        : null;
    case OPERATION.refused:
      if (first !== null && !isVersion(first)) return null;
      return { kind: "refused", ...address, version: first === null ? null : versionFrom(first) };
    case OPERATION.recall:
      return isFlag(first) ? { kind: "recall", ...address, to: first ? "S" : "I" } : null;
    default:
      return null;
  }
}

/** @returns undefined for what is none */
function decodeContent(fields: unknown): Content | undefined {
  if (!Array.isArray(fields)) return undefined;
  const [version, value, expiresMs] = fields as Fields;
  if (version !== null && !isVersion(version)) return undefined;
  if (expiresMs !== null && !(isCount(expiresMs) && expiresMs <= TIME_MAX_MS)) return undefined;
  if (value !== null && !(value instanceof Uint8Array)) return undefined;
  if ((version === null) !== (value === null)) return undefined;
  if (value !== null && value.length > LIMITS.bodyBytesMax) return undefined;
  const kept = value === null ? null : ownBytes(value);
  return { version: version === null ? null : versionFrom(version), value: kept, expiresMs };
}

/** What a peer writes has the grant under which it writes in its version: no later grant's name is used up. */
function isWriteUnder(grant: Grant, { version }: Pick<Written, "version">): boolean {
  return version.write > 0 && sameGrant(version, grant);
}

/** What is kept for long must not keep a whole frame, of which it is a view. */
function ownBytes(view: Uint8Array): Uint8Array {
  return view.length * 2 < view.buffer.byteLength ? view.slice() : view;
}

function decodeWritten(fields: unknown): Written | undefined {
  const content = decodeContent(fields);
  if (content === undefined || content.version === null || content.value === null) return undefined;
  return { version: content.version, value: content.value, expiresMs: content.expiresMs };
}

function grantFrom([term, counter]: readonly [number, number]): Grant {
  return { term, counter };
}

function versionFrom([term, counter, write]: readonly [number, number, number]): Version {
  return { term, counter, write };
}

/** One that some cluster may have: whoever hears of a partition keeps a place for it. */
function isPartition(value: unknown): value is number {
  return isCount(value) && value > 0 && value < LIMITS.groupsMax;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isFlag(value: unknown): value is boolean {
  return typeof value === "boolean";
}
