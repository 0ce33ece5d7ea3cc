/**
 * `deno bench -A bench/ring_bench.ts`: the hash, building a ring, looking keys up on it, and placing
 * partitions. One iteration is as many operations as its name says.
 */
import { murmur3 } from "../src/ring/murmur3.ts";
import { placePartitions } from "../src/ring/placement.ts";
import { Ring, type RingPeer } from "../src/ring/ring.ts";

const REPEATS = 1_000;

function peersOf(count: number, zones = 1): RingPeer[] {
  return Array.from({ length: count }, (_, number) => ({
    id: `id-${number}`,
    name: `peer-${number}`,
    zone: `zone-${number % zones}`,
    weight: 1,
  }));
}

/** Results go here, so that nothing is optimised away. */
let sink = 0;

const encoder = new TextEncoder();
const KEYS = [
  ["a key of 12 characters", "queue:orders"],
  ["a key of 100 characters", "k".repeat(100)],
  ["a key of 100 characters that are not ASCII", "ü".repeat(100)],
] as const;
for (const [name, key] of KEYS) {
  Deno.bench(`hash ${name} × ${REPEATS}`, { group: "hash" }, () => {
    for (let count = 0; count < REPEATS; count++) sink ^= murmur3(key);
  });
  Deno.bench(`only encode ${name} × ${REPEATS}`, { group: "hash" }, () => {
    for (let count = 0; count < REPEATS; count++) sink ^= encoder.encode(key).length;
  });
}

const hashes = Array.from({ length: REPEATS }, (_, number) => murmur3(`key-${number}`));
for (const count of [3, 10, 64]) {
  const ring = new Ring(peersOf(count));
  const zoned = new Ring(peersOf(count, 3));
  const group = `${count} peers`;
  Deno.bench(`build a ring of ${count} peers`, { group }, () => {
    sink ^= new Ring(ring.peers).owners;
  });
  Deno.bench(`owner among ${count} peers × ${REPEATS}`, { group }, () => {
    for (const hash of hashes) sink ^= ring.ownerOf(hash)!.weight;
  });
  Deno.bench(`three of ${count} peers × ${REPEATS}`, { group }, () => {
    for (const hash of hashes) sink ^= ring.preferenceList(hash, 3).length;
  });
  Deno.bench(`three of ${count} peers in three zones × ${REPEATS}`, { group }, () => {
    for (const hash of hashes) sink ^= zoned.preferenceList(hash, 3).length;
  });
  for (const partitions of [16, 4_095]) {
    for (const replicas of [1, 3]) {
      Deno.bench(
        `place ${partitions} partitions on ${replicas} of ${count} peers`,
        { group },
        () => {
          sink ^= placePartitions({ ring, partitions, replicas }).length;
        },
      );
    }
  }
}
