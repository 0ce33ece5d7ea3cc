/**
 * Acquires that wait while peers are restarted: through whichever peer they wait, their places in the queue and
 * the order of their grants stay. Who waits at the peer that stops goes on through another one.
 */
import assert from "node:assert/strict";
import { SkeinClient } from "../../src/client/mod.ts";
import { type JsonAnswer, SkeinCluster, type SkeinProcess } from "./skein_process.ts";
import { eventually } from "./skein_process.ts";

const FLAGS = ["--election-timeout", "10,20", "--log-level", "warn"];
const WAIT_MS = 60_000;
const ACQUIRE = { resource: "r", timeout: WAIT_MS / 1000, ttl: 600 };

async function waitersOf(peer: SkeinProcess): Promise<readonly string[]> {
  const { body } = await peer.get("/lock/status?resource=r");
  return (body.waiters ?? []).map(({ owner }: { readonly owner: string }) => owner);
}

/** The cluster with a lock that its first follower gave away, and somebody to ask about it. */
async function withHeldLock(
  test: (parts: {
    readonly cluster: SkeinCluster;
    readonly leader: SkeinProcess;
    readonly others: readonly SkeinProcess[];
    /** Waits until exactly these wait, in this order. */
    readonly queueIs: (...owners: readonly string[]) => Promise<void>;
  }) => Promise<void>,
): Promise<void> {
  await SkeinCluster.with({ flags: FLAGS }, async (cluster) => {
    const leader = await cluster.leader();
    const others = cluster.peers.filter((peer) => peer !== leader);
    const [asked] = others as [SkeinProcess];
    const held = await asked.post("/lock/acquire", { resource: "r", owner: "holder", ttl: 600 });
    assert.equal(held.status, 200);
    const queueIs = (...owners: readonly string[]) =>
      eventually(`${owners} wait`, 10_000, async () => {
        assert.deepEqual(await waitersOf(asked), owners);
      });
    await test({ cluster, leader, others, queueIs });
  });
}

async function stopCleanly(peer: SkeinProcess): Promise<void> {
  const status = await peer.end("SIGTERM");
  assert.equal(status?.code, 0, peer.log.slice(-10).join("\n"));
}

function waitAt(
  peer: SkeinProcess,
  owner: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<JsonAnswer> {
  return peer.post("/lock/acquire", { ...ACQUIRE, owner }, headers, 2 * WAIT_MS);
}

Deno.test("a queue keeps its order while every peer is restarted", async () => {
  await withHeldLock(async ({ cluster, leader, others, queueIs }) => {
    const [first, second] = others as [SkeinProcess, SkeinProcess];
    const grants: string[] = [];
    /** A program with our client, which asks this peer first. */
    const clientAt = async (peer: SkeinProcess, owner: string) => {
      const rest = cluster.peers.filter((other) => other !== peer);
      const { locks } = new SkeinClient({ urls: [peer, ...rest].map(({ url }) => url), owner });
      const lock = await locks.acquire("r", { waitMs: WAIT_MS, ttlMs: 600_000 });
      grants.push(owner);
      await locks.release(lock);
    };
    const queue = ["a", "b", "c", "d"];
    const running: Promise<void>[] = [];
    for (const [place, peer] of [leader, first, second, leader].entries()) {
      running.push(clientAt(peer, queue[place]!));
      await queueIs(...queue.slice(0, place + 1));
    }
    for (const peer of [leader, second, first]) {
      await stopCleanly(peer);
      const asked = cluster.peers.find(({ up }) => up)!;
      await eventually("nobody lost a place", 10_000, async () => {
        assert.deepEqual(await waitersOf(asked), queue);
      });
      peer.start();
      await cluster.ready();
      assert.deepEqual(await waitersOf(asked), queue);
    }
    await first.post("/lock/release", { resource: "r", owner: "holder" });
    await Promise.all(running);
    assert.deepEqual(grants, queue);
  });
});

Deno.test("a plain caller's wait at the peer that stops: under an id it keeps its place, else it is taken back", async () => {
  await withHeldLock(async ({ leader, others, queueIs }) => {
    const [other] = others as [SkeinProcess];
    const id = { "x-request-id": "order-17" };
    const named = waitAt(leader, "named", id);
    await queueIs("named");
    const unnamed = waitAt(leader, "unnamed");
    await queueIs("named", "unnamed");
    const later = waitAt(other, "later");
    await queueIs("named", "unnamed", "later");
    await stopCleanly(leader);
    const ends = await Promise.all([named, unnamed]);
    assert.deepEqual(ends.map(({ status, body }) => `${status} ${body.error}`), [
      "504 OUTCOME_UNKNOWN",
      "503 SHUTTING_DOWN",
    ]);
    await queueIs("named", "later");
    const again = waitAt(other, "named", id);
    await other.post("/lock/release", { resource: "r", owner: "holder" });
    assert.equal((await again).status, 200);
    await other.post("/lock/release", { resource: "r", owner: "named" });
    assert.equal((await later).status, 200);
  });
});

Deno.test("a wait at a peer that goes on is not touched by the leader's end", async () => {
  await withHeldLock(async ({ leader, others, queueIs }) => {
    const [first, second] = others as [SkeinProcess, SkeinProcess];
    const waits = [waitAt(first, "a"), waitAt(second, "b")];
    await eventually("both wait", 10_000, async () => {
      assert.equal((await waitersOf(first)).length, 2);
    });
    const [next] = await waitersOf(first) as [string];
    await stopCleanly(leader);
    await first.post("/lock/release", { resource: "r", owner: "holder" });
    assert.equal((await Promise.race(waits)).status, 200);
    await queueIs(next === "a" ? "b" : "a");
    await first.post("/lock/release", { resource: "r", owner: next });
    for (const { status } of await Promise.all(waits)) assert.equal(status, 200);
  });
});
