/**
 * Who calls: whether the token is right, and under which request id a write runs (design, "Request
 * ids"). The principal keeps different callers' ids apart; it is a hash, so that the token never reaches
 * the replicated state. Browsers are callers too: a page from elsewhere may post to an address of this
 * machine without asking anybody, so its `Origin` must be this server itself.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { RequestKey } from "../groups/groups.ts";

/** Carries our client's request id: `session/boot/sequence/lowestOpen`. */
export const SESSION_HEADER = "skein-session";
/** Carries an id that the caller chose. Where both are given, the session counts: proxies add this one. */
export const REQUEST_ID_HEADER = "x-request-id";

const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;
const SESSION = /^([\w/-]{1,128})\/([\w-]{1,64})\/(\d{1,15})\/(\d{1,15})$/;
const BEARER = /^Bearer +(\S+)$/i;
const LOCAL_PRINCIPAL = "local";

export class Gate {
  readonly #tokenDigest: Uint8Array | null;
  /** There is one token, so one principal a peer; it is the same on every peer of the cluster. */
  readonly principal: string;

  /** @param token what callers must present; null: nothing */
  constructor(token: string | null) {
    this.#tokenDigest = token === null ? null : sha256(token);
    this.principal = this.#tokenDigest === null
      ? LOCAL_PRINCIPAL
      : `token:${this.#tokenDigest.toHex().slice(0, 16)}`;
  }

  /** @throws {SkeinError} UNAUTHORIZED, FORBIDDEN */
  admit(request: Request): void {
    if (this.#tokenDigest === null) {
      if (request.method !== "GET") refuseForeignOrigin(request);
      return;
    }
    const presented = BEARER.exec(request.headers.get("authorization") ?? "")?.[1];
    if (presented === undefined) {
      throw new SkeinError("UNAUTHORIZED", "a token is needed: Authorization: Bearer TOKEN");
    }
    // Digests are of one length, and comparing them takes the same time wherever they differ.
    if (!timingSafeEqual(sha256(presented), this.#tokenDigest)) {
      throw new SkeinError("UNAUTHORIZED", "the token is not the one of this cluster");
    }
  }
}

/**
 * @returns the id of this write, or null where the caller gave none
 * @throws {SkeinError} BAD_REQUEST
 */
export function requestKeyOf(request: Request, principal: string): RequestKey | null {
  const session = request.headers.get(SESSION_HEADER);
  if (session !== null) return parseSession(session);
  const id = request.headers.get(REQUEST_ID_HEADER);
  if (id === null) return null;
  if (!REQUEST_ID.test(id)) {
    throw new SkeinError("BAD_REQUEST", "X-Request-Id must be 1 to 128 visible ASCII characters");
  }
  return { kind: "caller", principal, id };
}

function parseSession(header: string): RequestKey {
  const match = SESSION.exec(header);
  const sequence = Number(match?.[3]);
  const lowestOpen = Number(match?.[4]);
  const isValid = match !== null && lowestOpen <= sequence &&
    sequence - lowestOpen < LIMITS.sessionOpenMax;
  if (!isValid) {
    throw new SkeinError(
      "BAD_REQUEST",
      "Skein-Session must be session/boot/sequence/lowestOpen, with at most " +
        `${LIMITS.sessionOpenMax} sequences open`,
    );
  }
  return { kind: "session", session: match[1]!, bootId: match[2]!, sequence, lowestOpen };
}

/** A name that resolves to this machine by an attacker's DNS is foreign too; hence addresses only. */
function refuseForeignOrigin(request: Request): void {
  const origin = request.headers.get("origin");
  if (origin === null) return;
  const from = URL.parse(origin);
  const isOurs = from !== null && from.host === request.headers.get("host") &&
    (from.hostname === "localhost" || /^[\d.]+$|^\[/.test(from.hostname));
  if (!isOurs) {
    throw new SkeinError("FORBIDDEN", `pages from ${JSON.stringify(origin)} may not write here`);
  }
}

function sha256(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
