import { deepEqual, equal, ok } from "node:assert/strict";
import { Random } from "../../src/random.ts";
import { choosePreferredLeaders, leadersMax } from "../../src/ring/preferred_leaders.ts";
import { Ring, type RingPeer } from "../../src/ring/ring.ts";
import { peerOf, randomNames } from "./names.ts";

type Lists = readonly (readonly RingPeer[])[];

/**
 * Whether every partition can have a leader, by Hall's theorem: for each set of peers, those partitions that
 * none but these can lead must find room with them.
 */
function canBeLed(peers: readonly RingPeer[], lists: Lists, room: (peer: RingPeer) => number) {
  const masks = lists.map((list) =>
    list.reduce((mask, peer) => mask | 1 << peers.indexOf(peer), 0)
  );
  const led = masks.filter((mask) => mask !== 0);
  for (let set = 1; set < 1 << peers.length; set++) {
    const only = led.filter((mask) => (mask & ~set) === 0).length;
    const rooms = peers.filter((_, at) => (set >> at & 1) === 1).map(room);
    if (only > rooms.reduce((sum, one) => sum + one, 0)) return false;
  }
  return true;
}

/** By how much the fullest peer is above its bound; 0: none is. */
function above(ring: Ring, lists: Lists, leaders: readonly (RingPeer | null)[]): number {
  return Math.max(
    0,
    ...ring.peers.map((peer) =>
      leaders.filter((leader) => leader === peer).length - leadersMax(ring, peer, lists.length)
    ),
  );
}

function assertBest(ring: Ring, lists: Lists): number {
  const leaders = choosePreferredLeaders(ring, lists);
  for (const [at, leader] of leaders.entries()) {
    ok(leader === null ? lists[at]!.length === 0 : lists[at]!.includes(leader));
  }
  const excess = above(ring, lists, leaders);
  if (excess > 0) {
    const room = (peer: RingPeer) => leadersMax(ring, peer, lists.length) + excess - 1;
    ok(!canBeLed(ring.peers, lists, room), `${excess} above the bound, which was not needed`);
  }
  return excess;
}

function ringOf(random: Random, count: number, zones: readonly string[]): Ring {
  return new Ring(
    randomNames(random, count).map((name) =>
      peerOf(name, { zone: random.pick(zones), weight: random.pick([1, 1, 1, 2, 0.5]) })
    ),
  );
}

Deno.test("preferred leaders: the bound holds wherever it can, else as little as can be is above it", () => {
  const random = new Random(1);
  let exceeded = 0;
  const rounds = 1_500;
  for (let round = 0; round < rounds; round++) {
    const zones = random.chance(0.5) ? [""] : ["a", "b", "b", "b"];
    const ring = ringOf(random, random.integer(1, 8), zones);
    const count = random.integer(1, 3);
    const lists = Array.from(
      { length: random.integer(1, 40) },
      () => ring.preferenceList(random.uint32(), count),
    );
    if (assertBest(ring, lists) > 0) exceeded++;
  }
  ok(exceeded > 50 && exceeded < rounds / 2, `${exceeded} of ${rounds} cases had no way`);
});

Deno.test("preferred leaders: the bound holds for lists that no ring gives, too", () => {
  const random = new Random(2);
  for (let round = 0; round < 1_500; round++) {
    const ring = new Ring(["a", "b", "c", "d", "e", "f"].map((name) => peerOf(name)));
    const some = ring.peers.slice(0, random.integer(1, 6));
    const lists = Array.from(
      { length: random.integer(0, 30) },
      () => [...some].sort(() => random.fraction() - 0.5).slice(0, random.integer(0, 3)),
    );
    assertBest(ring, lists);
  }
});

const TRIO = ["a", "b", "c"].map((name) => peerOf(name, { id: name }));

/** Lists and leaders by the peers' letters: `["ab", "bc"]`. */
function leadersOf(...lists: readonly string[]): string {
  const ring = new Ring(TRIO);
  const peerBy = (letter: string) => ring.peers.find(({ name }) => name === letter)!;
  const leaders = choosePreferredLeaders(ring, lists.map((list) => [...list].map(peerBy)));
  return leaders.map((leader) => leader!.name).join("");
}

Deno.test("preferred leaders: what is over goes to the second replica; to the third where that is full", () => {
  const bounds = [4, 5, 7].map((partitions) => leadersMax(new Ring(TRIO), TRIO[0]!, partitions));
  deepEqual(bounds, [2, 3, 3]);
  equal(leadersOf("abc", "abc", "abc", "abc"), "aabb");
  equal(leadersOf("abc", "abc", "abc", "abc", "abc", "abc", "abc"), "aaabbbc");
  equal(leadersOf("abc", "abc", "abc", "abc", "bca", "bca", "bca"), "aaacbbb");
  equal(leadersOf("bca", "bca", "abc", "abc", "abc", "abc", "abc"), "bbaaabc");
});

Deno.test("preferred leaders: where all of its replicas are full, a chain of others makes room", () => {
  equal(leadersOf("ab", "ab", "bc", "a"), "baba", "a passes its first on to b");
  equal(leadersOf("ab", "a", "a", "bc", "b", "b", "a"), "baacbba", "and b passes one on to c");
});

Deno.test("preferred leaders: with one replica each there is no choice, and the bound gives way", () => {
  const [a, b] = ["a", "b"].map((name) => peerOf(name)) as [RingPeer, RingPeer];
  const ring = new Ring([a, b]);
  const lists = [[a], [a], [a], [a], [b]];
  deepEqual(choosePreferredLeaders(ring, lists), [a, a, a, a, b]);
});

Deno.test("preferred leaders: none without partitions or peers", () => {
  deepEqual(choosePreferredLeaders(new Ring([peerOf("a")]), []), []);
  deepEqual(choosePreferredLeaders(new Ring([]), [[], []]), [null, null]);
  equal(leadersMax(new Ring([]), peerOf("a"), 16), 0);
});
