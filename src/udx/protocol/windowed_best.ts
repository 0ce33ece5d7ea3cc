/**
 * The best value of a window that moves: the largest bandwidth of ten rounds, the smallest round trip of
 * some minutes. The window is cut into ten slots, of which each keeps its best, so that it costs ten numbers
 * whatever comes; a value is forgotten with its slot.
 */

const SLOTS = 10;

export class WindowedBest {
  readonly #best: number[] = new Array(SLOTS).fill(NaN);
  readonly #better: (left: number, right: number) => number;
  readonly #slotLength: number;
  #slot = 0;
  #value: number;
  readonly #none: number;

  /**
   * @param better of two values, such as Math.max
   * @param windowLength in the unit of the times that `add` is given
   * @param none the value as long as there is no other
   */
  constructor(
    better: (left: number, right: number) => number,
    windowLength: number,
    none: number,
  ) {
    this.#better = better;
    this.#slotLength = windowLength / SLOTS;
    this.#none = none;
    this.#value = none;
  }

  get value(): number {
    return this.#value;
  }

  /** @param time never before an earlier call's */
  add(time: number, value: number): void {
    const slot = Math.floor(time / this.#slotLength);
    if (slot !== this.#slot) {
      const passed = Math.min(SLOTS, slot - this.#slot);
      for (let back = 0; back < passed; back++) this.#best[(slot - back) % SLOTS] = NaN;
      this.#slot = slot;
      this.#value = this.#best.reduce(
        (best, other) => Number.isNaN(other) ? best : this.#better(best, other),
        this.#none,
      );
    }
    const before = this.#best[slot % SLOTS]!;
    this.#best[slot % SLOTS] = Number.isNaN(before) ? value : this.#better(before, value);
    this.#value = this.#better(this.#value, value);
  }
}
