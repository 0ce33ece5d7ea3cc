/**
 * MurmurHash3 x86-32 with seed 0 of a text's UTF-8 bytes: the hash of the ring, chosen because it is well
 * known, spreads well and is short enough to be written again in any language. It keeps nobody out: who may
 * choose keys can choose where they lie.
 *
 * Most keys are ASCII, whose bytes are the text's own units, so those are hashed without being encoded.
 */

const C1 = 0xcc9e2d51;
const C2 = 0x1b873593;
/** A unit above this is more than one byte of UTF-8. */
const ASCII_MAX = 0x7f;
const encoder = new TextEncoder();

/**
 * @param text a lone surrogate counts as U+FFFD, as in every encoding of it
 * @returns an integer in 0 .. 2^32 - 1
 */
export function murmur3(text: string): number {
  const { length } = text;
  const blocksEnd = length & ~3;
  let hash = 0;
  for (let at = 0; at < blocksEnd; at += 4) {
    const first = text.charCodeAt(at);
    const second = text.charCodeAt(at + 1);
    const third = text.charCodeAt(at + 2);
    const fourth = text.charCodeAt(at + 3);
    if ((first | second | third | fourth) > ASCII_MAX) return hashBytes(encoder.encode(text));
    hash = mixBlock(hash, first | (second << 8) | (third << 16) | (fourth << 24));
  }
  let tail = 0;
  for (let at = length - 1; at >= blocksEnd; at--) {
    const unit = text.charCodeAt(at);
    if (unit > ASCII_MAX) return hashBytes(encoder.encode(text));
    tail = (tail << 8) | unit;
  }
  return finish(hash, tail, length);
}

function hashBytes(bytes: Uint8Array): number {
  const { length } = bytes;
  const blocksEnd = length & ~3;
  let hash = 0;
  for (let at = 0; at < blocksEnd; at += 4) {
    const block = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) |
      (bytes[at + 3]! << 24);
    hash = mixBlock(hash, block);
  }
  let tail = 0;
  for (let at = length - 1; at >= blocksEnd; at--) tail = (tail << 8) | bytes[at]!;
  return finish(hash, tail, length);
}

/** @param block four bytes, the first one lowest */
function mixBlock(hash: number, block: number): number {
  const mixed = hash ^ scramble(block);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

function scramble(block: number): number {
  const product = Math.imul(block, C1);
  return Math.imul((product << 15) | (product >>> 17), C2);
}

/** @param tail the bytes behind the last whole block; none are 0, which changes nothing */
function finish(hash: number, tail: number, lengthBytes: number): number {
  let mixed = hash ^ scramble(tail) ^ lengthBytes;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
