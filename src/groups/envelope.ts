/**
 * The payload of a `command` entry: which machine is meant, under which request id, and the command's body.
 * msgpack `[machine, request, body]`; a tick, by which only time passes, is `[null, null, null]`. A request is
 * null, `[principal, id]` or `[session, bootId, sequence, lowestOpen]`. Encoded once by the proposer, stored
 * and sent as bytes, decoded only by apply. This form is in every log: it may grow, but never change.
 */
import { decode, encode } from "../codec/msgpack.ts";
import type { RequestKey } from "./groups.ts";

export type Envelope =
  | { readonly kind: "tick" }
  | {
    readonly kind: "command";
    readonly machine: string;
    readonly request: RequestKey | null;
    readonly body: unknown;
  };

const TICK: Envelope = { kind: "tick" };

/** The payload of an entry by which only time passes. */
export const TICK_PAYLOAD: Uint8Array = encode([null, null, null]);

/**
 * @param machine the name of the machine that shall apply it
 * @param request null where a retry need not be told from a new command
 * @param body what the machine's `decode` takes: any msgpack-able value
 */
export function encodeEnvelope(
  machine: string,
  request: RequestKey | null,
  body: unknown,
): Uint8Array {
  return encode([machine, request === null ? null : requestFields(request), body]);
}

function requestFields(request: RequestKey): readonly unknown[] {
  return request.kind === "caller"
    ? [request.principal, request.id]
    : [request.session, request.bootId, request.sequence, request.lowestOpen];
}

/**
 * @param payload bytes of an entry, perhaps of another version of this program
 * @returns null where this version cannot read them
 */
export function decodeEnvelope(payload: Uint8Array): Envelope | null {
  const decoded = decode(payload);
  if (!decoded.ok || !Array.isArray(decoded.value) || decoded.value.length !== 3) return null;
  const [machine, fields, body] = decoded.value;
  if (machine === null) return TICK;
  if (typeof machine !== "string") return null;
  const request = fields === null ? null : requestOf(fields);
  if (request === undefined) return null;
  return { kind: "command", machine, request, body };
}

function requestOf(fields: unknown): RequestKey | undefined {
  if (!Array.isArray(fields)) return undefined;
  const [first, second, sequence, lowestOpen] = fields;
  if (typeof first !== "string" || typeof second !== "string") return undefined;
  if (fields.length === 2) return { kind: "caller", principal: first, id: second };
  if (fields.length !== 4 || !isCount(sequence) || !isCount(lowestOpen)) return undefined;
  return { kind: "session", session: first, bootId: second, sequence, lowestOpen };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
