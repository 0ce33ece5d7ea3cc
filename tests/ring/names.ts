/** Peers for tests of the ring, and names as people and programs give them. */
import type { Random } from "../../src/random.ts";
import type { RingPeer } from "../../src/ring/ring.ts";

/** A peer whose id is as unlike its name as real ones are. */
export function peerOf(name: string, changes: Partial<RingPeer> = {}): RingPeer {
  return { id: `id of ${[...name].reverse().join("")}`, name, zone: "", weight: 1, ...changes };
}

/** The name of the peer of this number, from 1, in the patterns that people use. */
export const NAME_PATTERNS: readonly ((number: number) => string)[] = [
  (number) => `peer-${number}`,
  (number) => `peer-${number - 1}`,
  (number) => `node${number}`,
  (number) => `node-0${number}`,
  (number) => `skein-${number - 1}`,
  (number) => `${number}`,
  (number) => String.fromCharCode(96 + number),
  (number) => `127.0.0.1:${8_000 + number}`,
  (number) => `10.0.0.${number}:8001`,
  (number) => `worker-${number}.example.com`,
];

export function namesOf(pattern: (number: number) => string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => pattern(index + 1));
}

export function randomNames(random: Random, count: number): string[] {
  const names = new Set<string>();
  while (names.size < count) {
    names.add(`${random.uint32().toString(36)}${random.uint32().toString(36)}`);
  }
  return [...names];
}
