/**
 * The bytes of a leader's proposals that are not committed yet, bounded, so that a group without a
 * majority does not fill memory. A leader that has nothing uncommitted takes one batch of any size, or a
 * batch above the bound could never be proposed.
 */
import { assert } from "../assert.ts";

interface Batch {
  readonly lastIndex: number;
  readonly bytes: number;
}

export class Uncommitted {
  readonly #bytesMax: number;
  readonly #batches: Batch[] = [];
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  hasRoom(bytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= this.#bytesMax;
  }

  add(lastIndex: number, bytes: number): void {
    assert(this.hasRoom(bytes), `${bytes} bytes of proposals past the bound`);
    this.#batches.push({ lastIndex, bytes });
    this.#bytes += bytes;
  }

  /** Everything up to `index` is committed. */
  release(index: number): void {
    let done = 0;
    while (done < this.#batches.length && this.#batches[done]!.lastIndex <= index) {
      this.#bytes -= this.#batches[done]!.bytes;
      done++;
    }
    if (done > 0) this.#batches.splice(0, done);
  }
}
