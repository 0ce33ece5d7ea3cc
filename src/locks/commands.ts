/**
 * The commands of the locks machine, and their form in an envelope: arrays that begin with an operation
 * number. The form is in every log, so numbers and places never change; new fields come at the end.
 * Decoding checks everything: what another version, or a faulty peer, proposed is invalid on every replica
 * alike, and never reaches the rules.
 */
import type { Attachment } from "../groups/machine.ts";
import { LIMITS } from "../limits.ts";
import type { LockMode } from "./locks.ts";

export interface AcquireCommand {
  readonly kind: "acquire";
  readonly resource: string;
  readonly owner: string;
  readonly mode: LockMode;
  readonly waitMs: number;
  readonly ttlMs: number;
  readonly attachment: Attachment;
}

export interface ReleaseCommand {
  readonly kind: "release";
  readonly resource: string;
  readonly owner: string;
  /** Null: whatever this owner holds. */
  readonly token: number | null;
}

export interface RenewCommand {
  readonly kind: "renew";
  readonly resource: string;
  readonly owner: string;
  readonly token: number | null;
  /** Null: as long as was asked for at acquire. */
  readonly ttlMs: number | null;
}

/** Nobody can receive the answer of the acquire that was sent under this attachment. */
export interface CancelCommand {
  readonly kind: "cancel";
  readonly resource: string;
  readonly owner: string;
  readonly attachment: Attachment;
}

/** This run of a peer is over: nobody there can receive anything any more. */
export interface DetachCommand {
  readonly kind: "detach";
  readonly peer: string;
  readonly bootId: string;
}

export type LockCommand =
  | AcquireCommand
  | ReleaseCommand
  | RenewCommand
  | CancelCommand
  | DetachCommand;

const OPERATION = { acquire: 1, release: 2, renew: 3, cancel: 4, detach: 5 } as const;

/** @returns the body of an envelope, which `decodeLockCommand` reads */
export function encodeLockCommand(command: LockCommand): readonly unknown[] {
  const operation = OPERATION[command.kind];
  switch (command.kind) {
    case "acquire": {
      const { resource, owner, mode, waitMs, ttlMs, attachment } = command;
      const exclusive = mode === "exclusive";
      const { peer, bootId, serial } = attachment;
      return [operation, resource, owner, exclusive, waitMs, ttlMs, peer, bootId, serial];
    }
    case "release":
      return [operation, command.resource, command.owner, command.token];
    case "renew":
      return [operation, command.resource, command.owner, command.token, command.ttlMs];
    case "cancel": {
      const { peer, bootId, serial } = command.attachment;
      return [operation, command.resource, command.owner, peer, bootId, serial];
    }
    case "detach":
      return [operation, command.peer, command.bootId];
  }
}

/** @returns null for what this version does not know, or what is out of its bounds */
export function decodeLockCommand(body: unknown): LockCommand | null {
  if (!Array.isArray(body)) return null;
  switch (body[0]) {
    case OPERATION.acquire:
      return decodeAcquire(body);
    case OPERATION.release:
      return decodeRelease(body);
    case OPERATION.renew:
      return decodeRenew(body);
    case OPERATION.cancel:
      return decodeCancel(body);
    case OPERATION.detach:
      return decodeDetach(body);
    default:
      return null;
  }
}

function decodeAcquire(fields: readonly unknown[]): AcquireCommand | null {
  const [, resource, owner, exclusive, waitMs, ttlMs, peer, bootId, serial] = fields;
  if (!isName(resource) || !isName(owner) || typeof exclusive !== "boolean") return null;
  if (!isWithin(waitMs, 0, LIMITS.lockWaitMaxMs) || !isTtl(ttlMs)) return null;
  const attachment = attachmentOf(peer, bootId, serial);
  if (attachment === null) return null;
  const mode = exclusive ? "exclusive" : "shared";
  return { kind: "acquire", resource, owner, mode, waitMs, ttlMs, attachment };
}

function decodeRelease([, resource, owner, token]: readonly unknown[]): ReleaseCommand | null {
  if (!isName(resource) || !isName(owner) || !isToken(token)) return null;
  return { kind: "release", resource, owner, token };
}

function decodeRenew([, resource, owner, token, ttlMs]: readonly unknown[]): RenewCommand | null {
  if (!isName(resource) || !isName(owner) || !isToken(token)) return null;
  if (ttlMs !== null && !isTtl(ttlMs)) return null;
  return { kind: "renew", resource, owner, token, ttlMs };
}

function decodeCancel(fields: readonly unknown[]): CancelCommand | null {
  const [, resource, owner, peer, bootId, serial] = fields;
  const attachment = attachmentOf(peer, bootId, serial);
  if (!isName(resource) || !isName(owner) || attachment === null) return null;
  return { kind: "cancel", resource, owner, attachment };
}

function decodeDetach([, peer, bootId]: readonly unknown[]): DetachCommand | null {
  if (typeof peer !== "string" || typeof bootId !== "string") return null;
  return { kind: "detach", peer, bootId };
}

function attachmentOf(peer: unknown, bootId: unknown, serial: unknown): Attachment | null {
  if (typeof peer !== "string" || typeof bootId !== "string") return null;
  if (!isWithin(serial, 0, Number.MAX_SAFE_INTEGER)) return null;
  return { peer, bootId, serial };
}

/** Whether both name the same open request at the same run of the same peer. */
export function sameAttachment(a: Attachment, b: Attachment): boolean {
  return a !== null && a.serial === b.serial && a.bootId === b.bootId && a.peer === b.peer;
}

function isToken(value: unknown): value is number | null {
  return value === null || isWithin(value, 0, Number.MAX_SAFE_INTEGER);
}

function isTtl(value: unknown): value is number {
  return isWithin(value, LIMITS.lockTtlMinMs, LIMITS.lockTtlMaxMs);
}

function isWithin(value: unknown, min: number, max: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}

/** A name as the machine takes it; control characters are refused where the name is typed. */
export function isName(value: unknown): value is string {
  if (typeof value !== "string" || value.length === 0) return false;
  if (value.length * UTF8_BYTES_MAX <= LIMITS.nameBytesMax) return true;
  return utf8Bytes(value) <= LIMITS.nameBytesMax;
}

/** A UTF-16 unit takes at most so many bytes in UTF-8. */
const UTF8_BYTES_MAX = 3;

function utf8Bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}
