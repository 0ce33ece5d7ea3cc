/**
 * The runtime's own time. The only file of the peer that reads it: everything else is handed a `Clock`, so
 * that the simulator can put its own in the place of this one.
 */
import type { Clock, Timer } from "../clock.ts";

export const REAL_CLOCK: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  timer(delayMs: number, fire: () => void): Timer {
    const id = setTimeout(fire, delayMs);
    // What the peer waits for never keeps a process alive that has nothing else to do.
    Deno.unrefTimer(id);
    return { cancel: () => clearTimeout(id) };
  },
};
