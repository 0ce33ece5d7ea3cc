/**
 * The end of peers that are asked to stop where nobody can take over from them, and of a leader that sleeps and,
 * when it wakes up, grants and tells nothing that another one has overtaken. Where somebody can take over:
 * `planned_restart_test.ts`.
 */
import assert from "node:assert/strict";
import { limitMs } from "../speed_limit.ts";
import { LockLoad } from "./lock_load.ts";
import { eventually, SkeinCluster, type SkeinProcess } from "./skein_process.ts";

const STOP_LIMIT_MS = limitMs(5_000);
const FAST = ["--election-timeout", "0.3,0.6", "--heartbeat", "0.05", "--log-level", "warn"];

async function stopInTime(peer: SkeinProcess): Promise<number> {
  const beganMs = performance.now();
  const status = await peer.end("SIGTERM");
  const tookMs = Math.round(performance.now() - beganMs);
  assert.equal(status?.code, 0, peer.log.slice(-10).join("\n"));
  assert.ok(tookMs < STOP_LIMIT_MS, `it stopped after ${tookMs} ms`);
  return tookMs;
}

Deno.test("a peer that is asked to stop is not ready from that moment, and answers all the same", async () => {
  await SkeinCluster.with({ flags: ["--election-timeout", "10,20"] }, async (cluster) => {
    const leader = await cluster.leader();
    const followers = await cluster.followers();
    // Nobody takes the leadership, so that handing it over lasts.
    for (const peer of followers) peer.signal("SIGSTOP");
    const stopped = stopInTime(leader);
    await eventually("it is not ready", 1_000, async () => {
      const { status, body } = await leader.get("/ready");
      assert.equal(status, 503);
      assert.deepEqual(body.reasons, ["the peer is stopping"]);
    });
    assert.equal((await leader.get("/health")).status, 200);
    await stopped;
    for (const peer of followers) peer.signal("SIGCONT");
  });
});

Deno.test("all peers that are asked to stop at once stop as fast, idle or not", async () => {
  await SkeinCluster.with({ flags: FAST }, async (cluster) => {
    const tookMs = await Promise.all(cluster.peers.map(stopInTime));
    console.log(`stopped in ${tookMs.join(", ")} ms`);
    for (const peer of cluster.peers) peer.start();
    await cluster.ready();
    const load = new LockLoad(cluster.peers, 24);
    await eventually("grants", 20_000, () => assert.ok(load.grants > 50));
    const loadedMs = await Promise.all(cluster.peers.map(stopInTime));
    console.log(`stopped under load in ${loadedMs.join(", ")} ms`);
    for (const peer of cluster.peers) peer.start();
    await load.stop();
  });
});

Deno.test("a peer without a quorum stops as fast, its open requests answered", async () => {
  await SkeinCluster.with({ flags: FAST }, async (cluster) => {
    const leader = await cluster.leader();
    for (const peer of await cluster.followers()) await peer.kill();
    const open = leader.post("/lock/acquire", { resource: "r", owner: "a", timeout: 60 });
    await eventually("it has the request", 20_000, async () => {
      // The question itself is one.
      assert.ok(await leader.metric("skein_http_requests_in_flight") > 1);
    });
    const tookMs = await stopInTime(leader);
    const { status, body } = await open;
    assert.ok(status === 503 || status === 504, JSON.stringify(body));
    console.log(`stopped in ${tookMs} ms without a quorum`);
  });
});

Deno.test("a leader that slept through an election grants nothing twice and steps down", async () => {
  await SkeinCluster.with({ flags: FAST }, async (cluster) => {
    const load = new LockLoad(cluster.peers, 24, { requestTimeoutMs: 1_000 });
    for (let round = 0; round < 3; round++) {
      const sleeper = await cluster.leader();
      const awake = cluster.peers.filter((peer) => peer !== sleeper);
      sleeper.signal("SIGSTOP");
      const before = load.grants;
      const next = await cluster.leader(awake);
      await eventually("the others grant", 20_000, () => {
        if (load.violation !== null) throw load.violation;
        assert.ok(load.grants > before + 50);
      });
      // What was granted before it was asked must be in its answer, whatever it believes when it wakes up.
      const resource = `slept-${round}`;
      const { status } = await next.post("/lock/acquire", { resource, owner: "a", ttl: 600 });
      assert.equal(status, 200);
      const read = sleeper.get(`/lock/status?resource=${resource}`, 30_000);
      const write = sleeper.post("/lock/acquire", { resource, owner: "b" }, {}, 30_000);
      sleeper.signal("SIGCONT");
      assert.equal((await read).body.holders?.[0]?.owner, "a", JSON.stringify((await read).body));
      assert.equal((await write).body.error, "LOCK_HELD", JSON.stringify((await write).body));
      await eventually("it follows", 20_000, async () => {
        const { body } = await sleeper.get("/raft/state");
        assert.equal(body.role, "follower");
        assert.ok(body.leader !== null);
      });
    }
    await load.stop();
    console.log(`${load.grants} grants, ${load.retries} retries, 3 leaders put to sleep`);
  });
});
