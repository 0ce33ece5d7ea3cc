/**
 * The cache in front of a real redis-server, under load: peers are killed and paused, the server is killed. No read is
 * stale, no durable write is lost, and in the end Redis has what the peers read.
 * `SKEIN_CACHE_REDIS_ROUNDS=100 deno task test tests/integration/cache_redis_kill_test.ts` runs it longer.
 */
import assert from "node:assert/strict";
import { RedisServer, redisTest } from "../redis_server.ts";
import { CACHE_LOAD_FLAGS, CacheLoad, pauseBeyondLeases } from "./cache_load.ts";
import { eventually, SkeinCluster, type SkeinProcess } from "./skein_process.ts";

const ROUNDS = Number(Deno.env.get("SKEIN_CACHE_REDIS_ROUNDS") ?? 3);
const KEYS = 12;
const READERS = 6;
const FLUSH_MS = 100;
/** So many writes make a round. */
const STEPS = 60;
const PREFIX = "app:";

function underLoad(
  write: "back" | "through",
  faults: readonly ((server: RedisServer, victim: SkeinProcess) => Promise<void>)[],
): Promise<void> {
  return RedisServer.with([], async (server) => {
    // deno-fmt-ignore
    const flags = [
      ...CACHE_LOAD_FLAGS,
      "--cache-redis", server.url, "--cache-redis-prefix", PREFIX, "--cache-redis-write", write,
    ];
    await SkeinCluster.with({ flags }, async (cluster) => {
      const { peers } = cluster;
      const some = { keys: KEYS, readers: READERS, restMs: 5, moveShare: 1, flushMs: FLUSH_MS };
      const load = new CacheLoad({ peers, ...some });
      const { totals } = load.ledger;
      for (let round = 0; round < ROUNDS; round++) {
        await load.goesOn(`the load runs before round ${round}`, STEPS, 60_000);
        load.ledger.fault(Date.now());
        const victim = peers[Math.floor(Math.random() * peers.length)]!;
        await faults[round % faults.length]!(server, victim);
        await cluster.ready();
      }
      await load.finish();
      console.log(`${ROUNDS} faults, write-${write}: ${JSON.stringify(totals)}`);
      for (const key of load.keys()) await agree(server, peers, key);
    });
  });
}

/** Redis has what every peer reads. */
async function agree(server: RedisServer, peers: readonly SkeinProcess[], key: string) {
  await eventually(`Redis has ${key}`, 10_000, async () => {
    const [, stored] = (await server.send("GET", PREFIX + key)).split("\r\n");
    for (const peer of peers) {
      const { body } = await peer.post("/cache/get", { key });
      assert.equal(String(body.value), stored, peer.name);
    }
  });
}

/** As a power cut of the process. */
async function killPeer(_server: RedisServer, victim: SkeinProcess): Promise<void> {
  await victim.kill();
  victim.start();
}

async function pausePeer(_server: RedisServer, victim: SkeinProcess): Promise<void> {
  await pauseBeyondLeases(victim);
}

async function killRedis(server: RedisServer): Promise<void> {
  await server.down("SIGKILL");
  await server.up();
}

redisTest(
  "the cache in front of Redis, peers killed and paused: nothing durable is lost",
  async () => {
    await underLoad("back", [killPeer, pausePeer]);
  },
);

redisTest("the cache in front of Redis, written through, and Redis killed too", async () => {
  await underLoad("through", [killRedis, pausePeer, killPeer]);
});
