/**
 * A peer is paused, as a virtual machine is, and another process takes its state in Redis meanwhile. When it goes on it
 * believes what it believed before; yet nothing that it writes counts any more.
 */
import assert from "node:assert/strict";
import { redisKeys } from "../../src/storage/redis/redis_keys.ts";
import { RedisServer, redisTest } from "../redis_server.ts";
import { FourLoads } from "./four_loads.ts";
import { eventually, freePorts, SkeinCluster, SkeinProcess } from "./skein_process.ts";

/** Longer than an owner is taken to live that says nothing. */
const REPLACED_TIMEOUT_MS = 40_000;
const EXIT_IN_USE = 5;
const TAKEN = /another process has taken over the state of this peer in Redis/;

redisTest(
  "a second peer of one name is refused, until the first is paused and cannot write",
  async () => {
    await RedisServer.with(["--appendfsync", "everysec"], async (server) => {
      await SkeinCluster.with({ peers: 1, flags: ["--redis", server.url] }, async (cluster) => {
        const [former] = cluster.peers as [SkeinProcess];
        assert.equal(
          former.logged(/appendfsync everysec.*up to two seconds/),
          1,
          "it is warned of",
        );
        const taken = { resource: "before", owner: "ann", timeout: 0, ttl: 600 };
        assert.equal((await former.post("/lock/acquire", taken)).status, 200);
        const [httpPort, peerPort] = freePorts(2) as [number, number];
        const latter = new SkeinProcess({ ...former.options, httpPort, peerPort });
        try {
          latter.start();
          assert.equal((await latter.ends()).code, EXIT_IN_USE, latter.log.join("\n"));
          assert.ok(latter.logged(/another process, which calls itself p1, has .* open/) > 0);
          assert.equal((await former.get("/ready")).status, 200);
          former.signal("SIGSTOP");
          latter.start();
          await eventually("the replacement is ready", REPLACED_TIMEOUT_MS, async () => {
            assert.equal((await latter.get("/ready")).status, 200);
          });
          former.signal("SIGCONT");
          const late = { resource: "after", owner: "bob", timeout: 0, ttl: 600 };
          // It meets the fence by this write, or by having said before that it lives, and ends.
          const answer = await former.post("/lock/acquire", late).catch(() => null);
          const refusals = [undefined, "OUTCOME_UNKNOWN", "STORAGE_FAILED"];
          assert.ok(refusals.includes(answer?.body.error), JSON.stringify(answer?.body));
          assert.equal((await former.ends()).code, EXIT_IN_USE, former.log.join("\n"));
          assert.ok(former.logged(TAKEN) > 0, former.log.join("\n"));
          assert.equal((await latter.get("/lock/status?resource=before")).status, 200);
          assert.equal((await latter.get("/lock/status?resource=after")).status, 404);
          assert.equal((await latter.post("/lock/acquire", late)).status, 200);
          former.start();
          assert.equal((await former.ends()).code, EXIT_IN_USE, former.log.join("\n"));
          assert.ok(former.logged(/has .*:state open and lives/) > 0);
          assert.equal((await latter.post("/lock/release", late)).status, 200);
        } finally {
          await latter.kill();
        }
      });
    });
  },
);

redisTest(
  "a leader is paused under load, and another process takes its keys: nothing of the former counts",
  async () => {
    await RedisServer.with([], async (server) => {
      const flags = ["--redis", server.url, "--log-level", "warn"];
      await SkeinCluster.with({ flags }, async (cluster) => {
        const former = await cluster.leader();
        const others = cluster.peers.filter((peer) => peer !== former);
        const asked = [...others, former];
        const loads = await FourLoads.start(asked);
        loads.fault();
        former.signal("SIGSTOP");
        // Whoever asked it would wait for it.
        asked.pop();
        try {
          // As if it had been paused for longer than an owner is taken to live, which the test above waits for.
          await server.send("DEL", redisKeys(former.options.clusterKey, former.name).owner);
          const latter = cluster.add(former.name);
          latter.start();
          await cluster.ready([...others, latter]);
          await loads.goOn("without the former");
          asked.push(latter, former);
          former.signal("SIGCONT");
          assert.equal((await former.ends()).code, EXIT_IN_USE, former.log.join("\n"));
          assert.ok(former.logged(TAKEN) > 0, former.log.join("\n"));
          asked.pop();
          await loads.goOn("behind the former");
        } finally {
          if (former.up) former.signal("SIGCONT");
        }
        console.log(await loads.finish());
      });
    });
  },
);

redisTest(
  "a Redis that has forgotten what it confirmed ends its peer, which does not start again",
  async () => {
    await RedisServer.with([], async (server) => {
      await SkeinCluster.with({ peers: 1, flags: ["--redis", server.url] }, async (cluster) => {
        const [peer] = cluster.peers as [SkeinProcess];
        await server.send("FLUSHALL");
        // It would notice by itself within seconds.
        await peer.post("/lock/acquire", { resource: "any", owner: "ann", timeout: 0 });
        for (let start = 0; start < 2; start++) {
          const { code } = await peer.ends();
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
