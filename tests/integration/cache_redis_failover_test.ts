/**
 * The primary behind the cache is killed, and its replica takes over: peers follow it through the sentinels. What the
 * replica lacks is lost, as it is to everybody who uses that Redis; what it has is read, and writes go on.
 */
import assert from "node:assert/strict";
import { redisTest } from "../redis_server.ts";
import { RedisSentinels } from "../redis_sentinels.ts";
import { eventually, SkeinCluster } from "./skein_process.ts";

function withFailover(
  test: (servers: RedisSentinels, cluster: SkeinCluster) => Promise<void>,
): Promise<void> {
  return RedisSentinels.with(async (servers) => {
    // deno-fmt-ignore
    const flags = ["--cache-redis", servers.url, "--cache-redis-line-ttl", "1", "--log-level", "warn"];
    await SkeinCluster.with({ flags }, (cluster) => test(servers, cluster));
  });
}

async function put(cluster: SkeinCluster, place: number, value: string): Promise<void> {
  await eventually("it can be written", 30_000, async () => {
    const body = { key: "k", value, durable: true };
    const answer = await cluster.peers[place]!.post("/cache/put", body);
    assert.equal(answer.status, 200, JSON.stringify(answer.body));
  });
}

async function everywhere(cluster: SkeinCluster, value: string | null): Promise<void> {
  await eventually(`every peer reads ${value}`, 30_000, async () => {
    for (const peer of cluster.peers) {
      const { status, body } = await peer.post("/cache/get", { key: "k" });
      assert.deepEqual([status, body.value], [200, value], peer.name);
    }
  });
}

redisTest("a failover of the Redis behind the cache: what the replica has is there", async () => {
  await withFailover(async (servers, cluster) => {
    await put(cluster, 0, "before");
    assert.equal(await servers.primary.send("WAIT", "1", "10000"), ":1\r\n");
    await everywhere(cluster, "before");
    await servers.primary.down("SIGKILL");
    await servers.failedOver();
    await everywhere(cluster, "before");
    await put(cluster, 1, "after");
    assert.equal(await servers.replica.send("GET", "k"), "$5\r\nafter\r\n");
    await everywhere(cluster, "after");
  });
});

redisTest(
  "a replica that lacks all takes over: the cache has what it has, and goes on",
  async () => {
    await withFailover(async (servers, cluster) => {
      await servers.cutReplica();
      await put(cluster, 0, "before");
      await everywhere(cluster, "before");
      await servers.primary.down("SIGKILL");
      await servers.failedOver();
      await everywhere(cluster, null);
      await put(cluster, 2, "after");
      assert.equal(await servers.replica.send("GET", "k"), "$5\r\nafter\r\n");
      await everywhere(cluster, "after");
    });
  },
);
