/** Waiting for a condition, which is what tests do in place of sleeping. */
import { limitMs } from "./speed_limit.ts";

/** Tries until the check no longer throws. @throws with its last error when the time is over */
export async function eventually<T>(
  what: string,
  timeoutMs: number,
  check: () => T | Promise<T>,
): Promise<T> {
  const until = performance.now() + limitMs(timeoutMs);
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > until) throw new Error(`not in time: ${what}`, { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
