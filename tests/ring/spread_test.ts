/**
 * How evenly keys lie on the ring, and which of them move. With 128 virtual nodes a peer's share has a standard
 * deviation of about 9 % of the mean, so some sets of names are less even than others; the last test says how
 * much.
 */
import { deepEqual, equal, ok } from "node:assert/strict";
import { Random } from "../../src/random.ts";
import { murmur3 } from "../../src/ring/murmur3.ts";
import { Ring } from "../../src/ring/ring.ts";
import { NAME_PATTERNS, namesOf, peerOf, randomNames } from "./names.ts";

const KEYS = 100_000;
const HASHES = Array.from({ length: KEYS }, (_, number) => murmur3(`order:${number}`));

function ringOf(names: readonly string[]): Ring {
  return new Ring(names.map((name) => peerOf(name)));
}

function ownersOf(ring: Ring): string[] {
  return HASHES.map((hash) => ring.ownerOf(hash)!.name);
}

/** How many keys the most loaded peer has, of the mean. */
function mostLoaded(owners: readonly string[], peers: number): number {
  const counts = new Map<string, number>();
  for (const owner of owners) counts.set(owner, (counts.get(owner) ?? 0) + 1);
  return Math.max(...counts.values()) * peers / owners.length;
}

for (const pattern of NAME_PATTERNS) {
  const all = namesOf(pattern, 11);
  const eleventh = all[10]!;
  Deno.test(`spread: ten peers named as ${all[0]}, and an eleventh`, () => {
    const before = ownersOf(ringOf(all.slice(0, 10)));
    const most = mostLoaded(before, 10);
    ok(most <= 1.25, `the most loaded has ${most.toFixed(3)} × the mean`);

    const after = ownersOf(ringOf(all));
    const moved = after.filter((owner, key) => owner !== before[key]);
    deepEqual(new Set(moved), new Set([eleventh]), "keys move to the new peer only");
    ok(moved.length <= 1.2 * KEYS / 11, `${moved.length} of ${KEYS} keys moved`);
    ok(moved.length >= 0.8 * KEYS / 11, `${moved.length} of ${KEYS} keys moved`);
  });
}

Deno.test("spread: removing a peer moves its keys only, and not all to one", () => {
  const random = new Random(1);
  for (let round = 0; round < 10; round++) {
    const names = randomNames(random, 10);
    const gone = random.pick(names);
    const before = ownersOf(ringOf(names));
    const after = ownersOf(ringOf(names.filter((name) => name !== gone)));
    const heirs = new Set<string>();
    for (const [key, owner] of before.entries()) {
      if (owner === gone) heirs.add(after[key]!);
      else equal(after[key], owner);
    }
    equal(heirs.size, 9);
  }
});

Deno.test("spread: over 1,000 random sets of names, nearly all are within the bounds, none far out", () => {
  const random = new Random(42);
  const sets = 1_000;
  const most: number[] = [];
  const taken: number[] = [];
  for (let set = 0; set < sets; set++) {
    const names = randomNames(random, 11);
    const ten = ringOf(names.slice(0, 10));
    most.push(10 * Math.max(...ten.peers.map((peer) => ten.shareOf(peer))));
    const eleven = ringOf(names);
    const added = eleven.peers.find(({ name }) => name === names[10])!;
    taken.push(11 * eleven.shareOf(added));
  }
  const within = (values: number[], bound: number) =>
    values.filter((value) => value <= bound).length;
  ok(within(most, 1.25) >= 0.95 * sets, `${within(most, 1.25)} of ${sets} within 1.25 × the mean`);
  ok(within(taken, 1.2) >= 0.97 * sets, `${within(taken, 1.2)} of ${sets} within 1.2 × 1/11`);
  ok(Math.max(...most) <= 1.45, `the most loaded of all has ${Math.max(...most)} × the mean`);
  ok(Math.max(...taken) <= 1.4, `the largest eleventh takes ${Math.max(...taken)} × 1/11`);
});
