/**
 * Counts the requests that have no answer yet, and so knows when there are too many, and when none is left.
 */
import { assert } from "../assert.ts";
import { SkeinError } from "../errors.ts";

export class InFlight {
  readonly #countMax: number;
  #count = 0;
  #emptied: PromiseWithResolvers<void> | null = null;

  /** @param countMax past it requests are refused */
  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * Counts one more; `leave` must follow.
   * @throws {SkeinError} TOO_MANY_REQUESTS; then it was not counted
   */
  enter(): void {
    if (this.#count >= this.#countMax) {
      throw new SkeinError("TOO_MANY_REQUESTS", `${this.#count} requests are in flight already`);
    }
    this.#count += 1;
  }

  leave(): void {
    assert(this.#count > 0, "a request leaves that entered");
    this.#count -= 1;
    if (this.#count > 0 || this.#emptied === null) return;
    this.#emptied.resolve();
    this.#emptied = null;
  }

  /** Resolves when no request is in flight. */
  emptied(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    this.#emptied ??= Promise.withResolvers<void>();
    return this.#emptied.promise;
  }
}
