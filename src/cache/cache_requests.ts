/**
 * What callers may ask of the cache, checked where it comes in, so that each gets an error that names the field. Homes
 * check the same bounds again, because they trust no sender.
 */
import { SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { GetRequest, PutRequest } from "./cache.ts";
import { isCacheKey } from "./commands.ts";

/** @throws {SkeinError} INVALID unless it is a key of 1 to 1,024 bytes without control characters */
export function checkKey(key: string): void {
  if (isCacheKey(key) && key.isWellFormed() && !CONTROL_CHARACTER.test(key)) return;
  const bounds = `1 to ${LIMITS.ringKeyBytesMax} bytes of UTF-8 without control characters`;
  throw invalid("key", `must have ${bounds}`);
}

/** C0, DEL and C1. */
// deno-lint-ignore no-control-regex
const CONTROL_CHARACTER = /[\x00-\x1f\x7f-\x9f]/;

/** @throws {SkeinError} INVALID */
export function checkGet({ key, waitMs, fillTtlMs }: GetRequest): void {
  checkKey(key);
  checkSpan("wait", waitMs, 0, LIMITS.cacheWaitMaxMs);
  if (fillTtlMs === null) return;
  checkSpan("fill_ttl", fillTtlMs, LIMITS.cacheTtlMinMs, LIMITS.cacheTtlMaxMs);
}

/**
 * What a put must have beside its key.
 * @throws {SkeinError} INVALID, PAYLOAD_TOO_LARGE
 */
export function checkWrite({ data, ttlMs }: Pick<PutRequest, "data" | "ttlMs">): void {
  if (data.length > LIMITS.bodyBytesMax) {
    const most = `at most ${LIMITS.bodyBytesMax} bytes`;
    throw new SkeinError("PAYLOAD_TOO_LARGE", `value: must have ${most}, not ${data.length}`);
  }
  if (ttlMs !== null) checkSpan("ttl", ttlMs, LIMITS.cacheTtlMinMs, LIMITS.cacheTtlMaxMs);
}

/** Group time counts whole milliseconds: whoever uses a span rounds it. */
function checkSpan(field: string, ms: number, minMs: number, maxMs: number): void {
  const rounded = Math.round(ms);
  if (rounded >= minMs && rounded <= maxMs) return;
  throw invalid(field, `must be ${minMs / 1000} to ${maxMs / 1000} seconds, not ${ms / 1000}`);
}

function invalid(field: string, what: string): SkeinError {
  return new SkeinError("INVALID", `${field}: ${what}`, { field });
}
