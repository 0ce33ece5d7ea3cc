/**
 * Finds slots by a hash of what lies in them: open addressing with linear probing, in many small shards, each of which
 * grows by itself. So no single insertion has to rehash everything. Hashes lie beside the slots: only
 * records whose whole hash is the same are looked at. The order of slots in it means nothing.
 */
import { assert } from "../assert.ts";
import { NONE } from "./record_pages.ts";

const SHARD_BITS = 8;
const SHARDS = 1 << SHARD_BITS;
const SHARD_SHIFT = 32 - SHARD_BITS;
const SHARD_SIZE_MIN = 8;

interface Shard {
  /** Slot + 1, 0 being empty, and its hash. A power of two of such pairs, at most three quarters in use. */
  pairs: Int32Array;
  count: number;
}

export class SlotIndex {
  readonly #shards: (Shard | null)[] = new Array(SHARDS).fill(null);

  /**
   * @param hash 32 bits, well mixed, at least above the lowest few
   * @returns the first slot that was added with this hash and for which `isIt` holds, or NONE
   */
  find(hash: number, isIt: (slot: number) => boolean): number {
    const shard = this.#shards[hash >>> SHARD_SHIFT]!;
    if (shard === null) return NONE;
    const { pairs } = shard;
    const mask = pairs.length - 1;
    const wanted = hash | 0;
    for (let at = (2 * hash) & mask; pairs[at] !== 0; at = (at + 2) & mask) {
      if (pairs[at + 1] === wanted && isIt(pairs[at]! - 1)) return pairs[at]! - 1;
    }
    return NONE;
  }

  /** The slot must not be in the index. */
  add(hash: number, slot: number): void {
    let shard = this.#shards[hash >>> SHARD_SHIFT]!;
    if (shard === null) {
      shard = { pairs: new Int32Array(2 * SHARD_SIZE_MIN), count: 0 };
      this.#shards[hash >>> SHARD_SHIFT] = shard;
    }
    if (8 * (shard.count + 1) > 3 * shard.pairs.length) resize(shard, 2 * shard.pairs.length);
    put(shard.pairs, hash, slot);
    shard.count++;
  }

  /** @param hash with which it was added */
  remove(hash: number, slot: number): void {
    const shard = this.#shards[hash >>> SHARD_SHIFT]!;
    assert(shard !== null, `slot ${slot} is in the index`);
    const { pairs } = shard;
    const mask = pairs.length - 1;
    let at = (2 * hash) & mask;
    while (pairs[at] !== slot + 1) {
      assert(pairs[at] !== 0, `slot ${slot} is in the index`);
      at = (at + 2) & mask;
    }
    closeGap(pairs, at);
    shard.count--;
    if (shard.count === 0) this.#shards[hash >>> SHARD_SHIFT] = null;
    else if (16 * shard.count < pairs.length) resize(shard, pairs.length >>> 1);
  }

  clear(): void {
    this.#shards.fill(null);
  }

  /** Throws an AssertionError if it does not hold so many slots, each where it is found. */
  checkInvariants(count: number, hashOf: (slot: number) => number): void {
    let found = 0;
    for (const shard of this.#shards) {
      if (shard === null) continue;
      const { pairs, count } = shard;
      let inShard = 0;
      for (let at = 0; at < pairs.length; at += 2) {
        if (pairs[at] === 0) continue;
        inShard++;
        const slot = pairs[at]! - 1;
        const hash = hashOf(slot);
        assert(this.find(hash, (other) => other === slot) === slot, `slot ${slot} is found`);
      }
      assert(inShard === count, "a shard counts its slots");
      found += inShard;
    }
    assert(found === count, `the index holds ${count} slots, here ${found}`);
  }
}

function put(pairs: Int32Array, hash: number, slot: number): void {
  const mask = pairs.length - 1;
  let at = (2 * hash) & mask;
  while (pairs[at] !== 0) at = (at + 2) & mask;
  pairs[at] = slot + 1;
  pairs[at + 1] = hash;
}

/** Moves back what probing would no longer reach over the gap. */
function closeGap(pairs: Int32Array, gap: number): void {
  const mask = pairs.length - 1;
  for (let at = (gap + 2) & mask; pairs[at] !== 0; at = (at + 2) & mask) {
    const home = (2 * pairs[at + 1]!) & mask;
    if (((at - home) & mask) < ((at - gap) & mask)) continue;
    pairs[gap] = pairs[at]!;
    pairs[gap + 1] = pairs[at + 1]!;
    gap = at;
  }
  pairs[gap] = 0;
}

function resize(shard: Shard, length: number): void {
  if (length < 2 * SHARD_SIZE_MIN) return;
  const pairs = new Int32Array(length);
  const { pairs: former } = shard;
  for (let at = 0; at < former.length; at += 2) {
    if (former[at] !== 0) put(pairs, former[at + 1]!, former[at]! - 1);
  }
  shard.pairs = pairs;
}

/** @returns a hash of an integer in 0 .. 2^53 - 1 (the finish of MurmurHash3) */
export function mixNumber(number: number): number {
  return finish((number | 0) ^ Math.imul((number / 0x1_0000_0000) | 0, 0x85ebca6b));
}

/** Neighbours whose pairs fill one line of a processor's cache: 64 bytes. A power of two. */
const NEIGHBOURS = 8;

/**
 * @returns as `mixNumber`, but neighbours lie side by side in the index: numbers that are used one after the other, as
 * those of messages are, then cost one access to memory together
 */
export function mixNearby(number: number): number {
  const group = mixNumber(Math.floor(number / NEIGHBOURS));
  return group & -NEIGHBOURS | number & (NEIGHBOURS - 1);
}

/** @returns a hash of a text and a number */
export function mixText(text: string, number: number): number {
  let hash = number ^ 0x9747b28c;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x5bd1e995);
    hash ^= hash >>> 15;
  }
  return finish(hash ^ text.length);
}

/** Mixed also in its lowest bits: `2 * hash` is where probing begins. */
function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
