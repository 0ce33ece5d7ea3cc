/**
 * What says which event one is: 128 bits of the digest of its id. The peer that an event comes to makes them once, the
 * replicas only compare them. Two ids of a topic that are told apart by nobody else are told apart by these: among n ids
 * two are alike with a probability of n² / 2^129, which is 10^-25 for 5,000,000 and 10^-19 for 5,000,000,000, and
 * nobody can make two of them alike on purpose.
 */
import { blake2s } from "./blake2s.ts";

export const IDENTITY_BYTES = 16;
export const IDENTITY_WORDS = IDENTITY_BYTES / 4;

/**
 * Writes one identity among others.
 * @param bytes the id in UTF-8 is `bytes[from]` up to `bytes[to - 1]`
 */
export function writeIdentity(
  into: Uint8Array,
  place: number,
  bytes: Uint8Array,
  from: number,
  to: number,
): void {
  const digest = blake2s(bytes, from, to);
  for (let word = 0, at = IDENTITY_BYTES * place; word < IDENTITY_WORDS; word++) {
    const value = digest[word]!;
    into[at++] = value & 0xff;
    into[at++] = (value >>> 8) & 0xff;
    into[at++] = (value >>> 16) & 0xff;
    into[at++] = value >>> 24;
  }
}

/** One of the words of the identity at this place. */
export function identityWord(identities: Uint8Array, place: number, word: number): number {
  const at = IDENTITY_BYTES * place + 4 * word;
  return identities[at]! | identities[at + 1]! << 8 | identities[at + 2]! << 16 |
    identities[at + 3]! << 24;
}
