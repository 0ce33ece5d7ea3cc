/**
 * BLAKE2s (RFC 7693), 256 bits without a key, in plain arithmetic: an event's id is digested once for each publish, and a
 * call into native code costs ten times what the digest of a short text does. It names events and keeps no secret; the
 * tests hold it against node:crypto's.
 */

const BLOCK_BYTES = 64;
const ROUNDS = 10;

const START = Int32Array.of(
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
);

/** Which words of the block each of a round's sixteen additions takes. */
const ORDER = Uint8Array.from([
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0],
].flat());

/** Which four words of the state each of a round's eight steps mixes: columns, then diagonals. */
const MIXED = Uint8Array.from([
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14],
].flat());

const DIGEST_BYTES = 32;
/** Of the parameter block: the digest's length, no key, no tree. */
const PARAMETERS = 0x0101_0000 | DIGEST_BYTES;

const chain = new Int32Array(8);
const state = new Int32Array(16);
const words = new Int32Array(BLOCK_BYTES / 4);

/**
 * @param bytes the message is `bytes[from]` up to `bytes[to - 1]`
 * @returns the eight words of the digest, little-endian each; good until the next call
 */
export function blake2s(bytes: Uint8Array, from: number, to: number): Int32Array {
  chain.set(START);
  chain[0]! ^= PARAMETERS;
  let at = from;
  for (; to - at > BLOCK_BYTES; at += BLOCK_BYTES) {
    takeBlock(bytes, at, at + BLOCK_BYTES);
    compress(at + BLOCK_BYTES - from, 0);
  }
  takeBlock(bytes, at, to);
  compress(to - from, -1);
  return chain;
}

/** What is left of the block is 0. */
function takeBlock(bytes: Uint8Array, from: number, to: number): void {
  words.fill(0);
  for (let at = from; at < to; at++) {
    const place = at - from;
    words[place >>> 2]! |= bytes[at]! << ((place & 3) << 3);
  }
}

/**
 * @param lengthBytes of the message up to the end of this block; below 2^32, as all arrays are
 * @param last -1 for the last block, else 0
 */
function compress(lengthBytes: number, last: 0 | -1): void {
  state.set(chain);
  state.set(START, 8);
  state[12]! ^= lengthBytes;
  state[14]! ^= last;
  for (let round = 0; round < ROUNDS; round++) {
    for (let step = 0; step < 8; step++) mix(step, 16 * round + 2 * step);
  }
  for (let place = 0; place < 8; place++) chain[place]! ^= state[place]! ^ state[place + 8]!;
}

function mix(step: number, order: number): void {
  const [a, b, c, d] = [
    MIXED[4 * step]!,
    MIXED[4 * step + 1]!,
    MIXED[4 * step + 2]!,
    MIXED[4 * step + 3]!,
  ];
  let [wordA, wordB, wordC, wordD] = [state[a]!, state[b]!, state[c]!, state[d]!];
  wordA = (wordA + wordB + words[ORDER[order]!]!) | 0;
  wordD = turned(wordD ^ wordA, 16);
  wordC = (wordC + wordD) | 0;
  wordB = turned(wordB ^ wordC, 12);
  wordA = (wordA + wordB + words[ORDER[order + 1]!]!) | 0;
  wordD = turned(wordD ^ wordA, 8);
  wordC = (wordC + wordD) | 0;
  wordB = turned(wordB ^ wordC, 7);
  state[a] = wordA;
  state[b] = wordB;
  state[c] = wordC;
  state[d] = wordD;
}

function turned(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}
