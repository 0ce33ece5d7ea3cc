/**
 * What becomes of an exception that a handler throws, which none should: it is logged, and nobody else is
 * hurt. A failed assertion is thrown again outside of every handler, so that it stops the peer.
 */
import { AssertionError } from "../assert.ts";
import type { Logger } from "../logger.ts";

/** @param what could not be handled because of it */
export function reportHandlerBug(logger: Logger, error: unknown, what: string): void {
  logger.log("error", `could not handle ${what}: ${String(error)}`);
  if (!(error instanceof AssertionError)) return;
  queueMicrotask(() => {
    throw error;
  });
}
