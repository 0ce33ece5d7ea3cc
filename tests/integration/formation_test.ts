/**
 * How real processes become a cluster: at once, one after the other, again with their data, later, alone and in two;
 * who is refused, and how a member leaves.
 */
import assert from "node:assert/strict";
import { removeState } from "../tested_state.ts";
import { limitMs, oneWithin } from "../speed_limit.ts";
import { eventually, SkeinCluster, type SkeinProcess } from "./skein_process.ts";

/** Far below the election timeout. On a machine of its own it takes less than 1 s, but tests share theirs. */
const FIRST_LEADER_LIMIT_MS = limitMs(8_000);
/** Twice the default election timeout. */
const AGAIN_LIMIT_MS = limitMs(4_000);

const HELD = { resource: "kept", owner: "a", ttl: 600 };

async function holders(peer: SkeinProcess, stale: boolean): Promise<string[]> {
  const { body } = await peer.get(`/lock/status?resource=kept${stale ? "&stale=true" : ""}`);
  return (body.holders ?? []).map(({ owner }: { owner: string }) => owner);
}

async function members(peer: SkeinProcess): Promise<Record<string, string>> {
  const { body } = await peer.get("/cluster");
  return Object.fromEntries(
    body.members.map(({ name, role }: { name: string; role: string }) => [name, role]),
  );
}

/** Starts all peers. @returns the time until one of them leads */
async function startAll(cluster: SkeinCluster): Promise<number> {
  const beganMs = performance.now();
  for (const peer of cluster.peers) peer.start();
  await cluster.leader();
  return Math.round(performance.now() - beganMs);
}

Deno.test("three processes have a leader at once: forming waits for no election timeout", async () => {
  // Whoever waited for an election timeout would be far too late.
  const flags = ["--election-timeout", "40,60"];
  await oneWithin("a leader, from the start of three", FIRST_LEADER_LIMIT_MS, async () => {
    let tookMs = Infinity;
    await SkeinCluster.with({ flags, started: 0 }, async (cluster) => {
      tookMs = await startAll(cluster);
      await cluster.ready();
      assert.deepEqual(await members(cluster.peers[0]!), { p1: "voter", p2: "voter", p3: "voter" });
    });
    return tookMs;
  });
});

Deno.test("after a power cut of all, their data gives a leader within 2 x the election timeout", async () => {
  await SkeinCluster.with({}, async (cluster) => {
    const { body } = await cluster.peers[1]!.post("/lock/acquire", HELD);
    await oneWithin("a leader, from the restart of three", AGAIN_LIMIT_MS, async () => {
      await Promise.all(cluster.peers.map((peer) => peer.kill()));
      const tookMs = await startAll(cluster);
      await cluster.ready();
      return tookMs;
    });
    for (const peer of cluster.peers) assert.deepEqual(await holders(peer, true), ["a"]);
    const again = await cluster.peers[2]!.post("/lock/acquire", HELD);
    assert.equal(again.body.fencing_token, body.fencing_token);
  });
});

Deno.test("peers that start one after the other form when the last is there", async () => {
  await SkeinCluster.with({ started: 0 }, async (cluster) => {
    for (const peer of cluster.peers) {
      for (const other of cluster.running) {
        const { status, body } = await other.get("/health");
        assert.equal(status, 503);
        assert.match(body.reasons.join(), /waits for 3 peers|of 3/, "says for whom it waits");
        const refused = await other.post("/lock/acquire", HELD);
        assert.deepEqual([refused.status, refused.body.success], [503, false]);
      }
      peer.start();
      await eventually(`${peer.name} answers`, 20_000, () => peer.get("/health"));
      // Longer than connections, their retries and a proposal of a plan take.
      if (peer !== cluster.peers[2]) await new Promise((resolve) => setTimeout(resolve, 1_500));
    }
    await cluster.ready();
    assert.equal((await cluster.peers[0]!.post("/lock/acquire", HELD)).status, 200);
  });
});

Deno.test("who may join a cluster, and who leaves it", async (test) => {
  await SkeinCluster.with({}, async (cluster) => {
    const [first, second, third] = cluster.peers as [SkeinProcess, SkeinProcess, SkeinProcess];
    assert.equal((await first.post("/lock/acquire", HELD)).status, 200);

    await test.step("a peer with another cluster key is refused and counted, on both sides", async () => {
      const stranger = cluster.add("stranger", { clusterKey: "another key of sixteen bytes" });
      stranger.start();
      const refused = ["skein_handshakes_refused_total", 'reason="key"'] as const;
      await eventually("it is refused", 20_000, async () => {
        for (const peer of [first, second, third]) assert.ok(await peer.metric(...refused) > 0);
        assert.ok(stranger.logged(/refuse[sd].*key/) > 0, "the stranger is told");
        assert.ok(first.logged(/another cluster key/) > 0);
      });
      assert.equal((await stranger.get("/health")).status, 503);
      assert.deepEqual(Object.keys(await members(first)).sort(), ["p1", "p2", "p3"]);
      await stranger.kill();
    });

    const fourth = cluster.add("p4");
    await test.step("a fourth peer joins as a learner, and serves", async () => {
      fourth.start();
      await cluster.ready([fourth]);
      await eventually("all know it", 20_000, async () => {
        for (const peer of [first, second, third, fourth]) {
          assert.equal((await members(peer)).p4, "learner");
        }
      });
      assert.deepEqual(await holders(fourth, true), ["a"]);
      const refused = await fourth.post("/lock/acquire", { ...HELD, owner: "b" });
      assert.deepEqual([refused.status, refused.body.error], [409, "LOCK_HELD"]);
    });

    await test.step("a member that is removed says so, and stays out with its data", async () => {
      assert.equal((await second.post("/cluster/remove", { member: "p4" })).status, 200);
      for (const restart of [false, true]) {
        if (restart) {
          assert.equal((await fourth.end())?.code, 0);
          fourth.start();
        }
        await eventually("it says that it was removed", 20_000, async () => {
          const { status, body } = await fourth.get("/health");
          assert.equal(status, 503);
          assert.match(body.reasons.join(), /removed.*empty data directory/);
        });
        assert.deepEqual(Object.keys(await members(first)).sort(), ["p1", "p2", "p3"]);
      }
      const again = await second.post("/cluster/remove", { member: "p4" });
      assert.deepEqual([again.status, again.body.error], [404, "NOT_FOUND"]);
      await fourth.kill();
    });

    await test.step("an emptied data directory is another peer: its name is free once the former one is removed", async () => {
      const { body: { id: formerId } } = await third.get("/cluster/self");
      await third.kill();
      await removeState(third.options.directory);
      third.start();
      await eventually("it is told that the name is taken", 20_000, () => {
        assert.ok(third.logged(/the name p3 belongs to the member .*remove that member/) > 0);
      });
      assert.equal((await third.get("/health")).status, 503);
      assert.equal((await first.post("/cluster/remove", { member: formerId })).status, 200);
      await cluster.ready([third]);
      await eventually("it votes", 20_000, async () => {
        assert.deepEqual(await members(first), { p1: "voter", p2: "voter", p3: "voter" });
      });
      const { body } = await third.get("/cluster/self");
      assert.notEqual(body.id, formerId);
      assert.deepEqual(await holders(third, true), ["a"]);
    });
  });
});

Deno.test("a single peer is a cluster of its own", async () => {
  await SkeinCluster.with({ peers: 1 }, async ({ peers: [peer] }) => {
    const { body } = await peer!.post("/lock/acquire", HELD);
    await peer!.kill();
    peer!.start();
    await eventually("it has its lock again", 20_000, async () => {
      assert.deepEqual(await holders(peer!, false), ["a"]);
    });
    const again = await peer!.post("/lock/acquire", HELD);
    assert.equal(again.body.fencing_token, body.fencing_token);
    assert.deepEqual((await peer!.get("/cluster")).body.warnings, []);
  });
});

Deno.test("a cluster of two warns that it stops when either peer stops, and does", async () => {
  const flags = ["--election-timeout", "0.3,0.6", "--heartbeat", "0.05"];
  await SkeinCluster.with({ peers: 2, flags }, async (cluster) => {
    const [first, second] = cluster.peers;
    for (const peer of cluster.peers) {
      const { body } = await peer.get("/cluster");
      assert.match(body.warnings.join(), /cluster of two stops when either peer stops/);
    }
    assert.equal((await first!.post("/lock/acquire", HELD)).status, 200);
    await second!.kill();
    await eventually("it answers that it knows no leader", 20_000, async () => {
      const { status, body } = await first!.post("/lock/acquire", { resource: "r", owner: "b" });
      assert.deepEqual([status, body.error], [503, "NO_LEADER"]);
    });
    second!.start();
    await cluster.ready();
    assert.deepEqual(await holders(second!, false), ["a"]);
  });
});
