/**
 * The term of every entry of the log, whether or not the entry is in memory, as a list of spans: terms
 * change rarely, so a log of millions of entries needs a handful. The table covers `baseIndex` (the
 * position before the first entry, with its own term) up to `lastIndex`, both included.
 */
import { assert } from "../assert.ts";
import type { TermSpan } from "./entry.ts";

export class TermTable {
  #baseIndex: number;
  #baseTerm: number;
  #lastIndex: number;
  /** In order of index and of term; the last one reaches to `#lastIndex`. */
  #spans: TermSpan[];

  /**
   * @param baseIndex the position before the first entry
   * @param baseTerm its term
   * @param spans the terms of all entries after it, in order
   * @param lastIndex the last entry, or `baseIndex`
   */
  constructor(baseIndex: number, baseTerm: number, spans: readonly TermSpan[], lastIndex: number) {
    this.#baseIndex = baseIndex;
    this.#baseTerm = baseTerm;
    this.#lastIndex = lastIndex;
    this.#spans = [...spans];
    this.checkInvariants();
  }

  get baseIndex(): number {
    return this.#baseIndex;
  }

  get baseTerm(): number {
    return this.#baseTerm;
  }

  get lastIndex(): number {
    return this.#lastIndex;
  }

  get lastTerm(): number {
    return this.#spans[this.#spans.length - 1]?.term ?? this.#baseTerm;
  }

  /** @returns the term of this position, or null where the table does not reach */
  term(index: number): number | null {
    if (index < this.#baseIndex || index > this.#lastIndex) return null;
    const spans = this.#spans;
    for (let at = spans.length - 1; at >= 0; at--) {
      if (spans[at]!.firstIndex <= index) return spans[at]!.term;
    }
    return this.#baseTerm;
  }

  /**
   * The last position, at or before `index`, whose term is at most `term`: all later ones can not match a
   * log that has `term` there. Never before the base.
   */
  lastAtMost(index: number, term: number): number {
    let candidate = Math.min(index, this.#lastIndex);
    for (let at = this.#spans.length - 1; at >= 0; at--) {
      const span = this.#spans[at]!;
      if (span.firstIndex > candidate) continue;
      if (span.term <= term) return candidate;
      candidate = span.firstIndex - 1;
    }
    return Math.max(candidate, this.#baseIndex);
  }

  /** The position behind the last becomes an entry of this term. */
  push(term: number): void {
    assert(term >= this.lastTerm, `term ${term} behind an entry of term ${this.lastTerm}`);
    this.#lastIndex++;
    if (this.#spans.length === 0 || term > this.lastTerm) {
      this.#spans.push({ firstIndex: this.#lastIndex, term });
    }
  }

  /** Forgets this entry and all after it. */
  truncateFrom(index: number): void {
    assert(index > this.#baseIndex, `truncation from ${index} reaches the base ${this.#baseIndex}`);
    while (this.#spans.length > 0 && this.#spans[this.#spans.length - 1]!.firstIndex >= index) {
      this.#spans.pop();
    }
    this.#lastIndex = Math.min(this.#lastIndex, index - 1);
  }

  /** The log now begins after `index`, which it holds. */
  advanceBase(index: number): void {
    const term = this.term(index);
    assert(term !== null, `base ${index} outside ${this.#baseIndex}..${this.#lastIndex}`);
    let kept = 0;
    while (kept + 1 < this.#spans.length && this.#spans[kept + 1]!.firstIndex <= index + 1) kept++;
    this.#spans.splice(0, kept);
    const first = this.#spans[0];
    if (index === this.#lastIndex) this.#spans.length = 0;
    else if (first !== undefined && first.firstIndex <= index) {
      this.#spans[0] = { firstIndex: index + 1, term: first.term };
    }
    this.#baseIndex = index;
    this.#baseTerm = term;
  }

  /** Everything is void; the log begins after this position. */
  reset(index: number, term: number): void {
    this.#baseIndex = index;
    this.#baseTerm = term;
    this.#lastIndex = index;
    this.#spans.length = 0;
  }

  checkInvariants(): void {
    let index = this.#baseIndex;
    let term = this.#baseTerm;
    for (const [at, span] of this.#spans.entries()) {
      assert(span.firstIndex > index, `span at ${span.firstIndex} is not behind ${index}`);
      assert(span.term > term || at === 0, `span of term ${span.term} behind term ${term}`);
      assert(span.term >= term, `span of term ${span.term} behind term ${term}`);
      index = span.firstIndex;
      term = span.term;
    }
    const first = this.#spans[0]?.firstIndex ?? this.#baseIndex + 1;
    assert(first === this.#baseIndex + 1, `first span at ${first}, base ${this.#baseIndex}`);
    assert(
      this.#spans.length === 0 ? this.#lastIndex === this.#baseIndex : this.#lastIndex >= index,
      `last index ${this.#lastIndex} does not fit the spans`,
    );
  }
}
