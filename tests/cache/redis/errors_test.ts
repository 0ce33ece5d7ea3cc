/** What stands in the way of a cache in front of Redis is said in words that its operator can act on. */
import assert from "node:assert/strict";
import { eventually } from "../../eventually.ts";
import { RedisServer, redisTest } from "../../redis_server.ts";
import { type ClusterPeer, TestCluster } from "../../peer/cluster.ts";
import { FrontCluster, frontOf, PREFIX } from "./front_cluster.ts";

async function refusedRead(it: FrontCluster, message: RegExp): Promise<void> {
  await eventually("a read is refused", 10_000, async () => {
    await assert.rejects(it.get(0, "k"), { code: "UNAVAILABLE", message });
  });
}

redisTest("a key that is no string", async () => {
  await FrontCluster.with({}, async (it) => {
    await it.watched();
    await it.send("HSET", `${PREFIX}k`, "field", "1");
    const refusal = {
      code: "CONFLICT",
      message: /the key app:k is a hash in Redis, and the cache/,
    };
    await assert.rejects(it.get(0, "k"), refusal);
    await assert.rejects(it.put(1, "k", 1), refusal);
    await assert.rejects(it.peer(2).core.cache.delete("k", null), refusal);
    const request = { kind: "caller", principal: "p", id: "1" } as const;
    await assert.rejects(it.put(1, "k", 1, { request }), refusal);
    assert.equal(await it.send("HGET", `${PREFIX}k`, "field"), "$1\r\n1\r\n", "untouched");
    await it.send("DEL", `${PREFIX}k`);
    await it.put(1, "k", 1, { durable: true });
    await it.everywhere("k", 1);
  });
});

redisTest(
  "a string becomes a hash under a dirty line: nothing is overwritten, and it is said",
  async () => {
    await FrontCluster.with({ cacheFlushIntervalMs: 300 }, async (it) => {
      await it.watched();
      await it.put(0, "k", 1, { durable: true });
      await it.put(0, "k", 2);
      await it.send(
        "EVAL",
        "redis.call('DEL', KEYS[1]); redis.call('HSET', KEYS[1], 'f', '1')",
        "1",
        `${PREFIX}k`,
      );
      await eventually("who waits is told", 10_000, async () => {
        await assert.rejects(it.get(1, "k"), /is a hash in Redis/);
      });
      assert.match(await it.send("TYPE", `${PREFIX}k`), /hash/);
      await it.send("DEL", `${PREFIX}k`);
      await it.everywhere("k", 2);
    });
  },
);

redisTest("a value that is too large", async () => {
  await FrontCluster.with({}, async (it) => {
    await it.watched();
    await it.send("SETRANGE", `${PREFIX}k`, String(2 ** 21), "x");
    const message = /the key app:k has 2097153 bytes in Redis; allowed: 1048576/;
    await assert.rejects(it.get(0, "k"), { code: "PAYLOAD_TOO_LARGE", message });
    await it.send("SET", `${PREFIX}k`, "1");
    await it.everywhere("k", 1);
  });
});

redisTest("keys that name what peers keep in Redis", async () => {
  await FrontCluster.with({}, async (it) => {
    const refusal = { code: "INVALID", message: /^key: must not begin with skein:/ };
    await assert.rejects(it.get(0, "skein:x"), refusal);
    await assert.rejects(it.put(0, "skein:x", 1), refusal);
    await assert.rejects(it.peer(0).core.cache.delete("skein:x", null), refusal);
  });
});

redisTest("no password, and a wrong one", async () => {
  const flags = ["--requirepass", "right"];
  await FrontCluster.with({ flags }, async (it) => {
    await refusedRead(
      it,
      /Redis at redis:\/\/127.* wants a user and a password, and none is given/,
    );
    const { reason, watch } = it.peer(0).core.cache.stats().front!;
    assert.match(reason!, /wants a user and a password/);
    assert.equal(watch, null);
  });
  const url = ({ port }: RedisServer) => `redis://:wrong@127.0.0.1:${port}`;
  await FrontCluster.with({ flags, url }, async (it) => {
    await refusedRead(it, /refuses the user or the password/);
    await assert.rejects(it.put(0, "k", 1), /refuses the user or the password/);
    const said = it.peer(0).lines.filter(({ message }) => message.includes("refuses the user"));
    assert.equal(said.length, 1, "it is said once, however often it is tried");
  });
});

redisTest("a read-only replica, at the beginning and later", async () => {
  await FrontCluster.with({ front: { lineTtlMs: 500 } }, async (it) => {
    await it.watched();
    await it.put(0, "k", 1, { durable: true });
    await it.send("REPLICAOF", "127.0.0.1", "1");
    await assert.rejects(it.put(0, "k", 2, { durable: true }), /is a read-only replica/);
    await refusedRead(
      it,
      /is a read-only replica of 127\.0\.0\.1: a peer writes, and needs the primary/,
    );
    await it.send("REPLICAOF", "NO", "ONE");
    await it.everywhere("k", 2);
  });
});

redisTest("no memory left: writes say so, and come when there is some", async () => {
  await FrontCluster.with({}, async (it) => {
    await it.watched();
    await it.put(0, "k", 1, { durable: true });
    await it.send("CONFIG", "SET", "maxmemory", "1mb");
    const message = /not committed yet: .*has no memory left: its maxmemory is reached \(OOM/;
    await assert.rejects(it.put(0, "k", 2, { durable: true }), {
      code: "OUTCOME_UNKNOWN",
      message,
    });
    await eventually("further writes are refused", 5_000, async () => {
      await assert.rejects(it.put(0, "k", 3), { code: "UNAVAILABLE", message });
    });
    assert.equal(await it.stored("k"), "1");
    await it.send("CONFIG", "SET", "maxmemory", "0");
    await eventually("what waited is there", 10_000, async () => {
      assert.notEqual(await it.stored("k"), "1");
      assert.equal((await it.put(0, "k", 4, { durable: true })).ok, true);
    });
    await it.everywhere("k", 4);
  });
});

redisTest("a node of a Redis Cluster", async () => {
  await FrontCluster.with({ flags: ["--cluster-enabled", "yes"] }, async (it) => {
    await refusedRead(it, /is a node of a Redis Cluster.*needs a single primary/);
  });
});

redisTest("what could be lost there is said at the start", async () => {
  const flags = [
    "--appendfsync",
    "everysec",
    "--maxmemory",
    "1gb",
    "--maxmemory-policy",
    "allkeys-lru",
  ];
  await FrontCluster.with({ flags }, async (it) => {
    await it.watched();
    const said = it.peer(0).lines.map(({ message }) => message).join("\n");
    assert.match(
      said,
      /a durable write of the cache is as durable as the Redis behind it: .*everysec/,
    );
    assert.match(said, /throws keys away when its memory is full \(maxmemory-policy allkeys-lru\)/);
  });
});

redisTest("a user with the documented rights, and no others, is enough", async () => {
  // deno-fmt-ignore
  const rights = [
    "on", ">secret", "~app:*", "&__redis__:invalidate", "&__keyspace@0__:app:*",
    "+eval", "+get", "+set", "+del", "+type", "+strlen", "+pttl", "+ping", "+info", "+config|get",
    "+client|id", "+client|tracking", "+client|setname", "+subscribe", "+psubscribe",
  ];
  const flags = ["--user", "peer", ...rights];
  const url = ({ port }: RedisServer) => `redis://peer:secret@127.0.0.1:${port}`;
  await FrontCluster.with({ flags, url }, async (it) => {
    await it.watched();
    await it.put(0, "k", 1, { durable: true, ttlMs: 60_000 });
    await it.everywhere("k", 1);
    await it.send("SET", `${PREFIX}k`, "2");
    await it.everywhere("k", 2);
    assert.deepEqual(await it.peer(1).core.cache.delete("k", null), { existed: true });
  });
});

redisTest("values from before the cache stood in front of Redis are warned of", async () => {
  await RedisServer.with([], async (server) => {
    const cluster = new TestCluster({ peers: 1 });
    const [peer] = cluster.peers as [ClusterPeer];
    await peer.start();
    await cluster.ready();
    const data = new TextEncoder().encode("1");
    const plain = { ttlMs: null, durable: true, ifVersion: undefined, fillToken: null };
    await peer.core.cache.put({ key: "k", data, ...plain, request: null });
    await peer.stop();
    Object.assign(cluster.options, { makeCacheFront: frontOf(server.url) });
    await peer.start();
    try {
      await cluster.ready();
      await eventually("it is said", 10_000, async () => {
        await peer.core.cache.get({ key: "k", fill: false, waitMs: 0, fillTtlMs: null });
        const said = peer.lines.map(({ message }) => message).join("\n");
        assert.match(said, /the cache has values from before it stood in front of a Redis/);
      });
    } finally {
      await peer.stop();
    }
  });
});
