/** A cache in front of Redis as operators and applications meet it: HTTP, metrics, the command line. */
import assert from "node:assert/strict";
import { skein } from "../cli/skein_process.ts";
import { RedisServer, redisTest } from "../redis_server.ts";
import { eventually, SkeinCluster, type SkeinProcess } from "./skein_process.ts";

async function metric(peer: SkeinProcess, name: string): Promise<number> {
  const text = await (await fetch(`${peer.url}/metrics`)).text();
  const line = text.split("\n").find((line) =>
    line.startsWith(`${name} `) || line.startsWith(`${name}{`)
  );
  return Number(line?.split(" ").at(-1));
}

redisTest(
  "values of Redis over HTTP, what is counted, and what is said when it is away",
  async () => {
    await RedisServer.with([], async (server) => {
      // deno-fmt-ignore
      const flags = ["--cache-redis", server.url, "--cache-redis-prefix", "app:", "--cache-redis-line-ttl", "1"];
      await SkeinCluster.with({ peers: 1, flags }, async (cluster) => {
        const [peer] = cluster.peers as [SkeinProcess];
        await server.send("SET", "app:user:7", '{"name":"Ann"}');
        const read = await peer.post("/cache/get", { key: "user:7" });
        assert.deepEqual([read.status, read.body.value], [200, { name: "Ann" }]);
        await server.send("SET", "app:user:7", '{"name":"Ben"}');
        await eventually("the change is seen", 5_000, async () => {
          const { body } = await peer.post("/cache/get", { key: "user:7" });
          assert.deepEqual(body.value, { name: "Ben" });
        });
        await peer.post("/cache/put", { key: "motd", value: "back at noon", durable: true });
        assert.equal(await server.send("GET", "app:motd"), "$12\r\nback at noon\r\n");
        const { body: { redis } } = await peer.get("/cache/stats");
        const { write, watch, reason, refused_by_term, changes, reconnects } = redis;
        assert.deepEqual([write, watch, reason], ["back", "tracking", null]);
        assert.deepEqual([refused_by_term, changes, reconnects], [0, 1, 0]);
        assert.equal(await metric(peer, "skein_cache_redis_connected"), 1);
        assert.equal(await metric(peer, "skein_cache_redis_reads_total"), redis.reads);
        assert.equal(await metric(peer, "skein_cache_redis_changes_total"), 1);
        const told = await skein(["cache", "stats", "--url", peer.url]);
        assert.match(told.stdout, /Redis behind it +write-back; changes are tracked\n/);
        await server.down();
        await eventually("a miss is a 503 that says why", 20_000, async () => {
          const { status, body } = await peer.post("/cache/get", { key: "user:7" });
          assert.deepEqual([status, body.error], [503, "UNAVAILABLE"]);
          assert.match(body.message, /^Redis at redis:\/\/127.0.0.1:\d+ does not listen/);
        });
        assert.equal((await peer.get("/health")).status, 200, "all else goes on");
        assert.equal(await metric(peer, "skein_cache_redis_connected"), 0);
        assert.match((await peer.get("/cache/stats")).body.redis.reason, /does not listen/);
      });
    });
  },
);

redisTest(
  "skein run --check looks at the Redis that the cache is to stand in front of",
  async () => {
    const directory = await Deno.makeTempDir({ prefix: "skein-front-check-" });
    const check = (url: string) => {
      return skein([
        "run",
        "--check",
        "--http",
        "0",
        "--listen",
        "0",
        `--data=${directory}/peer`,
        "--cache-redis",
        url,
      ]);
    };
    try {
      await RedisServer.with(["--appendfsync", "everysec"], async (server) => {
        await server.send(
          "ACL",
          "SETUSER",
          "peer",
          "on",
          ">secret",
          "~*",
          "+@all",
          "-client|tracking",
        );
        const plain = await check(server.url);
        assert.equal(plain.code, 0, plain.stderr);
        assert.match(plain.stdout, /\ncache +in front of redis:\/\/127.0.0.1:\d+\n/);
        assert.match(plain.stdout, /as durable as the Redis behind it: .*everysec/);
        assert.doesNotMatch(plain.stdout, /tells of no changes/);
        const untold = await check(`redis://peer:secret@127.0.0.1:${server.port}`);
        assert.match(untold.stdout, /tells of no changes/);
        const wrong = await check(`redis://peer:hidden@127.0.0.1:${server.port}`);
        assert.equal(wrong.code, 2);
        assert.match(
          wrong.stderr,
          /--cache-redis: the cache cannot stand in front of it: .*refuses the/,
        );
        assert.doesNotMatch(wrong.stderr, /hidden/);
      });
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
);
