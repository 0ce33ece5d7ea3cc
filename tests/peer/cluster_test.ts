import assert from "node:assert/strict";
import { FORMATION_PROPERTY } from "../../src/members/formation_record.ts";
import { limitMs } from "../speed_limit.ts";
import { type ClusterPeer, eventually, TestCluster } from "./cluster.ts";

const EXCLUSIVE = {
  mode: "exclusive",
  waitMs: 0,
  ttlMs: 30_000,
  request: null,
  signal: null,
} as const;

Deno.test("three peers form a cluster without waiting for an election timeout", async () => {
  // Longer than the cluster is waited for.
  await TestCluster.with({ electionTimeoutMs: 120_000 }, async ({ peers }) => {
    const views = peers.map(({ core }) => core.members.view());
    assert.equal(new Set(views.map(({ clusterId }) => clusterId)).size, 1);
    const granted = await peers[1]!.core.locks.acquire({
      ...EXCLUSIVE,
      resource: "r",
      owner: "a",
    });
    assert.ok(granted.ok);
  });
});

Deno.test("every peer grants locks, and tokens grow over all of them", async () => {
  await TestCluster.with({}, async ({ peers }) => {
    let token = 0;
    for (const [number, { core }] of peers.entries()) {
      const resource = `r${number}`;
      const granted = await core.locks.acquire({ ...EXCLUSIVE, resource, owner: "a" });
      assert.ok(granted.ok && granted.fencingToken > token);
      token = granted.fencingToken;
      for (const other of peers) {
        const refused = await other.core.locks.acquire({ ...EXCLUSIVE, resource, owner: "b" });
        assert.ok(!refused.ok && refused.code === "LOCK_HELD");
        const view = await other.core.locks.status(resource, { stale: false });
        assert.deepEqual(view?.holders.map(({ owner }) => owner), ["a"]);
      }
    }
  });
});

Deno.test("a waiter at one peer gets what a holder at another releases", async () => {
  await TestCluster.with({}, async ({ peers: [first, second, third] }) => {
    const held = { resource: "r", owner: "a" };
    assert.ok((await first!.core.locks.acquire({ ...EXCLUSIVE, ...held })).ok);
    const waiting = second!.core.locks.acquire({
      ...EXCLUSIVE,
      resource: "r",
      owner: "b",
      waitMs: 10_000,
    });
    await eventually("b waits", 2_000, async () => {
      const view = await third!.core.locks.status("r", { stale: false });
      assert.deepEqual(view?.waiters.map(({ owner }) => owner), ["b"]);
    });
    const released = await third!.core.locks.release({
      ...held,
      fencingToken: null,
      request: null,
    });
    assert.ok(released.ok);
    assert.ok((await waiting).ok);
  });
});

Deno.test("when the leader crashes the others go on, and it comes back with all it knew", async () => {
  await TestCluster.with({}, async (cluster) => {
    const [first] = cluster.peers;
    const held = await first!.core.locks.acquire({ ...EXCLUSIVE, resource: "r", owner: "a" });
    assert.ok(held.ok);
    const leader = cluster.leader!;
    const short = { resource: "short", owner: "a", ttlMs: 100 };
    assert.ok((await first!.core.locks.acquire({ ...EXCLUSIVE, ...short })).ok);
    assert.ok(!(await first!.core.locks.acquire({ ...EXCLUSIVE, ...short, owner: "b" })).ok);
    await eventually("the lease's end is logged", 3_000, () => {
      assert.ok(leader.lines.some(({ message }) => /DEADLOCK DETECTED on short/.test(message)));
    });
    await leader.crash();
    const other = cluster.running[0]!;
    const began = performance.now();
    const granted = await other.core.locks.acquire({ ...EXCLUSIVE, resource: "s", owner: "b" });
    assert.ok(granted.ok && granted.fencingToken > held.fencingToken);
    assert.ok(performance.now() - began < limitMs(1_200), "a grant within 1.2 s of the crash");
    leader.lines.length = 0;
    await leader.start();
    await cluster.ready();
    const repeated = leader.lines.filter(({ message }) => message.includes("DEADLOCK DETECTED"));
    assert.deepEqual(repeated, [], "what was logged before the crash is not logged again");
    const view = await leader.core.locks.status("r", { stale: false });
    assert.equal(view?.holders[0]?.fencingToken, held.fencingToken);
  });
});

Deno.test("a later peer joins as a learner and serves locks, from a snapshot too", async () => {
  await TestCluster.with({ peers: 4, expect: 3, snapshotEntries: 20 }, async (cluster) => {
    const joined = cluster.peers.find(({ core }) => core.groups.status(0)?.role === "learner");
    assert.ok(joined !== undefined);
    for (let number = 0; number < 50; number++) {
      const granted = await joined.core.locks.acquire({
        ...EXCLUSIVE,
        resource: `r${number}`,
        owner: "a",
      });
      assert.ok(granted.ok);
    }
    await eventually("all know the same four members", 5_000, () => {
      for (const { core } of cluster.peers) {
        const names = core.members.view().members.map(({ name }) => name).sort();
        assert.deepEqual(names, ["p1", "p2", "p3", "p4"]);
        const list = core.groups.status(0)!;
        assert.equal(list.appliedIndex, cluster.leader?.core.groups.status(0)?.appliedIndex);
      }
    });
  });
});

Deno.test("a peer that knows nobody is met at its address, joins, and stays connected", async () => {
  await TestCluster.with({}, async (cluster) => {
    const asked = cluster.peers[0]!;
    const peer = await cluster.add({ hasList: false });
    const address = `127.0.0.1:${peer.port}`;
    const { id, name } = peer.core;
    const { members } = asked.core;
    assert.deepEqual(await members.add(address, 10_000), { id, name, wasMember: false });
    assert.deepEqual(await members.add(address, 10_000), { id, name, wasMember: true });
    await cluster.ready();
    for (const other of cluster.peers.slice(0, 3)) {
      await eventually(`${other.name} is connected to it`, 10_000, () => {
        assert.equal(other.core.members.find(id)?.state, "alive");
      });
    }
    await peer.stop();
    await assert.rejects(members.add("127.0.0.1:1", 200), {
      code: "UNAVAILABLE",
      message: "no peer answers at 127.0.0.1:1",
    });
  });
});

Deno.test("a peer that stops hands leadership over: no write waits for an election", async () => {
  await TestCluster.with({}, async (cluster) => {
    const leader = cluster.leader!;
    const other = cluster.peers.find((peer) => peer !== leader)!;
    const stopping = leader.stop();
    let longestMs = 0;
    for (let round = 0; leader.up || round < 20; round++) {
      const began = performance.now();
      const granted = await other.core.locks.acquire({
        ...EXCLUSIVE,
        resource: `r${round}`,
        owner: "a",
      });
      assert.ok(granted.ok);
      longestMs = Math.max(longestMs, performance.now() - began);
    }
    await stopping;
    assert.ok(longestMs < limitMs(250), `the longest write took ${longestMs.toFixed(0)} ms`);
  });
});

Deno.test("a founder whose torn commit lost its groups founds them again", async () => {
  await TestCluster.with({}, async (cluster) => {
    const founder = cluster.peers.find(({ leads }) => !leads)!;
    await founder.stop();
    const former = await founder.state.open();
    const { properties } = former.recovered;
    await former.storage.close();
    await founder.state.erase();
    const { storage: torn } = await founder.state.open();
    const value = properties.get(FORMATION_PROPERTY)!;
    await torn.append([{ kind: "property", name: FORMATION_PROPERTY, value }]);
    await torn.close();
    await founder.start();
    await cluster.ready();
    const granted = await founder.core.locks.acquire({ ...EXCLUSIVE, resource: "r", owner: "a" });
    assert.ok(granted.ok);
  });
});

Deno.test("peers tell each other what their caches stand in front of, and warn where that differs", async () => {
  await TestCluster.with({ partitions: 2 }, async (cluster) => {
    const warnings = () => cluster.running.map(({ core }) => core.members.view().warnings.join());
    assert.deepEqual(warnings(), ["", "", ""]);
    const [, , third] = cluster.peers as [ClusterPeer, ClusterPeer, ClusterPeer];
    await third.stop();
    Object.assign(cluster.options, { cacheFront: "a Redis" });
    await third.start();
    await eventually("every peer says so", 10_000, () => {
      const [first, second, own] = warnings();
      assert.match(first!, /in front of nothing here, and of a Redis at p3/);
      assert.match(second!, /in front of nothing here, and of a Redis at p3/);
      assert.match(own!, /in front of a Redis here, and of nothing at p[12], p[12]/);
    });
    await cluster.ready();
  });
});
