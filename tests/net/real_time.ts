/** The real clock for tests of the edge, and waiting for conditions in place of sleeping. */
import { limitMs } from "../speed_limit.ts";
import type { Clock, Timer } from "../../src/clock.ts";

export const REAL_CLOCK: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  timer(delayMs: number, fire: () => void): Timer {
    const id = setTimeout(fire, delayMs);
    Deno.unrefTimer(id);
    return { cancel: () => clearTimeout(id) };
  },
};

/** The real clock, but a second passes in a fraction of one. */
export function fasterClock(factor: number): Clock {
  return {
    monotonicMs: () => performance.now() * factor,
    wallMs: () => Date.now(),
    timer: (delayMs, fire) => REAL_CLOCK.timer(delayMs / factor, fire),
  };
}

/**
 * Resolves as soon as the condition holds.
 * @param what named in the error when it does not hold in time
 */
export async function until(
  condition: () => boolean,
  what: string,
  timeoutMs = 10_000,
): Promise<void> {
  const deadline = performance.now() + limitMs(timeoutMs);
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
