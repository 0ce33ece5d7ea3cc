/**
 * The two dialects in which locks are written about, brought into one form. The field `lock_name` selects the
 * second one: there an acquire is a try-lock whose lease lasts `timeout`, while in the native one `timeout` is
 * how long to wait. What a dialect does not know, it ignores.
 */
import { z } from "@hono/zod-openapi";
import { fencingTokenField, nameField, secondsField, validate } from "./fields.ts";
import { SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { LockMode } from "../locks/locks.ts";

const modeField = z.enum(["shared", "exclusive"]).default("exclusive");
const resourceField = nameField("what is locked");
const ownerField = nameField("who locks; the same owner again refreshes its lease");
const tokenField = fencingTokenField.nullable().default(null);

function leaseField(description: string) {
  return secondsField(LIMITS.lockTtlMinMs, LIMITS.lockTtlMaxMs, description).optional();
}

const NativeAcquire = z.object({
  resource: resourceField,
  owner: ownerField,
  mode: modeField,
  timeout: secondsField(0, LIMITS.lockWaitMaxMs, "how long to wait for the lock, in seconds")
    .default(0),
  ttl: leaseField("how long the lease lasts, in seconds"),
}).openapi("LockAcquire");

const SecondAcquire = z.object({
  lock_name: resourceField,
  client_id: ownerField,
  lock_type: modeField,
  timeout: leaseField("how long the lease lasts, in seconds; the lock is not waited for"),
}).openapi("LockAcquireSecondDialect");

const NativeHeld = z.object({
  resource: resourceField,
  owner: ownerField,
  fencing_token: tokenField,
})
  .openapi("LockHeld");

const SecondHeld = z.object({
  lock_name: resourceField,
  client_id: ownerField,
  fencing_token: tokenField,
}).openapi("LockHeldSecondDialect");

const NativeRenew = NativeHeld.extend({
  ttl: leaseField("the new lease from now; else as at acquire"),
})
  .openapi("LockRenew");

const SecondRenew = SecondHeld.extend({
  timeout: leaseField("the new lease from now; else as at acquire"),
}).openapi("LockRenewSecondDialect");

export const AcquireSchema = z.union([NativeAcquire, SecondAcquire]);
export const HeldSchema = z.union([NativeHeld, SecondHeld]);
export const RenewSchema = z.union([NativeRenew, SecondRenew]);

/** What every write about a lock names. */
export interface Asked {
  readonly resource: string;
  readonly owner: string;
  readonly isSecondDialect: boolean;
}

export interface AskedAcquire extends Asked {
  readonly mode: LockMode;
  readonly waitMs: number;
  /** Null: as configured. */
  readonly ttlMs: number | null;
}

export interface AskedHeld extends Asked {
  readonly fencingToken: number | null;
}

export interface AskedRenew extends AskedHeld {
  /** Null: as at acquire. */
  readonly ttlMs: number | null;
}

/** @throws {SkeinError} INVALID, BAD_REQUEST; likewise the two below */
export function readAcquire(body: Record<string, unknown>): AskedAcquire {
  if (selectsSecondDialect(body)) {
    const { lock_name, client_id, lock_type, timeout } = validate(SecondAcquire, body);
    return {
      resource: lock_name,
      owner: client_id,
      mode: lock_type,
      waitMs: 0,
      ttlMs: toMs(timeout),
      isSecondDialect: true,
    };
  }
  const { resource, owner, mode, timeout, ttl } = validate(NativeAcquire, body);
  const waitMs = Math.round(timeout * 1000);
  return { resource, owner, mode, waitMs, ttlMs: toMs(ttl), isSecondDialect: false };
}

export function readHeld(body: Record<string, unknown>): AskedHeld {
  return selectsSecondDialect(body)
    ? fromSecond(validate(SecondHeld, body))
    : fromNative(validate(NativeHeld, body));
}

export function readRenew(body: Record<string, unknown>): AskedRenew {
  if (selectsSecondDialect(body)) {
    const asked = validate(SecondRenew, body);
    return { ...fromSecond(asked), ttlMs: toMs(asked.timeout) };
  }
  const asked = validate(NativeRenew, body);
  return { ...fromNative(asked), ttlMs: toMs(asked.ttl) };
}

/** What an answer is about, in the words that it was asked with. */
export function subjectOf({ resource, owner, isSecondDialect }: Asked): Record<string, unknown> {
  return isSecondDialect ? { lock_name: resource, client_id: owner } : { resource, owner };
}

function selectsSecondDialect(body: Record<string, unknown>): boolean {
  if (!Object.hasOwn(body, "lock_name")) return false;
  if (Object.hasOwn(body, "resource")) throw bothNames();
  return true;
}

/** The error where a request names its lock in both dialects. */
export function bothNames(): SkeinError {
  return new SkeinError(
    "BAD_REQUEST",
    "resource and lock_name are two names of one field: give one",
  );
}

function fromNative({ resource, owner, fencing_token }: z.output<typeof NativeHeld>): AskedHeld {
  return { resource, owner, fencingToken: fencing_token, isSecondDialect: false };
}

function fromSecond(
  { lock_name, client_id, fencing_token }: z.output<typeof SecondHeld>,
): AskedHeld {
  return {
    resource: lock_name,
    owner: client_id,
    fencingToken: fencing_token,
    isSecondDialect: true,
  };
}

/** Group time counts whole milliseconds. */
function toMs(seconds: number | undefined): number | null {
  return seconds === undefined ? null : Math.round(seconds * 1000);
}
