/**
 * A running digest of everything that happened in a simulation, so that two runs can be compared by 64
 * bits. Not for secrets: two FNV-1a hashes over the same words, from different starts.
 */
export class TraceHash {
  #low = 0x811c9dc5 | 0;
  #high = 0x01234567 | 0;
  readonly #number = new Float64Array(1);
  readonly #words = new Uint32Array(this.#number.buffer);

  number(value: number): void {
    this.#number[0] = value;
    this.#mix(this.#words[0]!);
    this.#mix(this.#words[1]!);
  }

  text(value: string): void {
    for (let place = 0; place < value.length; place++) this.#mix(value.charCodeAt(place));
  }

  bytes(value: Uint8Array): void {
    for (let place = 0; place < value.length; place++) this.#mix(value[place]!);
  }

  /** 16 hex digits. */
  digest(): string {
    const hex = (word: number) => (word >>> 0).toString(16).padStart(8, "0");
    return hex(this.#high) + hex(this.#low);
  }

  #mix(word: number): void {
    this.#low = Math.imul(this.#low ^ word, 0x01000193);
    this.#high = Math.imul(this.#high ^ word ^ (this.#low >>> 15), 0x85ebca6b);
  }
}
