/**
 * A peer is paused, as a virtual machine is, and another process takes its state in Redis meanwhile. When it goes on it
 * believes what it believed before; yet nothing that it writes counts any more.
 */
import assert from "node:assert/strict";
import { RedisServer, redisTest } from "../redis_server.ts";
import { eventually, freePorts, SkeinCluster, SkeinProcess } from "./skein_process.ts";

/** Longer than an owner is taken to live that says nothing. */
const REPLACED_TIMEOUT_MS = 40_000;

redisTest("a paused peer whose replacement took its keys cannot write afterwards", async () => {
  await RedisServer.with([], async (server) => {
    await SkeinCluster.with({ peers: 1, flags: ["--redis", server.url] }, async (cluster) => {
      const [former] = cluster.peers as [SkeinProcess];
      const taken = { resource: "before", owner: "ann", timeout: 0, ttl: 600 };
      assert.equal((await former.post("/lock/acquire", taken)).status, 200);
      former.signal("SIGSTOP");
      const [httpPort, peerPort] = freePorts(2) as [number, number];
      const latter = new SkeinProcess({ ...former.options, httpPort, peerPort });
      try {
        latter.start();
        await eventually("the replacement is ready", REPLACED_TIMEOUT_MS, async () => {
          assert.equal((await latter.get("/ready")).status, 200);
        });
        former.signal("SIGCONT");
        const late = { resource: "after", owner: "bob", timeout: 0, ttl: 600 };
        const answer = await former.post("/lock/acquire", late);
        // It meets the fence by this write, or by having said before that it lives.
        const refusals = ["OUTCOME_UNKNOWN", "STORAGE_FAILED"];
        assert.ok(refusals.includes(answer.body.error), JSON.stringify(answer.body));
        assert.match(answer.body.message, /another process has taken over the state of this peer/);
        const again = await former.post("/lock/acquire", late);
        assert.deepEqual([again.status, again.body.error], [503, "STORAGE_FAILED"]);
        assert.equal((await latter.get("/lock/status?resource=before")).status, 200);
        assert.equal((await latter.get("/lock/status?resource=after")).status, 404);
        assert.equal((await latter.post("/lock/acquire", late)).status, 200);
        await eventually("the former one is kept out", 20_000, () => {
          assert.ok(former.logged(/has .*:state open and lives/) > 0);
        });
        assert.equal((await latter.post("/lock/release", late)).status, 200);
      } finally {
        await latter.kill();
      }
    });
  });
});

redisTest("two peers of one name: the second one is refused, and the first goes on", async () => {
  await RedisServer.with(["--appendfsync", "everysec"], async (server) => {
    await SkeinCluster.with({ peers: 1, flags: ["--redis", server.url] }, async (cluster) => {
      const [first] = cluster.peers as [SkeinProcess];
      assert.equal(first.logged(/appendfsync everysec.*up to two seconds/), 1, "it is warned of");
      const [httpPort, peerPort] = freePorts(2) as [number, number];
      const second = new SkeinProcess({ ...first.options, httpPort, peerPort });
      second.start();
      const { code } = await second.ended;
      assert.equal(code, 5, second.log.join("\n"));
      assert.match(second.log.join("\n"), /another process, which calls itself p1, has .* open/);
      assert.equal((await first.get("/ready")).status, 200);
    });
  });
});

redisTest(
  "a Redis that has forgotten what it confirmed ends its peer, which does not start again",
  async () => {
    await RedisServer.with([], async (server) => {
      await SkeinCluster.with({ peers: 1, flags: ["--redis", server.url] }, async (cluster) => {
        const [peer] = cluster.peers as [SkeinProcess];
        await server.send("FLUSHALL");
        for (let start = 0; start < 2; start++) {
          const { code } = await peer.ended;
          assert.equal(code, 4, peer.log.slice(-5).join("\n"));
          const said =
            /cannot open the state in Redis: Redis was rolled back: it had confirmed batch/;
          assert.equal(peer.logged(said), start + 1, peer.log.slice(-5).join("\n"));
          if (start === 0) peer.start();
        }
      });
    });
  },
);
