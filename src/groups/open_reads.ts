/**
 * Reads of one group that are not answered yet: those that wait to share the next question to the core,
 * those whose question is under way, and those that have their index and wait until it is applied. Each is
 * settled exactly once.
 */
import { assert } from "../assert.ts";
import type { Refusal } from "../raft/ready.ts";

export type ReadResult =
  | { readonly kind: "index"; readonly index: number }
  | { readonly kind: "refused"; readonly refusal: Refusal };

type SettleRead = (result: ReadResult) => void;

interface ApplyWaiter {
  readonly index: number;
  readonly settle: (reached: boolean) => void;
}

export class OpenReads {
  #waiting: SettleRead[] = [];
  readonly #rounds = new Map<number, readonly SettleRead[]>();
  #nextContext = 1;
  #awaitingApply: ApplyWaiter[] = [];

  add(settle: SettleRead): void {
    this.#waiting.push(settle);
  }

  /** @param ask puts one question for all that wait now; its context comes back in `answered` */
  ask(ask: (context: number) => { readonly ok: true } | Refusal): void {
    if (this.#waiting.length === 0) return;
    const readers = this.#waiting;
    this.#waiting = [];
    const context = this.#nextContext++;
    const result = ask(context);
    if (result.ok) this.#rounds.set(context, readers);
    else for (const settle of readers) settle({ kind: "refused", refusal: result });
  }

  answered(context: number, result: ReadResult): void {
    const readers = this.#rounds.get(context);
    assert(readers !== undefined, `read context ${context} is answered once`);
    this.#rounds.delete(context);
    for (const settle of readers) settle(result);
  }

  awaitApply(index: number, settle: (reached: boolean) => void): void {
    this.#awaitingApply.push({ index, settle });
  }

  /** Everything up to `index` is applied. */
  applied(index: number): void {
    if (this.#awaitingApply.length === 0) return;
    const waiting = this.#awaitingApply;
    this.#awaitingApply = [];
    for (const waiter of waiting) {
      if (waiter.index <= index) waiter.settle(true);
      else this.#awaitingApply.push(waiter);
    }
  }

  /** The replica has ended. */
  end(refusal: Refusal): void {
    const readers = [...this.#waiting, ...[...this.#rounds.values()].flat()];
    const waiters = this.#awaitingApply;
    this.#waiting = [];
    this.#rounds.clear();
    this.#awaitingApply = [];
    for (const settle of readers) settle({ kind: "refused", refusal });
    for (const { settle } of waiters) settle(false);
  }
}
