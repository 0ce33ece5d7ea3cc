/**
 * The outer form of a group's snapshot: a sequence of frames, each a u32 length (of what follows it), a u8
 * section and the section's bytes. Storage and transport may cut the stream anywhere; reading puts frames
 * together again, so that each section gets its chunks cut as it gave them. A last frame of section
 * `END_SECTION` tells a whole stream from one that was cut short.
 */
import { assert } from "../assert.ts";

export const END_SECTION = 255;

const LENGTH_BYTES = 4;
const HEAD_BYTES = LENGTH_BYTES + 1;

export interface SnapshotFrame {
  readonly section: number;
  readonly bytes: Uint8Array;
}

/** @returns the frame's bytes as they go into the stream */
export function frameOf(section: number, bytes: Uint8Array): Uint8Array {
  const frame = new Uint8Array(HEAD_BYTES + bytes.length);
  new DataView(frame.buffer).setUint32(0, 1 + bytes.length);
  frame[LENGTH_BYTES] = section;
  frame.set(bytes, HEAD_BYTES);
  return frame;
}

/**
 * @param pieces the stream, cut anywhere
 * @returns all frames but the last, empty one
 */
export function* readFrames(
  pieces: Iterable<Uint8Array>,
): Generator<SnapshotFrame, void, undefined> {
  const stream = new ByteStream(pieces);
  for (;;) {
    const head = stream.take(HEAD_BYTES);
    const length = new DataView(head.buffer, head.byteOffset).getUint32(0);
    assert(length >= 1, "a frame of a snapshot has a section");
    const section = head[LENGTH_BYTES]!;
    const bytes = stream.take(length - 1);
    if (section === END_SECTION) break;
    yield { section, bytes };
  }
  assert(stream.ended, "nothing follows the last frame of a snapshot");
}

/** Takes exact numbers of bytes from pieces of any length. */
class ByteStream {
  readonly #pieces: Iterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array(0);
  #at = 0;

  constructor(pieces: Iterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.iterator]();
  }

  get ended(): boolean {
    return !this.#fill();
  }

  /** @returns a view where one piece holds it all, else a copy */
  take(length: number): Uint8Array {
    this.#fill();
    if (this.#piece.length - this.#at >= length) {
      this.#at += length;
      return this.#piece.subarray(this.#at - length, this.#at);
    }
    const bytes = new Uint8Array(length);
    for (let filled = 0; filled < length;) {
      assert(this.#fill(), `a snapshot is whole: ${length - filled} bytes are missing`);
      const part = this.#piece.subarray(this.#at, this.#at + length - filled);
      bytes.set(part, filled);
      filled += part.length;
      this.#at += part.length;
    }
    return bytes;
  }

  /** @returns false at the end of the stream */
  #fill(): boolean {
    while (this.#at === this.#piece.length) {
      const step = this.#pieces.next();
      if (step.done === true) return false;
      this.#piece = step.value;
      this.#at = 0;
    }
    return true;
  }
}
