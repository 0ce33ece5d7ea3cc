/**
 * The primary of a Redis with sentinels is killed under real peers, and its replica takes over. Replication is
 * asynchronous, so the replica may lack what was acknowledged. Who has its state there goes on where nothing is missing;
 * where something is, the peer ends, says why, and does not start again: it would vote with votes that it has forgotten.
 */
import assert from "node:assert/strict";
import { redisTest } from "../redis_server.ts";
import { RedisSentinels } from "../redis_sentinels.ts";
import { LockLoad } from "./lock_load.ts";
import { eventually, SkeinCluster, type SkeinProcess } from "./skein_process.ts";

const CLIENTS = 8;
const GRANTS = 50;
const EXIT_CORRUPT = 4;
const WENT_BACK = /Redis was rolled back: it had confirmed batch \d+ of this peer's, and has/;
const HELD = { owner: "somebody", timeout: 0, ttl: 600 };

async function grow(load: LockLoad): Promise<void> {
  const wanted = load.grants + GRANTS;
  await eventually("locks are granted", 60_000, () => {
    if (load.violation !== null) throw load.violation;
    assert.ok(load.grants >= wanted, `${load.grants} of ${wanted}`);
  });
}

/** A peer that was told too much ends by itself. */
async function assertEnded(peer: SkeinProcess): Promise<void> {
  const { code } = await peer.ends();
  assert.equal(code, EXIT_CORRUPT, peer.log.slice(-5).join("\n"));
  assert.ok(peer.logged(WENT_BACK) > 0, peer.log.slice(-5).join("\n"));
}

redisTest(
  "redis fails over under load: who goes on has lost nothing, who has lost something ends",
  async () => {
    await RedisSentinels.with(async (servers) => {
      const flags = ["--redis", servers.url, "--log-level", "warn"];
      await SkeinCluster.with({ flags }, async (cluster) => {
        const load = new LockLoad(cluster.peers, CLIENTS, { requestTimeoutMs: 3_000 });
        await grow(load);
        await servers.primary.down("SIGKILL");
        await servers.failedOver();
        await eventually("each peer goes on, or has ended", 60_000, async () => {
          for (const peer of cluster.running) {
            if (cluster.running.length < 2) continue;
            assert.equal((await peer.get("/ready")).status, 200, peer.name);
          }
        });
        const ended = cluster.peers.filter(({ up }) => !up);
        for (const peer of ended) await assertEnded(peer);
        console.log(`${ended.length} of ${cluster.peers.length} peers had lost something`);
        if (cluster.running.length < 2) {
          await Promise.all(cluster.peers.map((peer) => peer.kill()));
          return await load.stop().catch(() => {});
        }
        await grow(load);
        await load.stop();
      });
    });
  },
);

redisTest(
  "a replica that lacks what was acknowledged takes over: its peer ends, the others go on",
  async () => {
    await RedisSentinels.with(async (servers) => {
      // One of three has its state there, the others have logs of their own: nothing that was acknowledged is lost.
      const adapt = (options: SkeinProcess["options"], place: number) => {
        return place === 0 ? { ...options, flags: ["--redis", servers.url] } : options;
      };
      await SkeinCluster.with({ adapt }, async (cluster) => {
        const [victim, ...others] = cluster.peers as [SkeinProcess, ...SkeinProcess[]];
        await servers.cutReplica();
        const batches = () => victim.metric("skein_storage_batches_total");
        const confirmed = await batches();
        const before = { ...HELD, resource: "before" };
        assert.equal((await others[0]!.post("/lock/acquire", before)).status, 200);
        // The others are enough for the answer.
        await eventually("it was told that a batch is durable", 20_000, async () => {
          assert.ok(await batches() > confirmed);
        });
        await servers.primary.down("SIGKILL");
        await servers.failedOver();
        await assertEnded(victim);
        await cluster.ready(others);
        for (const other of others) {
          const { body } = await other.get("/lock/status?resource=before");
          assert.equal(body.holders[0].owner, "somebody");
        }

        victim.start();
        await assertEnded(victim);
        assert.ok(victim.logged(/without the keys skein:\{[^}]+:p1\}:\* it joins anew/) > 0);

        const { body } = await others[0]!.get("/cluster");
        const { id } = body.members.find(({ name }: { name: string }) => name === victim.name);
        assert.equal((await others[0]!.post("/cluster/remove", { member: id })).status, 200);
        await servers.replica.send("FLUSHALL");
        victim.start();
        await cluster.ready();
        assert.equal((await victim.post("/lock/release", before)).status, 200);
      });
    });
  },
);

redisTest(
  "a replica that lacks what was acknowledged takes over from all peers: none of them votes",
  async () => {
    await RedisSentinels.with(async (servers) => {
      await SkeinCluster.with({ flags: ["--redis", servers.url] }, async (cluster) => {
        await servers.cutReplica();
        for (const [place, peer] of cluster.peers.entries()) {
          const taken = await peer.post("/lock/acquire", { ...HELD, resource: `r${place}` });
          assert.equal(taken.status, 200);
        }
        await servers.primary.down("SIGKILL");
        await servers.failedOver();
        // Of three, two have voted for what is lost, and there is no telling for the third what it is.
        await eventually("too few are left", 60_000, () => assert.ok(cluster.running.length < 2));
        for (const peer of cluster.peers.filter(({ up }) => !up)) await assertEnded(peer);
        for (const peer of cluster.running) {
          const refused = await peer.post("/lock/acquire", { ...HELD, resource: "after" });
          assert.equal(refused.status, 503, JSON.stringify(refused.body));
        }
      });
    });
  },
);
