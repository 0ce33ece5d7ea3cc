/**
 * Linearizable reads without a log entry (Raft dissertation, section 6.4). Reads wait for the next
 * heartbeat round, all that came since the last one together, and may be answered once a majority has
 * echoed that round: then nobody else led when it began. Bounded in number.
 */
import { assert } from "../assert.ts";
import type { ReadState } from "./ready.ts";

interface Round {
  readonly round: number;
  /** The commit index as the round began. */
  readonly index: number;
  readonly contexts: readonly number[];
}

export class ReadRounds {
  readonly #readsMax: number;
  #waiting: number[] = [];
  readonly #rounds: Round[] = [];
  #count = 0;

  /** @param readsMax how many reads may wait, in whatever round */
  constructor(readsMax: number) {
    this.#readsMax = readsMax;
  }

  get isFull(): boolean {
    return this.#count >= this.#readsMax;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Whether reads wait for a round to begin. */
  get wantsRound(): boolean {
    return this.#waiting.length > 0;
  }

  /** Takes a read that came now. */
  add(context: number): void {
    assert(!this.isFull, "a read past the bound");
    this.#waiting.push(context);
    this.#count++;
  }

  /** A heartbeat round begins now: it will answer for all reads that came before it. */
  begin(round: number, commitIndex: number): void {
    if (this.#waiting.length === 0) return;
    this.#rounds.push({ round, index: commitIndex, contexts: this.#waiting });
    this.#waiting = [];
  }

  /** A majority echoed this round, and so confirms all before it. */
  confirm(round: number, release: (read: ReadState) => void): void {
    let done = 0;
    while (done < this.#rounds.length && this.#rounds[done]!.round <= round) {
      const { index, contexts } = this.#rounds[done]!;
      for (const context of contexts) release({ context, index });
      this.#count -= contexts.length;
      done++;
    }
    if (done > 0) this.#rounds.splice(0, done);
  }

  /** Leadership is lost. @returns the contexts of all reads that waited */
  drain(): readonly number[] {
    const lost = this.#rounds.flatMap(({ contexts }) => contexts).concat(this.#waiting);
    this.#rounds.length = 0;
    this.#waiting = [];
    this.#count = 0;
    return lost;
  }
}
