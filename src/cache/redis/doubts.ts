/**
 * What is on its way to or from Redis, and whether its key was changed by somebody else meanwhile: then nobody knows
 * whether what comes of it is from before or after that.
 */
export interface Doubt {
  readonly key: string;
  isCast: boolean;
  /** Resolved at its end. */
  readonly ended: PromiseWithResolvers<void>;
}

export class Doubts {
  readonly #open = new Map<string, Set<Doubt>>();

  /** Something of this key is on its way until `end`, which comes when it is known what came of it. */
  begin(key: string): Doubt {
    const doubt = { key, isCast: false, ended: Promise.withResolvers<void>() };
    const others = this.#open.get(key);
    if (others === undefined) this.#open.set(key, new Set([doubt]));
    else others.add(doubt);
    return doubt;
  }

  end(doubt: Doubt): void {
    doubt.ended.resolve();
    const others = this.#open.get(doubt.key);
    others?.delete(doubt);
    if (others?.size === 0) this.#open.delete(doubt.key);
  }

  has(key: string): boolean {
    return this.#open.has(key);
  }

  /** Resolves when all that is on its way now has come to its end. */
  async ended(key: string): Promise<void> {
    await Promise.all([...this.#open.get(key) ?? []].map(({ ended }) => ended.promise));
  }

  cast(key: string): void {
    for (const doubt of this.#open.get(key) ?? []) doubt.isCast = true;
  }

  castAll(): void {
    for (const key of this.#open.keys()) this.cast(key);
  }
}
