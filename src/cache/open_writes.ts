/**
 * How many write-backs of each key are on their way to what lies behind a home, and who waits until there is none: what a
 * home does to a key by itself comes behind them.
 */

export class OpenWrites {
  readonly #open = new Map<string, number>();
  readonly #waiting = new Map<string, (() => void)[]>();

  /** One more is on its way. */
  opened(key: string): void {
    this.#open.set(key, (this.#open.get(key) ?? 0) + 1);
  }

  /** One is done. */
  closed(key: string): void {
    const open = this.#open.get(key)! - 1;
    if (open > 0) return void this.#open.set(key, open);
    this.#open.delete(key);
    const calls = this.#waiting.get(key) ?? [];
    this.#waiting.delete(key);
    for (const call of calls) call();
  }

  /** Calls back, perhaps at once, when none of the key is on its way. */
  whenNone(key: string, call: () => void): void {
    if (!this.#open.has(key)) return call();
    this.#waiting.set(key, [...this.#waiting.get(key) ?? [], call]);
  }

  /** Nobody is called any more. */
  end(): void {
    this.#waiting.clear();
  }
}
