import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { Random } from "../../src/random.ts";
import { murmur3 } from "../../src/ring/murmur3.ts";
import { Ring, type RingPeer, VIRTUAL_NODES, WEIGHT_MAX } from "../../src/ring/ring.ts";
import { peerOf, randomNames } from "./names.ts";

const HASH_MAX = 0xffff_ffff;

/** The ring as its definition says it, slowly. */
class PlainRing {
  readonly #nodes: readonly { readonly hash: number; readonly peer: RingPeer }[];

  constructor(peers: readonly RingPeer[]) {
    this.#nodes = peers.flatMap((peer) =>
      Array.from({ length: Math.round(peer.weight * VIRTUAL_NODES) }, (_, number) => ({
        hash: murmur3(`${peer.name}-vn${number}`),
        peer,
      }))
    ).sort((a, b) => a.hash - b.hash || (a.peer.id < b.peer.id ? -1 : 1));
  }

  clockwise(hash: number): RingPeer[] {
    const behind = this.#nodes.filter((node) => node.hash >= hash);
    const before = this.#nodes.filter((node) => node.hash < hash);
    return [...new Set([...behind, ...before].map(({ peer }) => peer))];
  }

  edges(): number[] {
    return this.#nodes.flatMap(({ hash }) => [hash - 1, hash, hash + 1])
      .filter((hash) => hash >= 0 && hash <= HASH_MAX);
  }
}

function names(peers: readonly RingPeer[]): string[] {
  return peers.map(({ name }) => name);
}

function clockwiseTwin(peers: readonly RingPeer[], hashes: readonly number[]): void {
  const ring = new Ring(peers);
  const plain = new PlainRing(peers);
  for (const hash of hashes) {
    const expected = plain.clockwise(hash);
    equal(ring.ownerOf(hash), expected[0]);
    deepEqual(names(ring.preferenceList(hash, peers.length)), names(expected));
  }
}

Deno.test("ring: owners and preference lists are those of the definition, also at nodes and around 0", () => {
  const random = new Random(1);
  const peers = randomNames(random, 5).map((name) => peerOf(name));
  const edges = new PlainRing(peers).edges();
  clockwiseTwin(peers, [0, 1, HASH_MAX, ...edges.slice(0, 30), ...edges.slice(-30)]);
  for (let round = 0; round < 50; round++) {
    const some = randomNames(random, random.integer(1, 9))
      .map((name) => peerOf(name, { weight: random.pick([0.25, 1, 1, 2]) }));
    clockwiseTwin(some, Array.from({ length: 10 }, () => random.uint32()));
  }
});

Deno.test("ring: nobody there owns nothing; one peer owns everything", () => {
  const empty = new Ring([]);
  deepEqual([empty.ownerOf(5), empty.preferenceList(5, 3), empty.owners], [null, [], 0]);
  const alone = peerOf("alone");
  const ring = new Ring([alone]);
  for (const hash of [0, 1, 0x8000_0000, HASH_MAX]) {
    equal(ring.ownerOf(hash), alone);
    deepEqual(ring.preferenceList(hash, 3), [alone]);
  }
  equal(ring.shareOf(alone), 1);
});

Deno.test("ring: a list is as long as was asked, or holds every owner; the owner comes first", () => {
  const peers = ["a", "b", "c", "d"].map((name) => peerOf(name));
  const ring = new Ring(peers);
  for (let hash = 0; hash < HASH_MAX; hash += 0x0123_4567) {
    for (let count = 0; count <= 6; count++) {
      const list = ring.preferenceList(hash, count);
      equal(list.length, Math.min(count, 4));
      equal(new Set(list).size, list.length, "all different");
      if (count > 0) equal(list[0], ring.ownerOf(hash));
      deepEqual(
        list,
        ring.preferenceList(hash, 6).slice(0, count),
        "the beginning of a longer one",
      );
    }
  }
});

Deno.test("ring: the order that peers come in makes no difference", () => {
  const random = new Random(3);
  const peers = randomNames(random, 8)
    .map((name, index) => peerOf(name, { zone: `z${index % 3}`, weight: 1 + index % 2 }));
  const expected = new Ring(peers);
  for (let round = 0; round < 20; round++) {
    const shuffled = [...peers].sort(() => random.fraction() - 0.5);
    const ring = new Ring(shuffled);
    deepEqual(ring.peers, expected.peers);
    for (let key = 0; key < 50; key++) {
      const hash = random.uint32();
      deepEqual(ring.preferenceList(hash, 8), expected.preferenceList(hash, 8));
    }
  }
});

Deno.test("ring: where two nodes have one hash, the lower id comes first", () => {
  const [left, right, hash] = collision();
  for (const [low, high] of [[left, right], [right, left]] as const) {
    const peers = [peerOf(high, { id: "2" }), peerOf(low, { id: "1" })];
    deepEqual(names(new Ring(peers).preferenceList(hash, 2)), [low, high]);
    deepEqual(names(new Ring(peers.reverse()).preferenceList(hash, 2)), [low, high]);
  }
});

/** Two names with a node of the same hash, found among all nodes of some thousand names. */
function collision(): readonly [string, string, number] {
  const nameOf = new Map<number, string>();
  for (let number = 0; number < 5_000; number++) {
    for (let node = 0; node < VIRTUAL_NODES; node++) {
      const hash = murmur3(`c${number}-vn${node}`);
      const other = nameOf.get(hash);
      if (other !== undefined && other !== `c${number}`) return [other, `c${number}`, hash];
      nameOf.set(hash, `c${number}`);
    }
  }
  throw new Error("no two nodes of 640,000 have one hash, which is past believing");
}

Deno.test("ring: zones take turns, clockwise within each turn", () => {
  const random = new Random(4);
  for (let round = 0; round < 300; round++) {
    const zones = random.integer(1, 4);
    const peers = randomNames(random, random.integer(1, 9))
      .map((name) => peerOf(name, { zone: random.pick(["", "a", "b", "c"].slice(0, zones)) }));
    const hash = random.uint32();
    const clockwise = new PlainRing(peers).clockwise(hash);
    const list = new Ring(peers).preferenceList(hash, 9);
    // The turn of a peer: how many of its own zone lie before it on the ring.
    const turnOf = (peer: RingPeer) =>
      clockwise.slice(0, clockwise.indexOf(peer)).filter(({ zone }) => zone === peer.zone).length;
    const expected = clockwise.map((peer, place) => ({ peer, place, turn: turnOf(peer) }))
      .sort((a, b) => a.turn - b.turn || a.place - b.place);
    deepEqual(names(list), names(expected.map(({ peer }) => peer)));
  }
});

Deno.test("ring: three replicas lie in three zones where there are three", () => {
  const peers = Array.from(
    { length: 12 },
    (_, index) => peerOf(`p${index}`, { zone: index < 10 ? "a" : index < 11 ? "b" : "c" }),
  );
  const ring = new Ring(peers);
  for (let hash = 0; hash < HASH_MAX; hash += 0x0200_0001) {
    equal(new Set(ring.preferenceList(hash, 3).map(({ zone }) => zone)).size, 3);
  }
});

Deno.test("ring: a peer of weight 0 is known and owns nothing", () => {
  const draining = peerOf("draining", { weight: 0, zone: "far" });
  const others = ["a", "b"].map((name) => peerOf(name));
  const ring = new Ring([draining, ...others]);
  const without = new Ring(others);
  ok(ring.peers.includes(draining));
  equal(ring.owners, 2);
  equal(ring.shareOf(draining), 0);
  for (let hash = 0; hash < HASH_MAX; hash += 0x0100_0001) {
    deepEqual(ring.preferenceList(hash, 3), without.preferenceList(hash, 3));
  }
  equal(new Ring([draining]).ownerOf(1), null);
});

Deno.test("ring: shares are the parts of the hashes that are owned, and make up the whole", () => {
  const random = new Random(5);
  const peers = randomNames(random, 6)
    .map((name, index) => peerOf(name, { weight: [1, 1, 2, 0.5, 3, 0][index]! }));
  const ring = new Ring(peers);
  const samples = 200_000;
  const owned = new Map<RingPeer, number>();
  for (let sample = 0; sample < samples; sample++) {
    const owner = ring.ownerOf(random.uint32())!;
    owned.set(owner, (owned.get(owner) ?? 0) + 1);
  }
  for (const peer of peers) {
    const measured = (owned.get(peer) ?? 0) / samples;
    ok(Math.abs(ring.shareOf(peer) - measured) < 0.006, `${peer.name}: ${measured}`);
  }
  const sum = peers.reduce((total, peer) => total + ring.shareOf(peer), 0);
  ok(Math.abs(sum - 1) < 1e-9, `shares make up ${sum}`);
});

Deno.test("ring: a weight is a share in proportion", () => {
  const random = new Random(6);
  const peers = randomNames(random, 12)
    .map((name, index) => peerOf(name, { weight: index < 6 ? 1 : 3 }));
  const ring = new Ring(peers);
  const of = (weight: number) =>
    peers.filter((peer) => peer.weight === weight)
      .reduce((total, peer) => total + ring.shareOf(peer), 0);
  ok(Math.abs(of(3) - 0.75) < 0.03, `the heavy ones own ${of(3)}`);
});

Deno.test("ring: what cannot be placed is refused", () => {
  const one = peerOf("one");
  throws(() => new Ring([one, peerOf("one", { id: "another" })]), /two peers .* named one/);
  throws(() => new Ring([one, peerOf("two", { id: one.id })]), /two peers .* the id/);
  for (const weight of [-1, NaN, Infinity, WEIGHT_MAX + 1]) {
    throws(() => new Ring([peerOf("one", { weight })]), RangeError, `weight ${weight}`);
  }
  equal(new Ring([peerOf("one", { weight: 0.001 })]).ownerOf(7)!.name, "one");
});
