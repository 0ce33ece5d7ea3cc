/**
 * Counts what is under way, requests that have no answer yet or bodies that are still written, and so knows when there
 * are too many, and when none is left.
 */
import { assert } from "../assert.ts";
import { SkeinError } from "../errors.ts";

export class InFlight {
  readonly #countMax: number;
  readonly #what: string;
  #count = 0;
  #emptied: PromiseWithResolvers<void> | null = null;

  /**
   * @param countMax past it further ones are refused
   * @param what they are, behind a number
   */
  constructor(countMax: number, what: string) {
    this.#countMax = countMax;
    this.#what = what;
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
      throw new SkeinError("TOO_MANY_REQUESTS", `${this.#count} ${this.#what} already`);
    }
    this.#count += 1;
  }

  leave(): void {
    assert(this.#count > 0, "what leaves has entered");
    this.#count -= 1;
    if (this.#count > 0 || this.#emptied === null) return;
    this.#emptied.resolve();
    this.#emptied = null;
  }

  /** Resolves when nothing is under way. */
  emptied(): Promise<void> {
    if (this.#count === 0) return Promise.resolve();
    this.#emptied ??= Promise.withResolvers<void>();
    return this.#emptied.promise;
  }
}
