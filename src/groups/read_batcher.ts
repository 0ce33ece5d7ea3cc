/**
 * Many readers, one question to the leader. A read may only use a round that began after it was asked
 * for; so whoever comes while a round is under way shares the next one. Pure but for the promise that it
 * is given.
 */
type Settle = { readonly resolve: () => void; readonly reject: (reason: unknown) => void };

export class ReadBatcher {
  readonly #round: () => Promise<void>;
  #waiting: Settle[] = [];
  #running = false;

  /** @param round one linearizable read: resolves when state that is new enough is applied here */
  constructor(round: () => Promise<void>) {
    this.#round = round;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Resolves after a round that began at or after this call; rejects as that round did. */
  join(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push({ resolve, reject });
    if (!this.#running) this.#start();
    return promise;
  }

  #start(): void {
    this.#running = true;
    const readers = this.#waiting;
    this.#waiting = [];
    const finish = (settle: (reader: Settle) => void) => {
      this.#running = false;
      if (this.#waiting.length > 0) this.#start();
      for (const reader of readers) settle(reader);
    };
    this.#round().then(
      () => finish((reader) => reader.resolve()),
      (reason) => finish((reader) => reader.reject(reason)),
    );
  }
}
