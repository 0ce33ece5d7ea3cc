/**
 * What was written and is in no packet yet: chunks in order, cut into packets without regard to where one
 * ends. The bytes are the writer's until they are copied into a packet.
 */

const COMPACT_CHUNKS_MIN = 64;

export class SendBuffer {
  #chunks: Uint8Array[] = [];
  #head = 0;
  /** Of the first chunk, already in packets. */
  #offset = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /** Bytes that were taken come first again. */
  putBack(chunks: readonly Uint8Array[]): void {
    const rest = this.#chunks.slice(this.#head);
    if (rest.length > 0) rest[0] = rest[0]!.subarray(this.#offset);
    this.#chunks = [];
    this.#head = 0;
    this.#offset = 0;
    this.#bytes = 0;
    for (const chunk of chunks) this.push(chunk);
    for (const chunk of rest) this.push(chunk);
  }

  /** Moves bytes into the target from `at` on. @param count at most as many as there are */
  take(target: Uint8Array, at: number, count: number): void {
    this.#bytes -= count;
    const end = at + count;
    while (at < end) {
      const chunk = this.#chunks[this.#head]!;
      const part = Math.min(end - at, chunk.length - this.#offset);
      target.set(chunk.subarray(this.#offset, this.#offset + part), at);
      at += part;
      this.#offset += part;
      if (this.#offset === chunk.length) this.#dropFirst();
    }
  }

  clear(): void {
    this.#chunks.length = 0;
    this.#head = 0;
    this.#offset = 0;
    this.#bytes = 0;
  }

  #dropFirst(): void {
    this.#chunks[this.#head++] = EMPTY;
    this.#offset = 0;
    if (this.#head === this.#chunks.length) {
      this.#chunks.length = 0;
      this.#head = 0;
    } else if (this.#head >= COMPACT_CHUNKS_MIN && this.#head * 2 >= this.#chunks.length) {
      this.#chunks.splice(0, this.#head);
      this.#head = 0;
    }
  }
}

const EMPTY = new Uint8Array(0);
