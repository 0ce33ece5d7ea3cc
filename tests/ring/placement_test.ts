import { deepEqual, equal, ok } from "node:assert/strict";
import { Random } from "../../src/random.ts";
import { murmur3 } from "../../src/ring/murmur3.ts";
import { type PartitionPlacement, placePartitions } from "../../src/ring/placement.ts";
import { leadersMax } from "../../src/ring/preferred_leaders.ts";
import { Ring, type RingPeer } from "../../src/ring/ring.ts";
import { NAME_PATTERNS, namesOf, peerOf, randomNames } from "./names.ts";

type Placements = readonly PartitionPlacement[];

function place(names: readonly string[], partitions: number, replicas = 3): Placements {
  const ring = new Ring(names.map((name) => peerOf(name)));
  return placePartitions({ ring, partitions, replicas });
}

function names(peers: readonly RingPeer[]): string[] {
  return peers.map(({ name }) => name);
}

function mostLed(placements: Placements): number {
  const counts = Map.groupBy(placements, ({ leader }) => leader!.name).values();
  return Math.max(...counts.map((led) => led.length));
}

Deno.test("placement: each partition lies where the hash of its name lies on the ring", () => {
  const ring = new Ring(["a", "b", "c", "d"].map((name) => peerOf(name)));
  const placements = placePartitions({ ring, partitions: 16, replicas: 3 });
  deepEqual(
    placements.map(({ partition }) => partition),
    Array.from({ length: 16 }, (_, at) => at + 1),
  );
  for (const { partition, hash, replicas, leader } of placements) {
    equal(hash, murmur3(`partition:${partition}`));
    deepEqual(replicas, ring.preferenceList(hash, 3));
    ok(replicas.includes(leader!));
  }
});

Deno.test("placement: as many replicas as there are peers, where there are few; none without peers", () => {
  for (const count of [1, 2, 3, 4]) {
    for (const { replicas } of place(namesOf(NAME_PATTERNS[0]!, count), 16)) {
      equal(replicas.length, Math.min(3, count));
    }
  }
  for (const { replicas, leader } of place([], 16)) deepEqual([replicas, leader], [[], null]);
});

Deno.test("placement: the order that peers come in makes no difference", () => {
  const random = new Random(1);
  const peers = randomNames(random, 9);
  const expected = place(peers, 64);
  for (let round = 0; round < 10; round++) {
    deepEqual(place([...peers].sort(() => random.fraction() - 0.5), 64), expected);
  }
});

for (const partitions of [1, 16, 64, 256, 4096]) {
  Deno.test(`placement: no peer leads more than ceil(1.25 P / peers) of ${partitions} partitions`, () => {
    const random = new Random(partitions);
    const patterns = NAME_PATTERNS.map((pattern) => namesOf(pattern, 12));
    const sets = [...patterns, ...Array.from({ length: 20 }, () => randomNames(random, 12))];
    for (const set of partitions === 4096 ? sets.slice(0, 5) : sets) {
      for (let count = 1; count <= 12; count++) {
        const placements = place(set.slice(0, count), partitions);
        const most = mostLed(placements);
        ok(
          most <= Math.ceil(1.25 * partitions / count),
          `${count} peers named as ${set[0]}: one leads ${most}`,
        );
      }
    }
  });
}

/** Changes from one placement to the next. */
function changes(before: Placements, after: Placements) {
  let replicas = 0;
  let leaders = 0;
  const arrived = new Set<string>();
  const gone = new Set<string>();
  for (const [at, { replicas: now, leader }] of after.entries()) {
    const then = before[at]!;
    const fresh = now.filter(({ id }) => !then.replicas.some((peer) => peer.id === id));
    for (const { name } of fresh) arrived.add(name);
    for (const peer of then.replicas) {
      if (!now.some(({ id }) => id === peer.id)) gone.add(peer.name);
    }
    replicas += fresh.length;
    if (leader!.id !== then.leader!.id) leaders++;
  }
  return { replicas, leaders, arrived, gone };
}

Deno.test("placement: a peer that is added gets its part of the replicas, and nothing else moves", () => {
  const random = new Random(2);
  for (const count of [3, 4, 5, 9, 10]) {
    let moved = 0;
    const rounds = 40;
    for (let round = 0; round < rounds; round++) {
      const set = randomNames(random, count + 1);
      const before = place(set.slice(0, count), 256);
      const after = place(set, 256);
      const { replicas, arrived } = changes(before, after);
      deepEqual([...arrived], [set[count]], "replicas come to the new peer only");
      for (const [at, { replicas: list }] of after.entries()) {
        // What stays keeps its order: the new peer is put in, and the last one of the old drops out.
        const rest = names(list).filter((name) => name !== set[count]);
        deepEqual(rest, names(before[at]!.replicas).slice(0, rest.length));
      }
      moved += replicas;
    }
    const part = moved / (rounds * 256 * 3) * (count + 1);
    ok(part > 0.9 && part < 1.1, `${part.toFixed(3)} × 1/${count + 1} of the replicas moved`);
  }
});

Deno.test("placement: what a removed peer had goes to others, and nothing else moves", () => {
  const random = new Random(3);
  for (let round = 0; round < 40; round++) {
    const set = randomNames(random, 10);
    const lost = random.pick(set);
    const before = place(set, 256);
    const after = place(set.filter((name) => name !== lost), 256);
    const { gone, arrived } = changes(before, after);
    deepEqual([...gone], [lost]);
    ok(arrived.size >= 5, `${arrived.size} heirs`);
  }
});

/** Of the leaders, over many sets of names, how many change when a peer is added, as a multiple of 1/n. */
function leadersChanged(partitions: number, count: number, rounds: number): number {
  const random = new Random(partitions, count);
  let changed = 0;
  for (let round = 0; round < rounds; round++) {
    const set = randomNames(random, count + 1);
    const before = place(set.slice(0, count), partitions);
    changed += changes(before, place(set, partitions)).leaders;
  }
  return changed / (rounds * partitions) * (count + 1);
}

Deno.test("placement: few leaders change with a peer that is added: the more partitions, the fewer", () => {
  // At 1 only the new peer's own partitions would change hands; that the bound becomes smaller makes more of it,
  // most where it falls from 3 to 2: 16 partitions on 9 peers, then on 10.
  for (const count of [3, 4, 5, 8, 9, 10, 12]) {
    const changed = [16, 64, 256].map((partitions) => leadersChanged(partitions, count, 60));
    ok(
      changed[0]! < (count === 9 ? 2.8 : 2),
      `of 16 partitions ${changed[0]!.toFixed(2)} × 1/${count + 1}`,
    );
    ok(changed[1]! < 1.5, `of 64 partitions ${changed[1]!.toFixed(2)} × 1/${count + 1}`);
    ok(changed[2]! < 1.2, `of 256 partitions ${changed[2]!.toFixed(2)} × 1/${count + 1}`);
  }
});

Deno.test("placement: heavier peers have and lead more, in proportion, and those of weight 0 nothing", () => {
  const random = new Random(4);
  for (let round = 0; round < 20; round++) {
    const weights = [0, 1, 1, 1, 1, 2, 2, 4];
    const peers = randomNames(random, weights.length)
      .map((name, at) => peerOf(name, { weight: weights[at]! }));
    const ring = new Ring(peers);
    const placements = placePartitions({ ring, partitions: 256, replicas: 3 });
    const ledBy = Map.groupBy(placements, ({ leader }) => leader!);
    for (const peer of peers) {
      const led = ledBy.get(peer)?.length ?? 0;
      ok(led <= leadersMax(ring, peer, 256), `${led} of a weight of ${peer.weight}`);
      equal(leadersMax(ring, peer, 256), Math.ceil(1.25 * 256 * peer.weight / 12));
    }
    const heavy = ledBy.get(peers[7]!)!.length;
    ok(heavy > 256 / 8 * 1.5, `a third of the weight leads ${heavy} of 256`);
  }
});
