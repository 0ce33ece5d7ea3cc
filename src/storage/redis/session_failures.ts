/**
 * What it means for a store that Redis refused something: whether it passes, whether another process has the state, or
 * Redis has forgotten what it had confirmed, and what is said of it.
 */
import { StorageFailedError, StorageTakenError } from "../storage.ts";
import type { RedisAddress } from "./redis_address.ts";
import { redisReason } from "./redis_client.ts";
import type { RedisKeys } from "./redis_keys.ts";
import { REFUSAL } from "./scripts.ts";

/** Whose store it is, as far as its owner knows. */
export interface OwnedStore {
  readonly address: RedisAddress;
  readonly keys: RedisKeys;
  readonly fence: string;
}

/** A server that starts, a failover under way, answers that an earlier loss has made wrong. */
const PASSING = /\b(?:LOADING|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|READONLY|NOSCRIPT|SKEINORDER)\b/;

const FENCE_FOUND = new RegExp(`\\b${REFUSAL.fence} the fence is (\\d+|false)`);

/** Whether it is worth trying again over another connection. */
export function passes(refusal: Error): boolean {
  return PASSING.test(refusal.message);
}

export function failureOf(refusal: Error, store: OwnedStore): StorageFailedError {
  const [, fence] = FENCE_FOUND.exec(refusal.message) ?? [];
  if (fence !== undefined) return otherFence(fence, store);
  if (refusal.message.includes(REFUSAL.length)) {
    const reason = `what this peer wrote to Redis was changed by somebody else: ${refusal.message}`;
    return new StorageFailedError(reason, { cause: refusal });
  }
  return new StorageFailedError(redisReason(store.address, refusal), { cause: refusal });
}

/**
 * A greater one is another process's. One that is less, or none, is that of a state that went back.
 * @param found what Redis has in place of the owner's
 */
export function otherFence(found: string, { keys, fence }: OwnedStore): StorageFailedError {
  if (Number(found) > Number(fence)) {
    return new StorageTakenError(
      `another process has taken over the state of this peer in Redis (${keys.state}); ` +
        "two peers need two names (--name)",
    );
  }
  return new StorageFailedError(
    `Redis was rolled back: it had the fence ${fence} of this peer's, and has ` +
      `${Number(found) || "none"}`,
  );
}

/** @param batch what Redis has, beyond all that was sent */
export function unsentBatch(batch: number, sent: number): StorageFailedError {
  return new StorageFailedError(
    `what this peer wrote to Redis was changed by somebody else: batch ${sent} is the last that ` +
      `it sent, and Redis has ${batch}`,
  );
}

/** @param batch what Redis has; NaN where it has none */
export function rolledBackReason(batch: number, confirmed: number): string {
  const found = Number.isNaN(batch) ? "nothing" : `batch ${batch}`;
  return `Redis was rolled back: it had confirmed batch ${confirmed} of this peer's, and has ${found}`;
}
