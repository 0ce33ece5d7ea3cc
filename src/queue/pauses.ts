/**
 * Waiting for time to pass, in work that goes on for long: it ends early when its caller has gone, and all of it when
 * the peer is about to stop.
 */
import type { Clock } from "../clock.ts";

export class Pauses {
  readonly #clock: Clock;
  readonly #wake = new Set<(reason: unknown) => void>();
  #ended: { readonly reason: unknown } | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * @param delayMs how long, from now
   * @throws the signal's reason, or that of `end`, by rejection
   */
  wait(delayMs: number, signal: AbortSignal | null): Promise<void> {
    if (this.#ended !== null) return Promise.reject(this.#ended.reason);
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const stop = () => {
      timer.cancel();
      this.#wake.delete(fail);
      signal?.removeEventListener("abort", abort);
    };
    const fail = (reason: unknown) => {
      stop();
      reject(reason);
    };
    const abort = () => fail(signal!.reason);
    const timer = this.#clock.timer(delayMs, () => {
      stop();
      resolve();
    });
    this.#wake.add(fail);
    signal?.addEventListener("abort", abort, { once: true });
    return promise;
  }

  /** Nobody waits any more. @param reason what those are told who wait, or would from now on */
  end(reason: unknown): void {
    this.#ended ??= { reason };
    for (const fail of [...this.#wake]) fail(reason);
  }
}
