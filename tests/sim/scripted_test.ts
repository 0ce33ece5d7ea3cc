/** Short stories on a quiet virtual cluster, where chance would take long to tell them. */
import assert from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import { HEALED } from "./fault_rates.ts";
import { formed, LOCK } from "./quiet_cluster.ts";

Deno.test("a write whose leader was cut off has an unknown outcome, not a refusal", async () => {
  const { scheduler, cluster, leader, others } = await formed();
  for (const other of others) {
    cluster.network.cut(leader.id, other.id);
    cluster.network.cut(other.id, leader.id);
  }
  const code = leader.core!.locks.acquire(LOCK).then(
    () => "granted",
    (error: unknown) => (error as SkeinError).code,
  );
  await scheduler.runUntil(30_000);
  assert.equal(await code, "OUTCOME_UNKNOWN");
  // The others go on, and the one that comes back follows them.
  const next = cluster.leader();
  assert.ok(next !== null && next !== leader);
  cluster.network.mendAll();
  await scheduler.runUntil(40_000);
  assert.equal(leader.status()?.leader, next.id);
});

Deno.test("an idle cluster goes to sleep, and answers at once when it is woken", async () => {
  const { scheduler, cluster } = await formed();
  await scheduler.runUntil(20_000);
  assert.ok(cluster.peers.every((peer) => peer.status()?.asleep), "every replica sleeps");
  const before = scheduler.nowMs;
  const acquired = cluster.peers[1]!.core!.locks.acquire(LOCK);
  let grantedMs = Infinity;
  acquired.then(() => grantedMs = scheduler.nowMs);
  await scheduler.runUntil(before + 100);
  assert.ok(grantedMs < before + 100, "the lock is granted within 100 ms");
});

Deno.test("a read through a peer that lags waits until it has caught up", async () => {
  const network = { ...HEALED.network, loss: 0.3 };
  const { scheduler, leader, others } = await formed({ ...HEALED, network });
  let reads = 0;
  const run = async () => {
    for (let round = 0; round < 60; round++) {
      const resource = `r${round}`;
      const acquired = await leader.core!.locks.acquire({ ...LOCK, resource }).catch(() => null);
      if (!acquired?.ok) continue;
      const reader = others[round % 2]!.core!.locks;
      const view = await reader.status(resource, { stale: false }).catch(() => "unanswered");
      if (view === "unanswered") continue;
      assert.ok(typeof view === "object" && view !== null, `round ${round}: nobody holds it`);
      reads++;
    }
  };
  const running = run().then(() => null, (error: unknown) => error);
  await scheduler.runUntil(600_000);
  assert.equal(await running, null);
  assert.ok(reads > 20, `only ${reads} reads were answered`);
});
