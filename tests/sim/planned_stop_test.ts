/**
 * Leaders that are asked to stop, in virtual time: what callers wait then is what messages and writes take, and
 * nobody's timer. Elections by timeout last half a second and more here.
 */
import assert from "node:assert/strict";
import type { RequestKey } from "../../src/groups/groups.ts";
import { type Formed, formed, LOCK } from "./quiet_cluster.ts";
import type { VirtualPeer } from "./virtual_peer.ts";

const CALLERS = 32;
/** Messages take a millisecond here, writes about as much. */
const HAND_OVER_MS_MAX = 60;

/** Callers that acquire and release through one peer each, and never pause. */
class Callers {
  readonly #scheduler: Formed["scheduler"];
  readonly failures: unknown[] = [];
  calls = 0;
  longestGapMs = 0;
  #lastMs: number;
  #stopping = false;

  constructor(scheduler: Formed["scheduler"], peers: readonly VirtualPeer[]) {
    this.#scheduler = scheduler;
    this.#lastMs = scheduler.nowMs;
    for (let number = 0; number < CALLERS; number++) {
      void this.#run(peers[number % peers.length]!, `r${number}`).catch((error) => {
        this.failures.push(error);
      });
    }
  }

  async #run(peer: VirtualPeer, resource: string): Promise<void> {
    const { locks } = peer.core!;
    const held = { resource, owner: "o", fencingToken: null, request: null };
    while (!this.#stopping) {
      assert.ok((await locks.acquire({ ...LOCK, resource })).ok);
      this.#answered();
      assert.ok((await locks.release(held)).ok);
      this.#answered();
    }
  }

  #answered(): void {
    const { nowMs } = this.#scheduler;
    this.longestGapMs = Math.max(this.longestGapMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
    this.calls++;
  }

  stop(): void {
    this.#stopping = true;
  }
}

Deno.test("a leader that drains hands over within a few messages, and no call fails, its own callers' included", async () => {
  const { scheduler, cluster, leader } = await formed();
  const callers = new Callers(scheduler, cluster.peers);
  await scheduler.runUntil(scheduler.nowMs + 300);
  const before = callers.calls;
  callers.longestGapMs = 0;
  let drained = false;
  void leader.core!.drain().then(() => drained = true);
  await scheduler.runUntil(scheduler.nowMs + 300);
  assert.ok(drained && cluster.leader() !== leader);
  callers.stop();
  await scheduler.runUntil(scheduler.nowMs + 300);
  assert.deepEqual(callers.failures, []);
  assert.ok(callers.calls > before + 10 * CALLERS);
  assert.ok(callers.longestGapMs < HAND_OVER_MS_MAX, `a gap of ${callers.longestGapMs} ms`);
});

Deno.test("a leader is restarted, and no call through the others fails or waits for an election", async () => {
  const { scheduler, cluster, leader, others } = await formed();
  const callers = new Callers(scheduler, others);
  await scheduler.runUntil(scheduler.nowMs + 300);
  callers.longestGapMs = 0;
  leader.restart(300);
  await scheduler.runUntil(scheduler.nowMs + 200);
  assert.ok(!leader.running, "it is gone");
  await scheduler.runUntil(scheduler.nowMs + 2_000);
  assert.ok(leader.core!.ready().healthy);
  callers.stop();
  await scheduler.runUntil(scheduler.nowMs + 300);
  assert.deepEqual(callers.failures, []);
  assert.ok(callers.longestGapMs < HAND_OVER_MS_MAX, `a gap of ${callers.longestGapMs} ms`);
  assert.ok(cluster.leader() !== leader, "it does not take back what it gave away");
});

Deno.test("a peer that is handed leadership while it drains passes it on before it ends", async () => {
  const { scheduler, cluster, leader, others } = await formed();
  const [draining, staying] = others as [VirtualPeer, VirtualPeer];
  await settle(scheduler, draining.core!.drain());
  await settle(scheduler, leader.core!.groups.transferLeadership(0, draining.id, 1_000));
  assert.equal(cluster.leader(), draining);
  draining.restart(60_000);
  await scheduler.runUntil(scheduler.nowMs + 100);
  assert.ok(!draining.running && [leader, staying].includes(cluster.leader()!));
});

Deno.test("a leader whose cluster sleeps hands over as fast", async () => {
  const { scheduler, cluster, leader } = await formed();
  await scheduler.runUntil(scheduler.nowMs + 30_000);
  assert.ok(leader.status()?.asleep);
  leader.restart(60_000);
  await scheduler.runUntil(scheduler.nowMs + 100);
  const successor = cluster.leader();
  assert.ok(!leader.running && successor !== null);
  const granted = await settle(scheduler, successor.core!.locks.acquire(LOCK));
  assert.ok(granted.ok);
});

Deno.test("a successor that goes away is not waited for", async () => {
  const { scheduler, cluster, leader, others } = await formed();
  const [first, second] = others as [VirtualPeer, VirtualPeer];
  // Whoever is asked first does not answer, and is gone a moment later.
  for (const other of others) other.actor!.pausedUntilMs = Infinity;
  let drained = false;
  void leader.core!.drain().then(() => drained = true);
  await scheduler.runUntil(scheduler.nowMs + 100);
  assert.ok(!drained);
  first.kill();
  second.kill();
  await scheduler.runUntil(scheduler.nowMs + 250);
  assert.ok(drained, "long before the attempts' time is over");
  assert.equal(cluster.leader(), leader);
});

Deno.test("an acquire that waits at the peer that stops goes on through another, and is next", async () => {
  const { scheduler, leader, others } = await formed();
  const [first, second] = others as [VirtualPeer, VirtualPeer];
  const locksOf = (peer: VirtualPeer) => peer.core!.locks;
  const lock = { ...LOCK, ttlMs: 60_000 };
  assert.ok((await settle(scheduler, locksOf(first).acquire(lock))).ok);
  const request: RequestKey = { kind: "caller", principal: "test", id: "waits" };
  const wanted = { ...lock, owner: "waits", waitMs: 60_000, request };
  const wait = locksOf(leader).acquire(wanted).then(() => null, ({ code }) => code);
  await scheduler.runUntil(scheduler.nowMs + 100);
  const later = locksOf(second).acquire({ ...wanted, owner: "later", request: null });
  await scheduler.runUntil(scheduler.nowMs + 100);
  leader.restart(1_000);
  assert.equal(await settle(scheduler, wait), "OUTCOME_UNKNOWN");
  const again = locksOf(second).acquire(wanted);
  // Its former run is found to be over, which must not touch who is waited for elsewhere now.
  await scheduler.runUntil(scheduler.nowMs + 10_000);
  const held = { resource: "r", fencingToken: null, request: null };
  assert.ok((await settle(scheduler, locksOf(first).release({ ...held, owner: "o" }))).ok);
  assert.ok((await settle(scheduler, again)).ok);
  assert.ok((await settle(scheduler, locksOf(first).release({ ...held, owner: "waits" }))).ok);
  assert.ok((await settle(scheduler, later)).ok);
});

/** Runs the cluster until this is settled. */
async function settle<T>(scheduler: Formed["scheduler"], work: Promise<T>): Promise<T> {
  let done = false;
  const mark = () => void (done = true);
  work.then(mark, mark);
  for (let round = 0; !done; round++) {
    assert.ok(round < 1_000, "it is settled in time");
    await scheduler.runUntil(scheduler.nowMs + 10);
  }
  return await work;
}
