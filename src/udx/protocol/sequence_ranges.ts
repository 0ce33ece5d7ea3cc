/**
 * Which numbers past the expected one have come: disjoint ranges in rising order, which is what SACK blocks
 * say. Most numbers extend the last range, so places are looked for from the end.
 */
import { after, distance } from "./sequence.ts";

export class SequenceRanges {
  readonly #starts: number[] = [];
  /** Exclusive. */
  readonly #ends: number[] = [];

  get size(): number {
    return this.#starts.length;
  }

  start(at: number): number {
    return this.#starts[at]!;
  }

  end(at: number): number {
    return this.#ends[at]!;
  }

  /** @param sequence in none of the ranges */
  add(sequence: number): void {
    let at = this.#starts.length - 1;
    while (at >= 0 && distance(this.#starts[at]!, sequence) > 0) at--;
    const extends_ = at >= 0 && this.#ends[at] === sequence;
    const meets = this.#starts[at + 1] === after(sequence);
    if (extends_ && meets) {
      this.#ends[at] = this.#ends[at + 1]!;
      this.#starts.splice(at + 1, 1);
      this.#ends.splice(at + 1, 1);
    } else if (extends_) this.#ends[at] = after(sequence);
    else if (meets) this.#starts[at + 1] = sequence;
    else {
      this.#starts.splice(at + 1, 0, sequence);
      this.#ends.splice(at + 1, 0, after(sequence));
    }
  }

  /** Forgets every number before this one. */
  dropBefore(sequence: number): void {
    while (this.#starts.length > 0 && distance(this.#ends[0]!, sequence) <= 0) {
      this.#starts.shift();
      this.#ends.shift();
    }
    if (this.#starts.length > 0 && distance(this.#starts[0]!, sequence) < 0) {
      this.#starts[0] = sequence;
    }
  }

  clear(): void {
    this.#starts.length = 0;
    this.#ends.length = 0;
  }
}
