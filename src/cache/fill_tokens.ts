/**
 * Who computes a value that nobody has: at the home, one token a key. The first caller in the cluster that misses gets
 * it; the others wait until it was filled or the token is over, and then look again. In memory: a new home gives a new
 * token, so a value may be computed twice, and `put` with a token that is over is refused. Time is handed in.
 */

interface Token {
  readonly token: string;
  readonly peer: string;
  readonly endsMs: number;
  readonly waiters: Set<number>;
}

export type FillAnswer =
  | { readonly kind: "token"; readonly token: string }
  /** The caller is told by its number (see `woken`). */
  | { readonly kind: "wait" }
  /** Too many tokens, or too many that wait. */
  | { readonly kind: "full" };

export interface FillLimits {
  readonly tokensMax: number;
  readonly waitersMax: number;
}

export class FillTokens {
  readonly #limits: FillLimits;
  readonly #tokens = new Map<string, Token>();
  #waiters = 0;

  constructor(limits: FillLimits) {
    this.#limits = limits;
  }

  /** How many callers wait. */
  get waiting(): number {
    return this.#waiters;
  }

  /**
   * A caller missed this key.
   * @param caller a number of its own, and the peer whose lease it lives by
   * @param token what it gets, if it is the first: a text that nobody guesses or meets again
   */
  want(
    key: string,
    caller: { readonly number: number; readonly peer: string },
    token: string,
    endsMs: number,
  ): FillAnswer {
    const found = this.#tokens.get(key);
    if (found === undefined) {
      if (this.#tokens.size >= this.#limits.tokensMax) return { kind: "full" };
      this.#tokens.set(key, { token, peer: caller.peer, endsMs, waiters: new Set() });
      return { kind: "token", token };
    }
    if (this.#waiters >= this.#limits.waitersMax) return { kind: "full" };
    if (!found.waiters.has(caller.number)) this.#waiters++;
    found.waiters.add(caller.number);
    return { kind: "wait" };
  }

  /** Whether this token is the key's, and not over. */
  isValid(key: string, token: string, nowMs: number): boolean {
    const found = this.#tokens.get(key);
    return found !== undefined && found.token === token && nowMs < found.endsMs;
  }

  /** The value was put, or the token is given back. @returns the callers that look again */
  settled(key: string, token: string): readonly number[] {
    const found = this.#tokens.get(key);
    return found?.token === token ? this.#end(key, found) : [];
  }

  /** This caller waits no longer. */
  left(key: string, caller: number): void {
    if (this.#tokens.get(key)?.waiters.delete(caller) === true) this.#waiters--;
  }

  /** The lease of this peer is over. @returns the callers that look again */
  ended(peer: string): readonly number[] {
    return this.#endAll((token) => token.peer === peer);
  }

  /** @returns the callers whose token is over by now, and that look again */
  over(nowMs: number): readonly number[] {
    return this.#endAll((token) => token.endsMs <= nowMs);
  }

  #endAll(isOver: (token: Token) => boolean): readonly number[] {
    const woken: number[] = [];
    for (const [key, token] of [...this.#tokens]) {
      if (isOver(token)) woken.push(...this.#end(key, token));
    }
    return woken;
  }

  #end(key: string, token: Token): readonly number[] {
    this.#tokens.delete(key);
    this.#waiters -= token.waiters.size;
    return [...token.waiters];
  }
}
