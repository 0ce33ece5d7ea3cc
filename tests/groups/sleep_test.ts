import assert from "node:assert/strict";
import { Fleet, type FleetOptions, settled } from "./fleet.ts";

/** A fleet whose groups all sleep, everywhere. */
async function sleeping(options: FleetOptions = {}): Promise<Fleet> {
  const fleet = await Fleet.led(options);
  await allSleep(fleet);
  return fleet;
}

async function allSleep(fleet: Fleet, limitMs = 5_000): Promise<void> {
  await fleet.until("everything sleeps", () => {
    return fleet.running.every(({ host }) => [...host.groups()].every(({ raft }) => raft.asleep));
  }, limitMs);
}

/** The receiver of a beat, as its sender's transport sees it. */
const BEATS_AN_INTERVAL = 6;

Deno.test("a sleeping fleet sends one heartbeat each way of a peer pair and interval, and no more", async () => {
  const fleet = await sleeping({ groups: [0, 1, 2, 3] });
  await fleet.run(400);
  fleet.network.counts.clear();
  await fleet.run(10 * fleet.timing.heartbeatMs);
  assert.deepEqual(Object.fromEntries(fleet.network.counts), {
    "beat": 10 * BEATS_AN_INTERVAL,
  });
  await fleet.run(20_000);
  const leader = fleet.peers[0]!;
  for (const { raft } of leader.host.groups()) {
    assert.ok(raft.asleep && raft.role === "leader" && raft.term === 2);
  }
  fleet.check();
});

Deno.test("a sleeping peer has few timers, and a halted one none", async () => {
  const fleet = await sleeping();
  await fleet.run(400);
  assert.equal(fleet.clock.timers, 3, "one ticker a host");
  for (const peer of fleet.peers) peer.crash();
  await fleet.run(10);
  assert.equal(fleet.clock.timers, 0);
});

Deno.test("work wakes a sleeping group, and it sleeps again", async () => {
  const fleet = await sleeping();
  for (const [place, peer] of fleet.peers.entries()) {
    assert.equal(await fleet.settle(peer.add("n", 1), 50), place + 1);
    await fleet.settle(peer.service.readBarrier(0, 1_000), 50);
    await allSleep(fleet);
  }
  assert.equal(fleet.leader()!.group().raft.term, 2);
  fleet.check();
});

Deno.test("when the leader of a sleeping group crashes another leads within two election timeouts", async () => {
  let slowestMs = 0;
  for (let seed = 1; seed <= 15; seed++) {
    const fleet = await sleeping({ seed });
    await fleet.run(seed * 17);
    fleet.peers[0]!.crash();
    const tookMs = await fleet.until("another leads", () => fleet.leader() !== null, 6_000);
    assert.ok(tookMs > fleet.timing.electionTimeoutMinMs - fleet.timing.heartbeatMs);
    slowestMs = Math.max(slowestMs, tookMs);
    fleet.check();
  }
  assert.ok(slowestMs <= 4_000, `the slowest election took ${slowestMs} ms`);
});

Deno.test("an election begins within the election timeout of the last agreement", async () => {
  for (let seed = 1; seed <= 15; seed++) {
    const fleet = await sleeping({ seed });
    let agreedMs = 0;
    fleet.network.sees = ({ from, topic }) => {
      if (from === "p1" && topic === "beat") agreedMs = fleet.clock.monotonicMs();
    };
    await fleet.run(200 + seed * 13);
    fleet.peers[0]!.crash();
    const stands = () =>
      fleet.running.some((peer) => peer.group().raft.role !== "follower" || peer.group().leads);
    await fleet.until("somebody stands", stands, 3_000);
    const tookMs = fleet.clock.monotonicMs() - agreedMs;
    const limitMs = fleet.timing.electionTimeoutMaxMs + 2 * fleet.timing.heartbeatMs;
    assert.ok(tookMs >= fleet.timing.electionTimeoutMinMs - 50, `seed ${seed}: ${tookMs} ms`);
    assert.ok(tookMs <= limitMs, `seed ${seed}: ${tookMs} ms`);
  }
});

Deno.test("a follower that never heard to sleep wakes the leader, until all sleep", async () => {
  const fleet = await Fleet.led();
  let lost = 0;
  fleet.network.drops = ({ to, topic, body }) => {
    const isHibernate = topic === "raft" && (body as number[][])[0]![5] === 6;
    return to === "p3" && isHibernate && lost++ < 2;
  };
  await fleet.until("two were lost", () => lost >= 2, 10_000);
  await allSleep(fleet, 10_000);
  assert.equal(fleet.leader()!.group().raft.term, 2, "nobody stood meanwhile");
  fleet.check();
});

Deno.test("a sleeping leader that is cut off wakes, steps down, and another leads", async () => {
  const fleet = await sleeping();
  const [first] = fleet.peers;
  fleet.network.isolate("p1");
  await fleet.until("another leads", () => {
    return fleet.peers.slice(1).some((peer) => peer.group().leads);
  }, 5_000);
  await fleet.until("the first has stepped down", () => !first!.group().leads, 5_000);
  fleet.network.heal();
  await fleet.until("the first follows", () => first!.group().raft.leader !== null, 3_000);
  await allSleep(fleet);
  fleet.check();
});

Deno.test("a sleeping leader that hears nobody, and is heard, is not one for long", async () => {
  const fleet = await sleeping();
  const [first] = fleet.peers;
  for (const other of ["p2", "p3"]) fleet.network.cut(other, "p1");
  await fleet.until("it has stepped down", () => !first!.group().leads, 5_000);
  fleet.check();
});

Deno.test("a read at a sleeping leader that is cut off is never answered", async () => {
  const fleet = await sleeping();
  const [first, second] = fleet.peers;
  fleet.network.isolate("p1");
  const reading = first!.service.readBarrier(0, 20_000);
  let answered = false;
  const mark = () => void (answered = true);
  reading.then(mark, () => {});
  await fleet.run(500);
  await fleet.until("another leads", () => second!.group().raft.leader !== "p1", 5_000);
  await fleet.settle(second!.add("n", 1), 6_000);
  assert.equal(answered, false);
  await assert.rejects(fleet.settle(reading, 8_000), { code: "NO_LEADER" });
});

Deno.test("a follower that restarts finds its sleeping leader at once", async () => {
  const fleet = await sleeping();
  const [, , third] = fleet.peers;
  third!.crash();
  await fleet.run(300);
  await third!.start();
  await fleet.until("it knows its leader", () => third!.group().raft.leader === "p1", 400);
  await allSleep(fleet);
  assert.equal(fleet.leader()!.group().raft.term, 2);
  fleet.check();
});

Deno.test("a sleeping leader that restarts is no longer followed", async () => {
  const fleet = await sleeping();
  const [first] = fleet.peers;
  first!.crash();
  await first!.start();
  await fleet.run(400);
  for (const peer of fleet.peers) assert.ok(!peer.group().raft.asleep, `${peer.id} is awake`);
  await fleet.until("somebody leads", () => fleet.leader() !== null, 4_000);
  await allSleep(fleet);
  fleet.check();
});

Deno.test("deadlines of a sleeping group are met in time, and it sleeps again", async () => {
  const fleet = await sleeping();
  const [first] = fleet.peers;
  const waiting = first!.service.propose(0, "tally", ["wait", "n", 8_000], {
    timeoutMs: 1_000,
    request: null,
  });
  await fleet.settle(waiting, 100);
  await allSleep(fleet);
  const deadlineMs = first!.group().machine.nextDeadlineMs()!;
  await fleet.until("it has ended everywhere", () => {
    return fleet.peers.every((peer) => peer.group().machine.nextDeadlineMs() === null);
  }, 10_000);
  const lateMs = first!.group().machine.timeMs - deadlineMs;
  assert.ok(lateMs >= 0 && lateMs < 200, `${lateMs} ms late`);
  await allSleep(fleet);
  fleet.check();
});

Deno.test("a late message to a former self disturbs nobody's sleep", async () => {
  const fleet = await sleeping();
  const [first, , third] = fleet.peers;
  const expectedIndex = 1;
  for (const kind of ["remove", "addLearner"] as const) {
    const configuration = first!.group().raft.configuration.index;
    const change = { expectedIndex: configuration, operations: [{ kind, peer: "p3" }] };
    await fleet.settle(first!.service.changeConfiguration(0, change, 5_000), 5_000);
  }
  await fleet.until("it is back", () => (third!.host.group(0)?.replica ?? 0) > expectedIndex, 500);
  await allSleep(fleet);
  third!.host.receive("p2", "raft", [[0, -1, 1, 1, 3, 0, true, 9, 2, false]]);
  await settled();
  assert.ok(third!.group().raft.asleep);
  fleet.check();
});

Deno.test("a learner that died while the group slept does not keep it awake for others", async () => {
  const fleet = await Fleet.led({ peers: 4, founders: 3 });
  const [first, , , fourth] = fleet.peers;
  const change = { expectedIndex: 1, operations: [{ kind: "addLearner", peer: "p4" }] } as const;
  await fleet.settle(first!.service.changeConfiguration(0, change, 5_000), 5_000);
  await allSleep(fleet);
  fourth!.crash();
  await fleet.run(10_000);
  assert.ok(first!.group().raft.asleep);
  assert.equal(first!.group().raft.term, 2);
});

Deno.test("a sleeping learner stays asleep, and knows its leader", async () => {
  const fleet = await Fleet.led({ peers: 4, founders: 3 });
  const [first, , , fourth] = fleet.peers;
  const change = { expectedIndex: 1, operations: [{ kind: "addLearner", peer: "p4" }] } as const;
  await fleet.settle(first!.service.changeConfiguration(0, change, 5_000), 5_000);
  await allSleep(fleet);
  for (let round = 0; round < 50; round++) {
    await fleet.run(100);
    assert.ok(fourth!.group().raft.asleep);
  }
  assert.equal(fourth!.group().raft.leader, "p1");
});

Deno.test("who is asked to vote in its sleep counts from when it last heard its leader", async () => {
  const fleet = await sleeping();
  const [first, , third] = fleet.peers;
  const { term } = third!.group().raft;
  let heardMs = 0;
  const answers: boolean[] = [];
  fleet.network.sees = ({ from, to, topic, body }) => {
    if (from === "p1" && to === "p3" && topic === "beat") heardMs = fleet.clock.monotonicMs() + 1;
    const message = (body as unknown[][])[0]!;
    if (from === "p3" && topic === "raft" && message[5] === 1) answers.push(message[7] as boolean);
  };
  await fleet.run(300);
  first!.crash();
  const ask = async () => {
    assert.ok(third!.group().raft.asleep);
    const { lastIndex } = third!.group().raft;
    third!.host.receive("p2", "raft", [[0, -1, 1, 1, term + 1, 0, true, lastIndex, term, false]]);
    await settled();
  };
  const patienceMs = fleet.timing.electionTimeoutMinMs;
  await fleet.until(
    "patience is over",
    () => fleet.clock.monotonicMs() >= heardMs + patienceMs,
    2_000,
  );
  await ask();
  assert.deepEqual(answers, [true]);
});

Deno.test("while some of many groups wake and fall asleep all the time the others sleep on", async () => {
  const groups = Array.from({ length: 100 }, (_, group) => group);
  const fleet = await sleeping({ groups });
  const busy = groups.slice(0, 90);
  const idle = groups.slice(90);
  for (let round = 0; round < 300; round++) {
    const adding = fleet.random.pick(fleet.peers).add("n", 1, { group: fleet.random.pick(busy) });
    await fleet.run(30);
    await fleet.settle(adding, 100);
    for (const { host } of fleet.peers) {
      for (const id of idle) assert.ok(host.group(id)!.raft.asleep, `group ${id} sleeps on`);
    }
  }
  assert.ok(busy.some((id) => fleet.leader(id)!.group(id).raft.asleep));
  fleet.check();
});

Deno.test("a group that wakes has its heartbeats at once in their rhythm", async () => {
  const fleet = await sleeping();
  const [first] = fleet.peers;
  let beatMs = 0;
  const heartbeatsMs: number[] = [];
  fleet.network.sees = ({ from, to, topic, body }) => {
    if (from !== "p1" || to !== "p2") return;
    if (topic === "beat") beatMs = fleet.clock.monotonicMs();
    else if (topic === "raft" && (body as number[][])[0]![5] === 4) {
      heartbeatsMs.push(fleet.clock.monotonicMs());
    }
  };
  await fleet.run(300);
  await fleet.until("an interval begins", () => beatMs === fleet.clock.monotonicMs(), 200);
  await fleet.run(10);
  void first!.add("n", 1);
  await fleet.run(400);
  const [wokeMs, nextMs] = heartbeatsMs;
  assert.ok(nextMs! - wokeMs! <= fleet.timing.heartbeatMs + 10, `${heartbeatsMs}`);
});
