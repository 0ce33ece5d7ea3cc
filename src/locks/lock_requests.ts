/**
 * What callers may ask of locks, checked where it comes in, so that each gets an error that names the field.
 * The machine checks the same bounds again (`commands.ts`), because it trusts no proposer.
 */
import { SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { isName } from "./commands.ts";
import type { HeldRequest } from "./locks.ts";

/** @throws {SkeinError} INVALID unless it is a name of 1 to 512 bytes without control characters */
export function checkName(field: "resource" | "owner", name: string): void {
  if (isName(name) && name.isWellFormed() && !hasControlCharacter(name)) return;
  throw new SkeinError(
    "INVALID",
    `${field}: must have 1 to ${LIMITS.nameBytesMax} bytes of UTF-8 without control characters`,
    { field },
  );
}

/**
 * @returns the span in whole milliseconds, which is what group time counts
 * @throws {SkeinError} INVALID where it is out of bounds
 */
export function checkSpan(field: string, ms: number, minMs: number, maxMs: number): number {
  const wholeMs = Math.round(ms);
  if (wholeMs >= minMs && wholeMs <= maxMs) return wholeMs;
  throw new SkeinError(
    "INVALID",
    `${field}: must be ${minMs / 1000} to ${maxMs / 1000} seconds, not ${ms / 1000}`,
    { field },
  );
}

/** @throws {SkeinError} INVALID naming the field that is out of bounds */
export function checkHeld({ resource, owner, fencingToken }: HeldRequest): void {
  checkName("resource", resource);
  checkName("owner", owner);
  checkToken(fencingToken);
}

function checkToken(token: number | null): void {
  if (token === null || (Number.isSafeInteger(token) && token >= 0)) return;
  throw new SkeinError("INVALID", `fencing_token: must be an integer, not ${token}`, {
    field: "fencing_token",
  });
}

/** C0, DEL and C1. */
function hasControlCharacter(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return true;
  }
  return false;
}
