/**
 * Room for packets, cut from larger pieces: a piece of memory for each packet costs more than all else that is
 * done to it. A piece lives as long as one of its packets does.
 */

const SLAB_BYTES = 65_536;

export class PacketSlab {
  #slab: Uint8Array | null = null;
  #used = 0;

  /** @returns bytes that nobody else has, with anything in them */
  take(bytes: number): Uint8Array {
    if (this.#slab === null || this.#used + bytes > this.#slab.length) {
      // A stream that says little shall not keep a whole slab.
      this.#slab = new Uint8Array(this.#slab === null ? bytes : SLAB_BYTES);
      this.#used = 0;
    }
    const packet = this.#slab.subarray(this.#used, this.#used + bytes);
    this.#used += bytes;
    return packet;
  }

  /** No more will be taken. */
  clear(): void {
    this.#slab = null;
  }
}
