/**
 * How long a caller is served: until its signal is aborted, or until a limit that is set once it is known.
 * It owns its timer and its listener; whoever makes one closes it.
 */
import type { Clock, Timer } from "../clock.ts";
import { SkeinError } from "../errors.ts";

export class Patience {
  /** Never resolves. Rejects with the signal's reason, or OUTCOME_UNKNOWN at the limit. */
  readonly ended: Promise<never>;
  readonly #clock: Clock;
  readonly #signal: AbortSignal | null;
  readonly #reject: (reason: unknown) => void;
  readonly #onAbort: () => void;
  #timer: Timer | null = null;

  constructor(clock: Clock, signal: AbortSignal | null) {
    const { promise, reject } = Promise.withResolvers<never>();
    this.ended = promise;
    this.#reject = reject;
    this.#clock = clock;
    this.#signal = signal;
    this.#onAbort = () => reject(signal?.reason);
    signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** @param limitMs from now */
  limit(limitMs: number): void {
    this.#timer = this.#clock.timer(limitMs, () => {
      const message = "how the wait ended is not known at this peer";
      this.#reject(new SkeinError("OUTCOME_UNKNOWN", message));
    });
  }

  close(): void {
    this.#timer?.cancel();
    this.#signal?.removeEventListener("abort", this.#onAbort);
  }
}
