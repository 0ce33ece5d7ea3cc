/**
 * kill -9 of random peers under load. `SKEIN_KILL_ROUNDS=100 deno task test tests/integration/kill_test.ts`
 * runs it longer.
 */
import assert from "node:assert/strict";
import { limitMs, oneWithin } from "../speed_limit.ts";
import { LockLoad } from "./lock_load.ts";
import { eventually, SkeinCluster } from "./skein_process.ts";

const ROUNDS = Number(Deno.env.get("SKEIN_KILL_ROUNDS") ?? 4);
const CLIENTS = 32;

Deno.test(`over ${ROUNDS} rounds of kill -9 and restart no grant and no release is lost`, async () => {
  const random = new Uint32Array(ROUNDS);
  crypto.getRandomValues(random);
  await SkeinCluster.with({ flags: ["--log-level", "warn"] }, async (cluster) => {
    const load = new LockLoad(cluster.peers, CLIENTS);
    for (const [round, number] of random.entries()) {
      const before = load.grants;
      const victim = cluster.peers[number % cluster.peers.length]!;
      await victim.kill();
      await eventually(`grants go on in round ${round}`, 10_000, () => {
        if (load.violation !== null) throw load.violation;
        assert.ok(load.grants > before + CLIENTS);
      });
      victim.start();
      await cluster.ready();
    }
    await load.stop();
    console.log(`${load.grants} grants, ${load.retries} retries, ${ROUNDS} kills: none lost`);
  });
});

const FAST = ["--election-timeout", "0.3,0.6", "--heartbeat", "0.05", "--log-level", "warn"];

for (
  const [settings, flags, withinMs] of [
    ["default settings", ["--log-level", "warn"], 3_000],
    ["short timeouts", FAST, 1_200],
  ] as const
) {
  Deno.test(`after kill -9 of the leader the next grant comes within ${withinMs} ms: ${settings}`, async () => {
    await SkeinCluster.with({ flags }, async (cluster) => {
      const load = new LockLoad(cluster.peers, CLIENTS);
      await oneWithin("without a grant, election included:", limitMs(withinMs), async () => {
        const before = load.grants;
        await cluster.ready();
        await eventually("the load runs", 10_000, () => assert.ok(load.grants > before + 100));
        return await pauseByKill(cluster, load);
      });
      await cluster.ready();
      await load.stop();
    });
  });
}

/** @returns the longest time without a grant, around a kill of the leader; it is started again */
async function pauseByKill(cluster: SkeinCluster, load: LockLoad): Promise<number> {
  const leader = await cluster.leader();
  load.longestPauseMs = 0;
  await leader.kill();
  const killedMs = performance.now();
  await cluster.leader();
  await eventually("grants by the next leader", 20_000, () => {
    // Answers that were on their way when the leader died are no grants of its successor's.
    assert.ok(load.lastGrantMs > killedMs + 100 && load.longestPauseMs > 100);
  });
  const pauseMs = Math.round(load.longestPauseMs);
  leader.start();
  return pauseMs;
}
