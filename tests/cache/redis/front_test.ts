/** A cache in front of Redis: what is read and written there, and when. */
import assert from "node:assert/strict";
import { eventually } from "../../eventually.ts";
import { redisTest } from "../../redis_server.ts";
import { FrontCluster, PREFIX } from "./front_cluster.ts";

redisTest("what an application wrote is read through every peer, from Redis once", async () => {
  await FrontCluster.with({}, async (it) => {
    await it.watched();
    await it.send("SET", `${PREFIX}k`, '{"name":"Ann"}');
    for (const place of [0, 1, 2]) assert.deepEqual(await it.read(place, "k"), { name: "Ann" });
    assert.equal(it.count("reads"), 1);
    assert.equal((await it.get(1, "k")).status, "hit");
    assert.equal(await it.read(0, "nothing"), null);
    const versions = await Promise.all([0, 1, 2].map(async (place) => {
      return (await it.get(place, "k")).value?.version;
    }));
    assert.equal(new Set(versions).size, 1, "one value has one version");
  });
});

redisTest(
  "writes come to Redis within a flush interval, and are read by the application",
  async () => {
    await FrontCluster.with({}, async (it) => {
      await it.watched();
      await it.put(0, "k", { n: 1 });
      await eventually("it is there", 5_000, async () => {
        assert.equal(await it.stored("k"), '{"n":1}');
      });
      await it.put(1, "k", "bare");
      await it.put(1, "k", "bare as well");
      assert.equal(await it.read(2, "k"), "bare as well");
      assert.equal(await it.stored("k"), "bare as well", "recalled, and written back before");
      assert.equal(it.count("changes"), 0, "own writes are no changes by others");
    });
  },
);

redisTest("what others set, remove or let expire is seen at every peer", async () => {
  await FrontCluster.with({}, async (it) => {
    await it.watched();
    await it.put(0, "k", 1, { durable: true });
    await it.everywhere("k", 1);
    await it.send("SET", `${PREFIX}k`, "2");
    await it.everywhere("k", 2);
    await it.send("DEL", `${PREFIX}k`);
    await it.everywhere("k", null);
    await it.send("SET", `${PREFIX}k`, "3");
    await it.everywhere("k", 3);
    await it.send("PEXPIRE", `${PREFIX}k`, "400");
    await eventually("its time is known", 5_000, async () => {
      assert.notEqual((await it.get(0, "k")).value?.expiresAt ?? null, null);
    });
    await it.everywhere("k", null);
  });
});

redisTest(
  "written through, a write is in Redis when it is answered, and in no line alone",
  async () => {
    await FrontCluster.with({ front: { write: "through" } }, async (it) => {
      await it.watched();
      for (let round = 0; round < 30; round++) {
        const answer = await it.put(round % 3, "k", round);
        assert.ok(answer.ok);
        assert.equal(await it.stored("k"), String(round));
      }
      for (const place of [0, 1, 2]) assert.equal(await it.read(place, "k"), 29);
      for (const { core } of it.peers) assert.equal(core.cache.stats().dirty, 0);
    });
  },
);

redisTest("a ttl of the cache is one in Redis, and one of Redis ends lines", async () => {
  await FrontCluster.with({}, async (it) => {
    await it.watched();
    await it.put(0, "ours", 1, { ttlMs: 60_000, durable: true });
    const left = Number((await it.send("PTTL", `${PREFIX}ours`)).slice(1));
    assert.ok(left > 50_000 && left <= 60_000, `${left} ms`);
    await it.put(0, "ours", 2, { durable: true });
    assert.equal(
      await it.send("PTTL", `${PREFIX}ours`),
      ":-1\r\n",
      "a write without one is for ever",
    );
    await it.send("SET", `${PREFIX}theirs`, "1", "PX", "600");
    const { value } = await it.get(1, "theirs");
    assert.ok(Date.parse(value!.expiresAt!) - Date.now() <= 600);
    await eventually("its time is over", 5_000, async () => {
      assert.equal(await it.read(1, "theirs"), null);
    });
    await it.put(2, "short", 1, { ttlMs: 300 });
    await eventually("it went from Redis too", 5_000, async () => {
      assert.equal(await it.stored("short"), null);
      assert.equal(await it.read(0, "short"), null);
    });
  });
});

redisTest("delete, invalidate and conditions are those of any cache", async () => {
  await FrontCluster.with({}, async (it) => {
    await it.watched();
    await it.send("SET", `${PREFIX}k`, "1");
    const { value } = await it.get(0, "k");
    assert.equal((await it.put(1, "k", 2, { ifVersion: null })).ok, false);
    const written = await it.put(1, "k", 2, { ifVersion: value!.version });
    assert.ok(written.ok);
    assert.equal((await it.put(2, "k", 3, { ifVersion: value!.version })).ok, false);
    const [{ core }] = it.peers as [typeof it.peers[number]];
    await core.cache.invalidate("k");
    assert.equal(await it.stored("k"), "2", "what was dirty was written back");
    assert.deepEqual((await core.cache.state("k")).holders, []);
    assert.equal((await core.cache.state("k")).version, written.version);
    assert.deepEqual(await core.cache.delete("k", null), { existed: true });
    assert.equal(await it.stored("k"), null);
    for (const place of [0, 1, 2]) assert.equal(await it.read(place, "k"), null);
    assert.deepEqual(await core.cache.delete("k", null), { existed: false });
    await it.put(2, "k", "dirty");
    assert.deepEqual(await core.cache.delete("k", null), { existed: true });
    assert.equal(await it.stored("k"), null);
  });
});

redisTest("a request under a caller's own id is executed once, by whichever home", async () => {
  await FrontCluster.with({}, async (it) => {
    await it.watched();
    const request = (id: string) => ({ kind: "caller", principal: "ann", id }) as const;
    const first = await it.put(0, "k", 1, { request: request("1") });
    assert.ok(first.ok);
    await it.put(1, "k", 2, { durable: true });
    assert.deepEqual(await it.put(2, "k", 1, { request: request("1") }), first);
    assert.equal(await it.read(0, "k"), 2, "not again");
    await assert.rejects(it.put(0, "k", 9, { request: request("1") }), {
      code: "REQUEST_ID_REUSED",
    });
    const { cache } = it.peer(0).core;
    assert.deepEqual(await cache.delete("k", request("2")), { existed: true });
    await it.put(1, "k", 3, { durable: true });
    await it.moveHome("k");
    assert.deepEqual(await cache.delete("k", request("2")), { existed: true });
    assert.deepEqual(await it.put(1, "k", 1, { request: request("1") }), first);
    await it.everywhere("k", 3);
  });
});

redisTest(
  "lines that go for want of room are written back; none of 4,000 writes is lost",
  async () => {
    await FrontCluster.with({}, async (it) => {
      await it.watched();
      const keys = Array.from({ length: 4_000 }, (_, place) => `k${place}`);
      for (let first = 0; first < keys.length; first += 200) {
        const batch = keys.slice(first, first + 200);
        await Promise.all(batch.map((key, place) => it.put(0, key, first + place)));
      }
      const values = await Promise.all(keys.map((key) => it.read(1, key)));
      assert.deepEqual(values, keys.map((_key, place) => place));
      const { evictions, lost } = it.peer(0).core.cache.stats();
      assert.deepEqual([evictions, lost], [3_000, 0]);
      assert.equal(it.count("changes"), 0);
    });
  },
);

redisTest(
  "bytes that are no text, and texts that are no JSON, come back as they were",
  async () => {
    await FrontCluster.with({}, async (it) => {
      await it.watched();
      const bytes = { "$base64": btoa(String.fromCharCode(0, 255, 1, 128)) };
      await it.put(0, "binary", bytes, { durable: true });
      assert.equal(await it.send("STRLEN", `${PREFIX}binary`), ":4\r\n");
      await it.peer(0).core.cache.invalidate("binary");
      assert.deepEqual(await it.read(2, "binary"), bytes);
      await it.send("SET", `${PREFIX}text`, "hello, wörld");
      assert.equal(await it.read(0, "text"), "hello, wörld");
      await it.send("SET", `${PREFIX}number`, "42");
      assert.equal(await it.read(0, "number"), 42);
      await it.put(1, "number", "42", { durable: true });
      assert.equal(await it.stored("number"), '"42"');
    });
  },
);

redisTest("when a key's home moves nothing is lost, and lines are looked at anew", async () => {
  await FrontCluster.with({}, async (it) => {
    await it.watched();
    for (let round = 0; round < 4; round++) {
      await it.put(0, "durable", round, { durable: true });
      await it.put(1, "dirty", round);
      await it.send("SET", `${PREFIX}theirs`, String(round));
      await it.everywhere("theirs", round);
      await it.moveHome("durable");
      await it.moveHome("dirty");
      await it.moveHome("theirs");
      await it.send("SET", `${PREFIX}theirs`, `${round + 100}`);
      await it.everywhere("theirs", round + 100);
      assert.equal(await it.read(2, "durable"), round);
      assert.equal(await it.read(2, "dirty"), round);
    }
    for (const { core } of it.peers) assert.equal(core.cache.stats().lost, 0);
  });
});
