import assert from "node:assert/strict";
import { StorageFailedError } from "../../src/storage/storage.ts";
import { Fleet, foundedGroup, settled } from "./fleet.ts";

Deno.test("a command proposed anywhere is applied everywhere, once", async () => {
  const fleet = await Fleet.led();
  for (const [place, peer] of fleet.peers.entries()) {
    assert.equal(await fleet.settle(peer.add("n", 1), 100), place + 1);
  }
  await fleet.run(200);
  for (const peer of fleet.peers) assert.equal(peer.count("n"), 3);
  fleet.check();
});

Deno.test("proposals gather while a write is in flight, and share the next one", async () => {
  const fleet = await Fleet.led({ peers: 1 });
  const [peer] = fleet.peers;
  peer!.faults.delayMinMs = 20;
  const { batches, records } = peer!.storage.statistics();
  const adding = [peer!.add("n", 1)];
  for (let round = 0; round < 50; round++) {
    await settled();
    adding.push(peer!.add("n", 1));
  }
  await fleet.settle(Promise.all(adding), 60);
  const after = peer!.storage.statistics();
  assert.equal(after.batches, batches + 2);
  assert.ok(after.records <= records + 4, "and one record");
  assert.equal(peer!.count("n"), 51);
  fleet.check();
});

Deno.test("what waits in one group goes on when the write of another is over", async () => {
  const fleet = await Fleet.led({ peers: 1, groups: [0, 1] });
  const [peer] = fleet.peers;
  peer!.faults.delayMinMs = 20;
  const first = peer!.add("n", 1, { group: 0 });
  await fleet.run(1);
  const second = peer!.add("n", 1, { group: 1 });
  await fleet.settle(Promise.all([first, second]), 45);
});

Deno.test("groups share one write and one frame a peer", async () => {
  const fleet = await Fleet.led({ groups: [0, 1, 2, 3] });
  const [peer] = fleet.peers;
  await fleet.run(200);
  const { batches: before } = peer!.storage.statistics();
  fleet.network.counts.clear();
  const adding = fleet.groups.map((group) => peer!.add("n", 1, { group }));
  await fleet.run(1);
  assert.equal(peer!.storage.statistics().batches, before + 1);
  assert.equal(fleet.network.counts.get("raft"), 2);
  await fleet.settle(Promise.all(adding), 100);
  fleet.check();
});

Deno.test("nothing is acknowledged whose write failed, nobody hangs, and the others go on", async () => {
  const fleet = await Fleet.led();
  const [first, second] = fleet.peers;
  await fleet.settle(first!.add("n", 1), 100);
  first!.faults.delayMinMs = 20;
  // Nobody else has a copy: an acknowledgement could only come from the write that fails.
  for (const other of ["p2", "p3"]) fleet.network.cut("p1", other);
  const snapshot = first!.service.takeSnapshot(0);
  const logged = first!.add("n", 1);
  await fleet.run(1);
  const gathered = first!.add("n", 1);
  const reading = first!.service.readBarrier(0, 60_000);
  const transfer = first!.service.transferLeadership(0, "p2", 60_000);
  first!.faults.failChance = 1;
  const outcomes = await fleet.settle(
    Promise.allSettled([snapshot, logged, gathered, reading, transfer]),
    100,
  );
  const codes = outcomes.map((outcome) => outcome.status === "rejected" && outcome.reason.code);
  assert.deepEqual(codes, [
    "STORAGE_FAILED",
    "OUTCOME_UNKNOWN",
    "STORAGE_FAILED",
    "STORAGE_FAILED",
    "UNAVAILABLE",
  ]);
  assert.equal(first!.failures.length, 1);
  await assert.rejects(fleet.settle(first!.add("n", 1), 1), { code: "STORAGE_FAILED" });
  const late = first!.service.readBarrier(0, 1_000);
  await assert.rejects(fleet.settle(late, 1), { code: "STORAGE_FAILED" });
  fleet.network.heal();
  await fleet.until("another leads", () => second!.group().raft.leader !== "p1", 5_000);
  assert.equal(await fleet.settle(second!.add("n", 1), 5_000), 2, "the lost ones never happened");
  fleet.check();
});

Deno.test("a peer whose storage fails beside all writes of the host does not wait for the next one", async () => {
  const fleet = await Fleet.led();
  const [first] = fleet.peers;
  first!.faults.failChance = 1;
  const beside = first!.storage.append([
    { kind: "property", name: "beside", value: new Uint8Array(1) },
  ]);
  await assert.rejects(fleet.settle(beside, 100), StorageFailedError);
  await fleet.until("it says so", () => first!.failures.length === 1, 1_000);
  fleet.check();
});

Deno.test("after a failed write nothing leaves the peer any more", async () => {
  const fleet = await Fleet.led();
  const [first] = fleet.peers;
  first!.faults.failChance = 1;
  await assert.rejects(fleet.settle(first!.add("n", 1, { timeoutMs: 500 }), 1_000));
  let sent = 0;
  fleet.network.sees = ({ from }) => void (sent += from === "p1" ? 1 : 0);
  await fleet.run(2_000);
  assert.equal(sent, 0);
});

Deno.test("what comes while a peer is starting finds no group half loaded", async () => {
  const fleet = await Fleet.led({ groups: [0, 1], timing: { snapshotEntries: 5 } });
  const [leader, , third] = fleet.peers;
  for (let round = 0; round < 12; round++) {
    for (const group of fleet.groups) await fleet.settle(leader!.add("n", 1, { group }), 100);
  }
  await fleet.run(400);
  third!.crash();
  third!.readMs = 40;
  const starting = third!.begin();
  await fleet.until("it is there, and loads", () => third!.up && third!.group().restoring, 100);
  for (const group of fleet.groups) void leader!.add("n", 1, { group });
  // A new replica of a group that is in storage, but not yet back.
  third!.host.receive("p1", "raft", [[1, 5, 1, 9, 2, 4, 0, 1]]);
  third!.host.changed(third!.group());
  await fleet.settle(starting, 1_000);
  await fleet.until("it has everything", () => {
    return fleet.groups.every((group) => third!.count("n", group) === 13);
  }, 1_000);
  fleet.check();
});

Deno.test("listeners are told when a snapshot found at start is loaded", async () => {
  const fleet = await Fleet.led({ timing: { snapshotEntries: 5 } });
  const [leader, , third] = fleet.peers;
  for (let round = 0; round < 12; round++) await fleet.settle(leader!.add("n", 1), 100);
  await fleet.run(400);
  third!.crash();
  third!.readMs = 10;
  const starting = third!.begin();
  await fleet.until("it loads", () => third!.up && third!.group().restoring, 100);
  let seen = 0;
  third!.service.listen(0, { effects() {}, restored: () => void (seen = third!.count("n")) });
  await fleet.settle(starting, 1_000);
  assert.ok(seen >= 5);
});

Deno.test("a bug in a state machine stops the host, is told once, and keeps nobody waiting", async () => {
  const fleet = await Fleet.led();
  const [first, second] = fleet.peers;
  first!.machines.get(0)!.apply = () => {
    throw new Error("a bug");
  };
  const adding = first!.add("n", 1);
  await assert.rejects(fleet.settle(adding, 100), { code: "OUTCOME_UNKNOWN" });
  await fleet.run(100);
  assert.deepEqual(first!.bugs.map(String), ["Error: a bug"]);
  assert.ok(first!.host.stopped);
  await fleet.until("another leads", () => second!.group().raft.leader !== "p1", 5_000);
  assert.equal(await fleet.settle(second!.add("n", 1), 5_000), 2);
});

Deno.test("a bug that a tick meets does not escape into the timer", async () => {
  const fleet = await Fleet.led();
  const [first] = fleet.peers;
  first!.group().raft.tick = () => {
    throw new Error("a bug in time");
  };
  await fleet.run(200);
  assert.deepEqual(first!.bugs.map(String), ["Error: a bug in time"]);
  assert.ok(first!.host.stopped);
});

Deno.test("messages without the form are counted, and harm nobody", async () => {
  const fleet = await Fleet.led();
  const [first] = fleet.peers;
  const bodies = [null, 7, "x", {}, [[]], [null], [[0, -1, 1]], [[-1, 0, 1, 1, 1, 4, 0, 1]]];
  for (const body of bodies) first!.host.receive("p2", "raft", body);
  for (const topic of ["beat", "beat.list", "beat.differ", "other"]) {
    first!.host.receive("p2", topic, null);
  }
  assert.equal(first!.host.malformedMessages, bodies.length + 4);
  assert.equal(await fleet.settle(first!.add("n", 1), 100), 1);
  fleet.check();
});

Deno.test("who asks a replica that has ended is told so, and never before the call returns", async () => {
  const fleet = await Fleet.led();
  const [first] = fleet.peers;
  const group = first!.group();
  first!.host.halt();
  const told: string[] = [];
  group.propose(new Uint8Array(1), ({ kind }) => told.push(kind));
  group.readIndex(({ kind }) => told.push(kind));
  assert.equal(told.length, 0);
  await settled();
  assert.deepEqual(told, ["refused", "refused"]);
});

Deno.test("whoever waits until an index is applied is told when the replica ends before", async () => {
  const fleet = await Fleet.led();
  const [first] = fleet.peers;
  const told: boolean[] = [];
  first!.group().whenApplied(2, (reached) => told.push(reached));
  first!.group().whenApplied(1_000, (reached) => told.push(reached));
  assert.deepEqual(told, [true]);
  first!.host.halt();
  assert.deepEqual(told, [true, false]);
});

Deno.test("a founder that campaigns leads at once", async () => {
  const fleet = new Fleet();
  for (const peer of fleet.peers) await peer.start();
  const adding: Promise<void>[] = [];
  for (const [place, peer] of fleet.peers.entries()) {
    const { configuration, hardState } = foundedGroup(fleet, 0);
    adding.push(peer.storage.append([
      { kind: "foundation", group: 0, configuration },
      { kind: "hardState", group: 0, replica: 1, hardState },
    ]));
    peer.host.found(foundedGroup(fleet, 0), place === 2);
  }
  await Promise.all(adding);
  await fleet.until("the third leads", () => fleet.peers[2]!.group().leads, 20);
  fleet.check();
});

Deno.test("effects of what was in the log before the start are told as replayed, later ones not", async () => {
  const fleet = await Fleet.led();
  const [first, , third] = fleet.peers;
  const wait = () =>
    fleet.settle(
      first!.service.propose(0, "tally", ["wait", "n", 100], { timeoutMs: 1_000, request: null }),
      100,
    );
  await wait();
  await fleet.run(500);
  third!.crash();
  third!.readMs = 10;
  const told: boolean[] = [];
  const starting = third!.begin();
  await fleet.until("it is there", () => third!.up && third!.host.group(0) !== undefined, 100);
  third!.service.listen(0, { effects: (_effects, _context, replayed) => void told.push(replayed) });
  await fleet.settle(starting, 100);
  await fleet.until("it has replayed", () => told.length === 1, 500);
  await wait();
  await fleet.until("it hears of the next", () => told.length === 2, 500);
  assert.deepEqual(told, [true, false]);
});

Deno.test("a read waits until this peer has applied what the leader had committed", async () => {
  const fleet = await Fleet.led();
  const [first, , third] = fleet.peers;
  fleet.network.drops = ({ to, topic, body }) => {
    return to === "p3" && topic === "raft" && (body as number[][])[0]![5] === 2;
  };
  await fleet.settle(first!.add("n", 1), 100);
  let count = -1;
  const reading = third!.service.readBarrier(0, 10_000).then(() => count = third!.count("n"));
  await fleet.run(400);
  assert.equal(count, -1);
  fleet.network.drops = () => false;
  await fleet.settle(reading, 1_000);
  assert.equal(count, 1);
});

Deno.test("a sole voter that comes back leads at once, with learners or without", async () => {
  for (const peers of [1, 2]) {
    const fleet = await Fleet.led({ peers, founders: 1, timing: { snapshotEntries: 5 } });
    const [first, second] = fleet.peers;
    if (second !== undefined) {
      const added = first!.service.changeConfiguration(0, {
        expectedIndex: 1,
        operations: [{ kind: "addLearner", peer: second.id }],
      }, 1_000);
      await fleet.settle(added, 1_000);
    }
    for (let round = 0; round < 12; round++) await fleet.settle(first!.add("n", 1), 100);
    first!.crash();
    await first!.start();
    await fleet.until("it leads", () => first!.group().leads, 20);
    assert.equal(await fleet.settle(first!.add("n", 1), 20), 13);
    fleet.check();
  }
});

Deno.test("one voter of several that comes back disturbs nobody", async () => {
  const fleet = await Fleet.led({ peers: 2 });
  const [first, second] = fleet.peers;
  const { term } = first!.group().raft;
  second!.crash();
  await second!.start();
  assert.equal(second!.group().raft.role, "follower");
  await fleet.until("it follows", () => second!.group().raft.leader === first!.id, 500);
  assert.equal(first!.group().raft.term, term);
  fleet.check();
});
