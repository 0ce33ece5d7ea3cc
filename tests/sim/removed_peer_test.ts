/** A peer that is removed and loses touch in the midst of it: it knows that it is no member, and is told nothing more. */
import assert from "node:assert/strict";
import { formed } from "./quiet_cluster.ts";

Deno.test("what a removed peer leads leaves it, though nobody tells it of its last configuration", async () => {
  const { scheduler, cluster, leader, others } = await formed();
  const led = [1, 2, 3, 4].find((group) => others.includes(cluster.leader(group)!))!;
  const removed = cluster.leader(led)!;
  const [other] = others.filter((peer) => peer !== removed);
  leader.attempt((core) => core.members.remove(removed.id, { force: false }, 5_000));
  for (let step = 0; removed.core!.members.find(removed.id) !== null; step++) {
    assert.ok(step < 10_000 && await scheduler.step());
  }
  // The other one is enough for it to go on leading.
  const cutOff = [[leader.id, removed.id], [removed.id, leader.id]] as const;
  for (const [from, to] of cutOff) cluster.network.cut(from, to);
  await scheduler.runUntil(scheduler.nowMs + 20_000);
  // From here on its own list of members is an old one.
  for (const draining of [true, false]) {
    leader.attempt((core) => core.members.drain(other!.id, draining, 5_000));
    await scheduler.runUntil(scheduler.nowMs + 100);
  }
  for (const [from, to] of cutOff) cluster.network.mend(from, to);
  assert.ok(removed.status() !== null, "its replica of group 0 waits for a leader");
  assert.equal(cluster.leader(led), removed);
  await scheduler.runUntil(scheduler.nowMs + 60_000);
  for (const group of [1, 2, 3, 4]) {
    assert.equal(removed.status(group), null, `its replica of partition ${group} has ended`);
    const { voters } = cluster.leader(group)!.status(group)!.configuration;
    assert.deepEqual(voters.map(({ peer }) => peer).sort(), [leader.id, other!.id].sort());
  }
});
