/**
 * The callers of one home who want a value that nobody has: one of them computes it, the others wait until it was put,
 * or nobody computes it any more, or their patience ends. The rules are in `fill_tokens.ts`.
 */
import type { Clock, Timer } from "../clock.ts";
import { SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { FillTokens } from "./fill_tokens.ts";
import type { BeginFillQuestion, FillGrant } from "./home_question_codec.ts";

interface Waiter {
  readonly key: string;
  readonly timer: Timer;
  readonly resolve: (answer: FillGrant) => void;
  readonly reject: (error: SkeinError) => void;
}

export class HomeFills {
  readonly #clock: Clock;
  readonly #makeToken: () => string;
  readonly #tokens = new FillTokens({
    tokensMax: LIMITS.cacheFillTokensMax,
    waitersMax: LIMITS.cacheFillWaitersMax,
  });
  readonly #waiters = new Map<number, Waiter>();
  #number = 0;

  /** @param makeToken a text that nobody guesses or meets again */
  constructor(clock: Clock, makeToken: () => string) {
    this.#clock = clock;
    this.#makeToken = makeToken;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  /** @throws {SkeinError} by rejection: TOO_MANY_REQUESTS, and what `end` is told */
  begin({ key, peer, waitMs, ttlMs }: BeginFillQuestion): Promise<FillGrant> {
    this.look();
    const number = ++this.#number;
    const endsMs = this.#clock.monotonicMs() + ttlMs;
    const wanted = this.#tokens.want(key, { number, peer }, this.#makeToken(), endsMs);
    if (wanted.kind === "token") return Promise.resolve(wanted);
    if (wanted.kind === "full") {
      const message = "too many values are being computed";
      return Promise.reject(new SkeinError("TOO_MANY_REQUESTS", message));
    }
    if (waitMs <= 0) {
      this.#tokens.left(key, number);
      return Promise.resolve({ kind: "late" });
    }
    return new Promise((resolve, reject) => {
      const timer = this.#clock.timer(waitMs, () => {
        this.#waiters.delete(number);
        this.#tokens.left(key, number);
        resolve({ kind: "late" });
      });
      this.#waiters.set(number, { key, timer, resolve, reject });
    });
  }

  isValid(key: string, token: string): boolean {
    return this.#tokens.isValid(key, token, this.#clock.monotonicMs());
  }

  /** The value was put, or the token is given back. */
  settled(key: string, token: string): void {
    this.#wake(this.#tokens.settled(key, token));
  }

  /** The lease of this peer is over. */
  ended(peer: string): void {
    this.#wake(this.#tokens.ended(peer));
  }

  /** Tokens may be over by now. */
  look(): void {
    this.#wake(this.#tokens.over(this.#clock.monotonicMs()));
  }

  #wake(numbers: readonly number[]): void {
    for (const number of numbers) {
      const waiter = this.#waiters.get(number);
      if (waiter === undefined) continue;
      this.#waiters.delete(number);
      waiter.timer.cancel();
      waiter.resolve({ kind: "again" });
    }
  }

  end(error: SkeinError): void {
    for (const { timer, reject } of this.#waiters.values()) {
      timer.cancel();
      reject(error);
    }
    this.#waiters.clear();
  }
}
