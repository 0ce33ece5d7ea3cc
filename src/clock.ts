/**
 * Time, as the edge hands it in. Only `src/peer/` builds the real one and only the simulator builds a
 * virtual one; everything between takes this interface, so that a whole cluster runs from one seed.
 */

/** A timer that was started; `cancel` is idempotent, and a cancelled timer never fires. */
export interface Timer {
  cancel(): void;
}

/** A moment on both clocks of one machine. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export interface Clock {
  /** Milliseconds on a clock that never goes back. Its zero means nothing. May have a fraction. */
  monotonicMs(): number;
  /** Milliseconds since 1970. A hint for people; nothing that must be right rests on it. */
  wallMs(): number;
  /** Calls `fire` once after `delayMs`. The timer does not keep the process alive. */
  timer(delayMs: number, fire: () => void): Timer;
}

export function momentOf(clock: Pick<Clock, "monotonicMs" | "wallMs">): Moment {
  return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
}
