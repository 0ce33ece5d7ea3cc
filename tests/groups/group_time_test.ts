import assert from "node:assert/strict";
import { Fleet } from "./fleet.ts";

/** Group time as each running peer tells it. */
function times(fleet: Fleet): number[] {
  return fleet.running.map(({ service }) => service.timeMs(0));
}

function assertAlike(fleet: Fleet): void {
  const told = times(fleet);
  assert.ok(Math.max(...told) - Math.min(...told) <= 5, `times are ${told}`);
}

Deno.test("group time goes on through the crash of a leader: no lease is shortened, none much longer", async () => {
  const fleet = await Fleet.led();
  await fleet.settle(fleet.peers[0]!.add("n", 1), 100);
  await fleet.run(5_000);
  assertAlike(fleet);
  let truthMs = times(fleet)[0]!;
  let atMs = fleet.clock.monotonicMs();
  for (let round = 0; round < 3; round++) {
    const leader = fleet.leader()!;
    leader.crash();
    await fleet.until("another leads", () => fleet.leader() !== null, 10_000);
    await fleet.settle(fleet.leader()!.add("n", 1), 3_000);
    const passedMs = fleet.clock.monotonicMs() - atMs;
    const toldMs = fleet.leader()!.service.timeMs(0);
    assert.ok(toldMs <= truthMs + passedMs, "never ahead: a lease would end early");
    assert.ok(toldMs >= truthMs + passedMs - 10, "the time without a leader was measured");
    truthMs = toldMs;
    atMs = fleet.clock.monotonicMs();
    await leader.start();
    await fleet.run(500);
    assertAlike(fleet);
  }
  fleet.check();
});

Deno.test("while nobody runs group time stands still", async () => {
  const fleet = await Fleet.led();
  await fleet.run(5_000);
  await fleet.settle(fleet.peers[0]!.add("n", 1), 100);
  await fleet.run(200);
  const before = Math.max(...times(fleet));
  for (const peer of fleet.peers) peer.crash();
  await fleet.run(20_000);
  for (const peer of fleet.peers) await peer.start();
  await fleet.until("somebody leads", () => fleet.leader() !== null, 6_000);
  const passedMs = fleet.clock.monotonicMs();
  assert.ok(fleet.leader()!.service.timeMs(0) < before + 6_000, `${passedMs}`);
  await fleet.settle(fleet.leader()!.add("n", 1), 1_000);
  assert.ok(fleet.leader()!.group().machine.timeMs >= 5_000, "nor does it begin anew");
});

Deno.test("time is heard from the present leader only", async () => {
  const fleet = await Fleet.led();
  const [, second, third] = fleet.peers;
  await fleet.run(1_000);
  const before = third!.service.timeMs(0);
  const { term } = third!.group().raft;
  // From a peer that does not lead; of a term that is over; and without a leader's time at all.
  third!.host.receive("p2", "raft", [[0, 9_000_000, 1, 1, term, 4, 0, 1]]);
  third!.host.receive("p1", "raft", [[0, 9_000_000, 1, 1, term - 1, 4, 0, 1]]);
  third!.host.receive("p1", "raft", [[0, -1, 1, 1, term, 4, 0, 1]]);
  assert.equal(third!.service.timeMs(0), before);
  third!.host.receive("p1", "raft", [[0, 9_000_000, 1, 1, term, 4, 0, 1]]);
  assert.equal(third!.service.timeMs(0), 9_000_000);
  assert.ok(second!.service.timeMs(0) < 10_000);
});

Deno.test("a follower's time is never before what it has applied", async () => {
  const fleet = await Fleet.led();
  const [first, , third] = fleet.peers;
  await fleet.run(2_000);
  await fleet.settle(first!.add("n", 1), 100);
  await fleet.run(200);
  const appliedMs = third!.group().machine.timeMs;
  const { term } = third!.group().raft;
  third!.host.receive("p1", "raft", [[0, 5, 1, 1, term, 4, 0, 1]]);
  assert.equal(third!.service.timeMs(0), appliedMs);
});

Deno.test("a new leader's time goes on from its log's last stamp, whatever it heard", async () => {
  const fleet = await Fleet.led();
  const [first, second] = fleet.peers;
  await fleet.run(5_000);
  await fleet.settle(first!.add("n", 1), 100);
  await fleet.run(200);
  const { term, lastTimeMs } = second!.group().raft;
  // A message that was under way for very long.
  for (const peer of fleet.peers.slice(1)) {
    peer.host.receive("p1", "raft", [[0, 5, 1, 1, term, 4, 0, 1]]);
  }
  first!.crash();
  await fleet.until("another leads", () => fleet.leader() !== null, 6_000);
  const leader = fleet.leader()!;
  await fleet.run(1_000);
  assert.ok(leader.service.timeMs(0) >= lastTimeMs + 1_000, "it does not stand still");
});
