/**
 * The cache in front of a real redis-server, under load: peers are killed and paused, the server is killed. No read is
 * stale, no durable write is lost, and in the end Redis has what the peers read.
 * `SKEIN_CACHE_REDIS_ROUNDS=100 deno task test tests/integration/cache_redis_kill_test.ts` runs it longer.
 */
import assert from "node:assert/strict";
import { RedisServer, redisTest } from "../redis_server.ts";
import { CacheLoad } from "./cache_load.ts";
import { eventually, SkeinCluster, type SkeinProcess } from "./skein_process.ts";

const ROUNDS = Number(Deno.env.get("SKEIN_CACHE_REDIS_ROUNDS") ?? 3);
const KEYS = 12;
const READERS = 6;
const FLUSH_MS = 100;
/** Longer than any lease: 2.1 election timeouts and a renewal. */
const PAUSE_MS = 1_600;
/** So many writes make a round. */
const STEPS = 60;
const FLAGS = ["--log-level", "warn", "--election-timeout", "0.5,1.0", "--heartbeat", "0.1"];
const PREFIX = "app:";

function underLoad(
  write: "back" | "through",
  faults: readonly ((server: RedisServer, victim: SkeinProcess) => Promise<void>)[],
): Promise<void> {
  return RedisServer.with([], async (server) => {
    // deno-fmt-ignore
    const flags = [
      ...FLAGS,
      "--cache-redis", server.url, "--cache-redis-prefix", PREFIX, "--cache-redis-write", write,
    ];
    await SkeinCluster.with({ flags }, async (cluster) => {
      const { peers } = cluster;
      const some = { keys: KEYS, readers: READERS, restMs: 5, moveShare: 1, flushMs: FLUSH_MS };
      const load = new CacheLoad({ peers, ...some });
      const { totals } = load.ledger;
      for (let round = 0; round < ROUNDS; round++) {
        const { writes } = totals;
        await eventually(`the load runs before round ${round}`, 60_000, () => {
          load.check();
          assert.ok(totals.writes >= writes + STEPS, JSON.stringify(totals));
        });
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

/** Beyond its leases: what it has on its way when it goes on, is late. */
async function pausePeer(_server: RedisServer, victim: SkeinProcess): Promise<void> {
  victim.signal("SIGSTOP");
  try {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  } finally {
    victim.signal("SIGCONT");
  }
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
