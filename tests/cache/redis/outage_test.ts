/** Redis goes away, and comes back: what is read meanwhile, what is refused and with which words, and what is kept. */
import assert from "node:assert/strict";
import { eventually } from "../../eventually.ts";
import { redisTest } from "../../redis_server.ts";
import { limitMs } from "../../speed_limit.ts";
import { FrontCluster, PREFIX } from "./front_cluster.ts";

const AWAY =
  /Redis at redis:\/\/127\.0\.0\.1:\d+ (?:does not listen|does not answer|has closed the connection)/;
/** A second of patience, a reply's deadline, and what a machine with much to do takes. */
const BOUND_MS = limitMs(8_000);

async function within(work: () => Promise<unknown>): Promise<void> {
  const begunMs = performance.now();
  await work();
  assert.ok(performance.now() - begunMs < BOUND_MS, "nobody waits for long");
}

redisTest(
  "lines are read on for their time, and what is missing is a 503 with the reason",
  async () => {
    await FrontCluster.with({ front: { lineTtlMs: 4_000 } }, async (it) => {
      await it.watched();
      await it.put(0, "k", 1, { durable: true });
      await it.everywhere("k", 1);
      await it.server.down();
      const refusal = { code: "UNAVAILABLE", message: AWAY };
      await within(() => assert.rejects(it.get(0, "missing"), refusal));
      for (const place of [0, 1, 2]) assert.equal((await it.get(place, "k")).status, "hit");
      await eventually("nobody reads it for longer than was promised", 10_000, async () => {
        for (const place of [0, 1, 2]) await assert.rejects(it.get(place, "k"), refusal);
      });
      await within(() => assert.rejects(it.put(0, "new", 1), refusal));
      await within(() => assert.rejects(it.peer(1).core.cache.delete("k", null), AWAY));
      const request = { kind: "caller", principal: "p", id: "1" } as const;
      await within(() => assert.rejects(it.put(0, "k", 1, { request }), AWAY));
      const { watch, reason } = it.peer(0).core.cache.stats().front!;
      assert.equal(watch, null);
      assert.match(reason!, AWAY);
      await it.server.up();
      await it.watched();
      await it.everywhere("k", 1);
      assert.equal((await it.put(2, "new", 2, { durable: true })).ok, true);
    });
  },
);

redisTest(
  "what was written is kept until Redis is back, and no more is taken than is promised",
  async () => {
    await FrontCluster.with({ front: { lineTtlMs: 60_000 } }, async (it) => {
      await it.watched();
      await it.put(0, "k", "old", { durable: true });
      await it.put(0, "idle", "old", { durable: true });
      await it.server.down();
      await it.put(0, "k", "new");
      await it.put(0, "idle", "new");
      const message = /the write of "k" is not committed yet: Redis at/;
      await eventually("two flush intervals later no write is taken", 5_000, async () => {
        await assert.rejects(it.put(0, "k", "newer"), { code: "UNAVAILABLE", message });
      });
      assert.match(String(await it.read(0, "k")), /^newe?r?$/, "its owner reads what it wrote");
      const last = await it.read(0, "k");
      const refusal = { code: "UNAVAILABLE", message: AWAY };
      const removing = it.peers.flatMap(({ core: { cache } }) => {
        return [cache.invalidate("k"), cache.delete("k", null)];
      });
      await within(() => Promise.all(removing.map((one) => assert.rejects(one, refusal))));
      await it.server.up();
      await eventually("it is in Redis", 10_000, async () => {
        assert.equal(await it.stored("k"), last);
        assert.equal(await it.stored("idle"), "new");
      });
      await it.everywhere("idle", "new");
      for (const { core } of it.peers) assert.equal(core.cache.stats().lost, 0);
    });
  },
);

redisTest(
  "a write through that meets an outage is told so, and its outcome is not known",
  async () => {
    await FrontCluster.with({ front: { write: "through" } }, async (it) => {
      await it.watched();
      await it.put(0, "k", 1);
      await it.server.down();
      const refusal = { code: "OUTCOME_UNKNOWN", message: AWAY };
      await within(() => assert.rejects(it.put(0, "k", 2), refusal));
      await it.server.up();
      await it.everywhere("k", 2);
      await eventually("it is tried until it is done", 10_000, async () => {
        assert.equal(await it.stored("k"), "2");
      });
    });
  },
);

redisTest(
  "a server that hangs is not waited for without end, and lines end in their time",
  async () => {
    const front = { lineTtlMs: 1_000, timeouts: { replyMs: 500 } };
    await FrontCluster.with({ front }, async (it) => {
      await it.watched();
      await it.put(0, "k", 1, { durable: true });
      await it.everywhere("k", 1);
      it.server.signal("SIGSTOP");
      try {
        await within(() => assert.rejects(it.get(0, "missing"), AWAY));
        await eventually("lines are over", 10_000, async () => {
          for (const place of [0, 1, 2]) await assert.rejects(it.get(place, "k"), AWAY);
        });
      } finally {
        it.server.signal("SIGCONT");
      }
      await it.watched();
      await it.send("SET", `${PREFIX}k`, "2");
      await it.everywhere("k", 2);
    });
  },
);

redisTest("peers start without Redis, and their cache goes on once it is there", async () => {
  await FrontCluster.with({}, async (it) => {
    await it.server.down();
    await it.peer(0).stop();
    await it.peer(0).start();
    await assert.rejects(it.get(0, "k"), AWAY);
    await it.server.up();
    await it.watched();
    await it.put(0, "k", 1, { durable: true });
    await it.everywhere("k", 1);
  });
});
