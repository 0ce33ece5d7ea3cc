import assert from "node:assert/strict";
import { LIMITS } from "../../src/limits.ts";
import { decodeGroupMessage } from "../../src/groups/wire.ts";
import { change, Fleet, foundedGroup, settled } from "./fleet.ts";

Deno.test("a joining replica outlives the configurations from before it was added", async () => {
  const fleet = await Fleet.led({ peers: 5, founders: 3 });
  const [leader, , , , fifth] = fleet.peers;
  await change(fleet, { kind: "addLearner", peer: "p4" });
  // More than one append takes, and the second one is lost at first.
  for (let round = 0; round < 4; round++) {
    await fleet.settle(leader!.add("n".repeat(700_000), 1), 1_000);
  }
  fleet.network.drops = ({ to, topic, body }) => {
    if (to !== "p5" || topic !== "raft") return false;
    const { body: message } = decodeGroupMessage((body as [unknown])[0], "p1", "p5")!.envelope;
    return message.kind === "append" && message.previousIndex > 3 && message.entries.length > 0;
  };
  await change(fleet, { kind: "addLearner", peer: "p5" });
  await fleet.run(100);
  fleet.network.drops = () => false;
  await fleet.until("the fifth peer has everything", () => {
    return fifth!.host.group(0)?.appliedIndex === leader!.group().appliedIndex;
  }, 2_000);
  assert.deepEqual(fifth!.removed, []);
  fleet.check();
});

Deno.test("a leader that is asked to remove itself says so, and another one leads", async () => {
  const fleet = await Fleet.led();
  const began = fleet.clock.monotonicMs();
  await change(fleet, { kind: "remove", peer: "p1" });
  assert.ok(fleet.clock.monotonicMs() - began < 500);
  await fleet.until("it is gone", () => fleet.peers[0]!.removed.length > 0, 500);
  await fleet.until("another leads", () => fleet.leader() !== null, 500);
  assert.equal(await fleet.settle(fleet.peers[1]!.add("n", 1), 500), 1);
  fleet.check();
});

Deno.test("a removed and added replica is a new one: empty, without a vote, under a new id", async () => {
  const fleet = await Fleet.led();
  const [leader, , third] = fleet.peers;
  for (let round = 0; round < 5; round++) await fleet.settle(leader!.add("n", 1), 100);
  await change(fleet, { kind: "remove", peer: "p3" });
  await fleet.until("it knows", () => third!.host.group(0) === undefined, 500);
  assert.deepEqual(third!.removed, [0]);
  await change(fleet, { kind: "addLearner", peer: "p3" });
  await fleet.until("it is back", () => third!.count("n") === 5, 1_000);
  const { index } = leader!.group().raft.configuration;
  assert.equal(third!.group().replica, index);
  assert.equal(third!.group().raft.role, "learner");
  third!.crash();
  await third!.start();
  await fleet.until("it is back from its own log", () => third!.count("n") === 5, 1_000);
  assert.equal(third!.group().replica, index);
  fleet.check();
});

Deno.test("a removed replica never comes back by a late message to it", async () => {
  const fleet = await Fleet.led();
  const [leader, , third] = fleet.peers;
  const late: unknown[] = [];
  fleet.network.sees = ({ to, topic, body }) => {
    if (to === "p3" && topic === "raft") late.push(structuredClone(body));
  };
  await fleet.settle(leader!.add("n", 1), 100);
  await change(fleet, { kind: "remove", peer: "p3" });
  await change(fleet, { kind: "addLearner", peer: "p3" });
  await fleet.until("it is back", () => third!.count("n") === 1, 500);
  await change(fleet, { kind: "remove", peer: "p3" });
  await fleet.until("it knows", () => third!.host.group(0) === undefined, 500);
  for (const restart of [false, true]) {
    if (restart) {
      third!.crash();
      await third!.start();
    }
    for (const body of late) third!.host.receive("p1", "raft", body);
    await fleet.run(20);
    assert.equal(third!.host.group(0), undefined);
  }
  fleet.check();
});

Deno.test("a founding message that comes before the foundation is not heard", async () => {
  const fleet = new Fleet();
  const [first, second, third] = fleet.peers;
  for (const peer of [first!, second!]) await peer.found();
  for (const peer of fleet.peers) await peer.start();
  first!.group().raft.campaign(true);
  first!.host.changed(first!.group());
  await fleet.until("the first leads", () => first!.group().leads, 100);
  await fleet.run(400);
  assert.equal(third!.host.group(0), undefined);
  // Its own copy of the plan is durable now.
  await third!.storage.append([
    { kind: "foundation", group: 0, configuration: fleet.foundation },
    { kind: "hardState", group: 0, replica: 1, hardState: foundedGroup(fleet, 0).hardState },
  ]);
  third!.host.found(foundedGroup(fleet, 0), false);
  await fleet.until("it follows", () => third!.group().raft.leader === "p1", 500);
  fleet.check();
});

Deno.test("no message begins a replica of a group past the bound of groups", async () => {
  const fleet = await Fleet.led();
  const [, , third] = fleet.peers;
  const heartbeat = (group: number) => [group, 5, 1, 9, 1, 4, 0, 1];
  third!.host.receive("p1", "raft", [heartbeat(LIMITS.groupsMax), heartbeat(1)]);
  assert.equal(third!.host.group(LIMITS.groupsMax), undefined);
  assert.equal(third!.host.group(1)?.replica, 9, "one within the bound begins");
});

/** Brings the third peer to the moment before a message for its successor comes, and sends that. */
async function replaceWhile(
  prepare: (fleet: Fleet) => Promise<void>,
  options: { snapshotEntries?: number } = {},
): Promise<Fleet> {
  const fleet = await Fleet.led({ timing: options });
  const [leader, , third] = fleet.peers;
  await fleet.settle(leader!.add("n", 1), 100);
  await prepare(fleet);
  const heartbeat = [0, 5, 1, 9, leader!.group().raft.term, 4, 0, 1];
  third!.host.receive("p1", "raft", [heartbeat]);
  assert.equal(third!.group().replica, 9);
  await fleet.run(1_000);
  fleet.check();
  return fleet;
}

Deno.test("a replica is replaced while its writes are under way", async () => {
  await replaceWhile(async (fleet) => {
    const [leader, , third] = fleet.peers;
    third!.faults.delayMinMs = 200;
    await fleet.settle(leader!.add("n", 1), 100);
    await fleet.run(5);
  });
});

Deno.test("a replica is replaced while it reads its log, to apply it", async () => {
  const fleet = await Fleet.led();
  const [leader, , third] = fleet.peers;
  for (let round = 0; round < 5; round++) await fleet.settle(leader!.add("n", 1), 100);
  await fleet.run(500);
  third!.crash();
  third!.readMs = 50;
  await third!.start();
  await fleet.until("it knows its leader", () => third!.group().raft.leader === "p1", 200);
  assert.equal(third!.count("n"), 0);
  replaceThird(fleet);
  await fleet.run(500);
  fleet.check();
});

Deno.test("a replica is replaced while it takes a snapshot", async () => {
  const fleet = await replaceWhile(async (fleet) => {
    const [leader, , third] = fleet.peers;
    third!.faults.delayMinMs = 50;
    void third!.host.takeSnapshot(third!.group());
    await settled();
    await fleet.settle(leader!.add("n", 1), 100);
  });
  const [, , third] = fleet.peers;
  third!.crash();
  third!.faults.delayMinMs = 0;
  await third!.start();
  assert.equal(third!.host.group(0)?.raft.snapshot ?? null, null, "nothing of its former self");
});

/** The third peer lacks what only a snapshot still holds, and the way to it is open. */
async function lagging(): Promise<Fleet> {
  const fleet = await Fleet.led({ timing: { snapshotEntries: 5 } });
  const [leader, second, third] = fleet.peers;
  fleet.network.isolate("p3");
  for (let round = 0; round < 20; round++) await fleet.settle(leader!.add("n", 1), 100);
  await fleet.run(200);
  // Entries stay in memory for a follower that lags a little; processes that begin anew have none.
  for (const peer of [leader!, second!]) peer.crash();
  for (const peer of [leader!, second!]) await peer.start();
  await fleet.until("somebody leads", () => fleet.leader() !== null, 6_000);
  third!.faults.delayMinMs = 40;
  fleet.network.heal();
  return fleet;
}

function replaceThird(fleet: Fleet): void {
  const from = fleet.leader()!;
  const heartbeat = [0, 5, 1, 99, from.group().raft.term, 4, 0, 1];
  fleet.peers[2]!.host.receive(from.id, "raft", [heartbeat]);
  assert.equal(fleet.peers[2]!.group().replica, 99);
}

Deno.test("a lagging replica gets a snapshot, and the entries committed meanwhile behind it", async () => {
  const fleet = await lagging();
  const [, , third] = fleet.peers;
  await fleet.until("it takes a snapshot over", () => third!.group().restoring, 10_000);
  // Its log is ready for more long before its machine is.
  third!.readMs = 300;
  await fleet.run(60);
  const adding = [1, 2, 3].map(() => fleet.leader()!.add("n", 1));
  await fleet.settle(Promise.all(adding), 1_000);
  await fleet.until("they are committed there", () => {
    return third!.group().raft.commitIndex === fleet.leader()!.group().raft.commitIndex;
  }, 200);
  assert.ok(third!.group().restoring, "while it is loading");
  assert.ok(third!.count("n") < 20);
  await fleet.until("it has all", () => third!.count("n") === 23, 1_000);
  third!.readMs = 0;
  third!.crash();
  await third!.start();
  await fleet.until("it has all again", () => third!.count("n") === 23, 2_000);
  fleet.check();
});

Deno.test("a replica is replaced while it loads a snapshot", async () => {
  const fleet = await lagging();
  const [, , third] = fleet.peers;
  await fleet.until("it loads a snapshot", () => third!.group().restoring, 10_000);
  third!.readMs = 200;
  replaceThird(fleet);
  await fleet.run(500);
  fleet.check();
});

Deno.test("a replica is replaced while the last part of a snapshot is being stored", async () => {
  const fleet = await lagging();
  const [, , third] = fleet.peers;
  let chunks = 0;
  fleet.network.sees = ({ to, topic, body }) => {
    if (to !== "p3" || topic !== "raft") return;
    chunks += (body as number[][]).filter((message) => message[5] === 8).length;
  };
  await fleet.until("a part comes", () => chunks === 1, 10_000);
  await fleet.run(10);
  assert.ok(!third!.group().restoring);
  replaceThird(fleet);
  await fleet.run(500);
  fleet.check();
  assert.equal(third!.disk.durable.groups.get(0)?.snapshot ?? null, null);
});
