/**
 * Randomness from a seed (sfc32, Chris Doty-Humphrey, PractRand 2010), for everything whose behaviour a
 * seed must replay: election timeouts, jitter, the simulator's faults. Not for secrets.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** @param seed any integers; each is taken modulo 2^32. Equal seeds give equal sequences. */
  constructor(...seed: readonly number[]) {
    this.#a = (seed[0] ?? 0) | 0;
    this.#b = (seed[1] ?? 0x9e3779b9) | 0;
    this.#c = (seed[2] ?? 0x243f6a88) | 0;
    for (let round = 0; round < 12; round++) this.uint32();
  }

  /** An integer in 0 .. 2^32 - 1. */
  uint32(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum | 0;
    return sum >>> 0;
  }

  /** A number in [0, 1). */
  fraction(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  /** An integer in `min` .. `max`, both included. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.fraction() * (max - min + 1));
  }

  /** True with this probability (0 .. 1). */
  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** One element of a list that is not empty. */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError("cannot pick from an empty list");
    return items[this.integer(0, items.length - 1)]!;
  }
}
