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

redisTest("writes come to Redis within a flush interval, and are read by the application", async () => {
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
});

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
