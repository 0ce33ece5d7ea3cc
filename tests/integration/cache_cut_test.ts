/**
 * Owners of the cache's keys that are cut off from the keys' homes, under load: of what they took last, at most the
 * writes of two flush intervals are lost, and no durable one.
 * `SKEIN_CACHE_CUT_ROUNDS=100 deno task test tests/integration/cache_cut_test.ts` runs it longer.
 */
import assert from "node:assert/strict";
import { CACHE_LOAD_FLAGS, CacheLoad } from "./cache_load.ts";
import { PeerNetwork } from "./peer_network.ts";
import { eventually, SkeinCluster, type SkeinProcess } from "./skein_process.ts";

const ROUNDS = Number(Deno.env.get("SKEIN_CACHE_CUT_ROUNDS") ?? 5);
const KEYS = 12;
/** Few, so that an owner has time to write much that nobody asks for. */
const READERS = 2;
const MOVE_SHARE = 0.05;
/** Longer than a lease and what the home waits on top. */
const CUT_MS = 700;
/** So many writes make a round. */
const STEPS = 80;
const ROUNDS_TOLD = 20;
const FLUSH_MS = 100;

/** A key whose line is at one peer alone, and its home at another; peers by their places. */
interface Owned {
  readonly key: string;
  readonly owner: number;
  readonly home: number;
}

type Cut = (network: PeerNetwork, owned: Owned, peers: readonly SkeinProcess[]) => void;

/** The ways to cut an owner off, in turn. */
const CUTS: Readonly<Record<string, Cut>> = {
  "silently from its home": (network, { owner, home }) => {
    network.shut(owner, home);
    network.shut(home, owner);
  },
  "with broken connections": (network, { owner, home }) => network.sever(owner, home),
  "so that its home does not hear it": (network, { owner, home }) => network.shut(owner, home),
  "so that it does not hear its home": (network, { owner, home }) => network.shut(home, owner),
  "from everybody": (network, { owner }, peers) => {
    for (const other of peers.keys()) {
      if (other === owner) continue;
      network.shut(owner, other);
      network.shut(other, owner);
    }
  },
};

Deno.test("owners cut off from their homes lose two flush intervals, and no durable write", async () => {
  await using network = new PeerNetwork();
  await SkeinCluster.with({ flags: CACHE_LOAD_FLAGS, adapt: network.lead }, async (cluster) => {
    const { peers } = cluster;
    const load = new CacheLoad({
      peers,
      keys: KEYS,
      readers: READERS,
      restMs: 5,
      moveShare: MOVE_SHARE,
      flushMs: FLUSH_MS,
    });
    const { totals } = load.ledger;
    const ways = Object.entries(CUTS);
    for (let round = 0; round < ROUNDS; round++) {
      const [way, cut] = ways[round % ways.length]!;
      await load.goesOn(`the load runs before round ${round}`, STEPS);
      const owned = await eventually("a key is owned by another peer than its home", 10_000, () => {
        return find(load.keys(), peers);
      });
      const { stopped } = network;
      load.ledger.fault(Date.now());
      cut(network, owned, peers);
      await Promise.all([
        new Promise((resolve) => setTimeout(resolve, CUT_MS)),
        eventually(`${owned.key} is read elsewhere, its owner cut off ${way}`, 20_000, async () => {
          load.check();
          const served = peers.filter((_, place) => place !== owned.owner);
          const reads = await Promise.all(served.map((peer) => load.readOnce(owned.key, peer)));
          assert.ok(reads.every((read) => read !== null));
        }),
      ]);
      assert.ok(network.stopped > stopped, `the network was cut ${way}`);
      network.heal();
      await cluster.ready();
      if ((round + 1) % ROUNDS_TOLD === 0) {
        console.log(`${round + 1} cuts: ${JSON.stringify(totals)}`);
      }
    }
    await load.goesOn("the load runs in the end", STEPS);
    await load.finish();
    console.log(`${ROUNDS} cuts: ${load.summary()}`);
  });
});

/** @throws where no key is owned so at this moment */
async function find(keys: readonly string[], peers: readonly SkeinProcess[]): Promise<Owned> {
  const placeOf = (name: string) => peers.findIndex((peer) => peer.name === name);
  const first = Math.floor(Math.random() * keys.length);
  for (const key of [...keys.slice(first), ...keys.slice(0, first)]) {
    const { status, body } = await peers[0]!.get(`/cache/state?key=${key}`);
    if (status !== 200 || body.home === null || body.holders.length !== 1) continue;
    const [{ peer, state }] = body.holders;
    const [owner, home] = [placeOf(peer), placeOf(body.home)];
    if (state !== "S" && owner !== home) return { key, owner, home };
  }
  throw new Error("each key is shared, or owned by its home");
}
