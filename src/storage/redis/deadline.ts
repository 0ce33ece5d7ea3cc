/**
 * Waiting for no longer than a while, by a clock that is handed in: what comes later is not waited for, though it may
 * come all the same.
 */
import type { Clock } from "../../clock.ts";

/** @throws {Error} by rejection, "it timed out", where the promise is not settled in time */
export async function within<T>(clock: Clock, timeoutMs: number, promise: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = clock.timer(timeoutMs, () => late.reject(new Error("it timed out")));
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    timer.cancel();
  }
}
