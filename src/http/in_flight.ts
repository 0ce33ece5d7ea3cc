/**
 * Counts the requests that have no answer yet, and so knows when there are too many, and when the last one is
 * done. Once draining began, new ones are refused; those that came before are waited for.
 */
import { assert } from "../assert.ts";
import { SkeinError } from "../errors.ts";

export class InFlight {
  readonly #countMax: number;
  readonly #drained = Promise.withResolvers<void>();
  #count = 0;
  #draining = false;

  /** @param countMax past it requests are refused */
  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * Counts one more; `leave` must follow.
   * @throws {SkeinError} SHUTTING_DOWN, TOO_MANY_REQUESTS; then it was not counted
   */
  enter(): void {
    if (this.#draining) throw new SkeinError("SHUTTING_DOWN", "this peer is about to stop");
    if (this.#count >= this.#countMax) {
      throw new SkeinError("TOO_MANY_REQUESTS", `${this.#count} requests are in flight already`);
    }
    this.#count += 1;
  }

  leave(): void {
    assert(this.#count > 0, "a request leaves that entered");
    this.#count -= 1;
    if (this.#draining && this.#count === 0) this.#drained.resolve();
  }

  /** Refuses from now on what comes. @returns resolves when the last request is answered */
  drain(): Promise<void> {
    this.#draining = true;
    if (this.#count === 0) this.#drained.resolve();
    return this.#drained.promise;
  }
}
