/** What a test's caller asks of the lock service, where it says nothing else: an exclusive try-lock. */
import type { AcquireRequest } from "../../src/locks/locks.ts";

export function asked(
  resource: string,
  owner: string,
  more: Partial<AcquireRequest> = {},
): AcquireRequest {
  const rest = {
    mode: "exclusive",
    waitMs: 0,
    ttlMs: 10_000,
    request: null,
    signal: null,
  } as const;
  return { resource, owner, ...rest, ...more };
}
