/** The runtime's own time. The only file that reads it; everything else is handed a `Clock`. */
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
