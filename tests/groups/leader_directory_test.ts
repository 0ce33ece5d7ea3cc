import assert from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import { forGood } from "../../src/groups/group_errors.ts";
import { PROPOSE_METHOD } from "../../src/groups/forwarder.ts";
import { ASK_METHOD, LOCATE_METHOD } from "../../src/groups/leader_requests.ts";
import { change, Fleet, type FleetPeer } from "./fleet.ts";

/** Three peers have the group and the first leads it; the fourth and the fifth have no replica. */
async function fleetWithOutsiders() {
  const fleet = await Fleet.led({ peers: 5, founders: 3 });
  const outsider = fleet.peers[3]!;
  assert.equal(outsider.host.group(0), undefined);
  for (const peer of fleet.peers) answerName(peer);
  fleet.network.counts.clear();
  const counted = (method: string) => fleet.network.counts.get(method) ?? 0;
  return { fleet, outsider, counted };
}

/** Whoever is asked says who it is. */
function answerName(peer: FleetPeer): void {
  peer.service.answer("name", (group, body) => Promise.resolve([peer.id, group, body]));
}

async function handOver(fleet: Fleet, to: string): Promise<void> {
  await fleet.settle(fleet.leader()!.service.transferLeadership(0, to, 1_000), 500);
}

Deno.test("a peer without a replica proposes, asks, changes and hands over", async () => {
  const { fleet, outsider } = await fleetWithOutsiders();
  assert.equal(outsider.service.leaderOf(0), null);
  assert.equal(await fleet.settle(outsider.add("n", 2), 50), 2);
  assert.equal(outsider.service.leaderOf(0), "p1");
  const asked = outsider.service.ask(0, "name", new Uint8Array([7]), 1_000);
  assert.deepEqual(await fleet.settle(asked, 50), ["p1", 0, new Uint8Array([7])]);
  const operations = [{ kind: "addLearner", peer: "p5" }] as const;
  const changing = outsider.service.changeConfiguration(0, { expectedIndex: 1, operations }, 1_000);
  await fleet.settle(changing, 100);
  assert.equal(fleet.leader()!.group().raft.configuration.learners[0]?.peer, "p5");
  await fleet.settle(outsider.service.transferLeadership(0, "p3", 1_000), 500);
  assert.equal(fleet.leader()!.id, "p3");
  fleet.check();
});

Deno.test("who looks for a leader meanwhile shares the search, and asks nobody in vain", async () => {
  const { fleet, outsider, counted } = await fleetWithOutsiders();
  await fleet.settle(Promise.all(Array.from({ length: 50 }, () => outsider.add("n", 1))), 50);
  assert.equal(counted(LOCATE_METHOD), 3, "the three that should know");
  await fleet.settle(outsider.service.ask(0, "name", null, 1_000), 50);
  assert.equal(counted(LOCATE_METHOD), 3);
  assert.equal(counted(ASK_METHOD), 1);
});

Deno.test("who has a replica knows the leader by it", async () => {
  const { fleet, counted } = await fleetWithOutsiders();
  const [first, second] = fleet.peers;
  assert.deepEqual([first!, second!].map(({ service }) => service.leaderOf(0)), ["p1", "p1"]);
  assert.deepEqual(await fleet.settle(second!.service.ask(0, "name", 1, 1_000), 50), ["p1", 0, 1]);
  assert.deepEqual(await fleet.settle(first!.service.ask(0, "name", 2, 1_000), 50), ["p1", 0, 2]);
  assert.equal(counted(LOCATE_METHOD), 0);
  assert.equal(counted(ASK_METHOD), 1, "the leader asks itself without a request");
});

Deno.test("a former leader names the present one, which is followed at once", async () => {
  const { fleet, outsider, counted } = await fleetWithOutsiders();
  await fleet.settle(outsider.add("n", 1), 50);
  for (const [round, leader] of ["p2", "p3", "p1", "p3"].entries()) {
    await handOver(fleet, leader);
    await fleet.run(200);
    fleet.network.counts.clear();
    const asked = round % 2 === 0
      ? outsider.service.ask(0, "name", null, 1_000)
      : outsider.add("n", 1);
    await fleet.settle(asked, 6);
    assert.equal(outsider.service.leaderOf(0), leader);
    assert.equal(counted(LOCATE_METHOD), 0);
    assert.equal(counted(ASK_METHOD) + counted(PROPOSE_METHOD), 2);
  }
  assert.equal(fleet.leader()!.count("n"), 3);
});

Deno.test("leadership is not taken for handed over because the peer led once", async () => {
  const { fleet, outsider } = await fleetWithOutsiders();
  await fleet.settle(outsider.add("n", 1), 50);
  await handOver(fleet, "p2");
  assert.equal(outsider.service.leaderOf(0), "p1", "as it was");
  const toFormer = () => outsider.service.transferLeadership(0, "p1", 1_000);
  await assert.rejects(fleet.settle(toFormer(), 50), { code: "NO_LEADER" });
  await fleet.settle(toFormer(), 500);
  assert.equal(fleet.leader()!.id, "p1");
  await fleet.settle(outsider.add("n", 1), 50);
  await fleet.settle(toFormer(), 50);
});

Deno.test("a leader that is killed is forgotten, and the next one found, once there is one", async () => {
  const { fleet, outsider } = await fleetWithOutsiders();
  await fleet.settle(outsider.add("n", 1), 50);
  fleet.peers[0]!.crash();
  const adding = outsider.add("n", 1, { timeoutMs: 60_000 });
  const asking = outsider.service.ask(0, "name", null, 60_000);
  await fleet.until("another leads", () => fleet.leader() !== null, 6_000);
  assert.equal(await fleet.settle(adding, 300), 2);
  const [name] = await fleet.settle(asking, 300) as [string];
  assert.equal(name, fleet.leader()!.id);
  fleet.check();
});

Deno.test("nobody without a replica goes on waiting for a leader that is paused once there is another", async () => {
  const { fleet, outsider } = await fleetWithOutsiders();
  await fleet.settle(outsider.add("n", 1), 50);
  fleet.network.isolate("p1");
  const adding = Array.from({ length: 5 }, () => outsider.add("n", 1, { timeoutMs: 60_000 }));
  const asking = outsider.service.ask(0, "name", null, 60_000);
  asking.catch(() => {});
  await fleet.until("another leads", () => fleet.leader()!.id !== "p1", 6_000);
  await fleet.settle(Promise.all(adding), 1_500);
  await assert.rejects(fleet.settle(asking, 1_500), { code: "OUTCOME_UNKNOWN" });
  await fleet.run(300);
  assert.equal(fleet.peers[1]!.count("n"), 6);
  fleet.check();
});

Deno.test("of two that call themselves leaders the one of the later term is believed", async () => {
  const { fleet, outsider } = await fleetWithOutsiders();
  await fleet.settle(outsider.add("n", 1), 50);
  const others = ["p2", "p3"];
  for (const other of others) {
    fleet.network.cut("p1", other);
    fleet.network.cut(other, "p1");
  }
  const adding = outsider.add("n", 1, { timeoutMs: 60_000 });
  assert.equal(await fleet.settle(adding, 8_000), 2);
  assert.ok(others.includes(outsider.service.leaderOf(0)!));
  fleet.check();
});

Deno.test("a group that has moved away from where it should be is found among all", async () => {
  const { fleet, outsider } = await fleetWithOutsiders();
  await fleet.settle(outsider.add("n", 1), 50);
  await change(fleet, { kind: "addLearner", peer: "p5" });
  await fleet.until("it has caught up", () => fleet.peers[4]!.count("n") === 1, 500);
  await change(fleet, { kind: "promote", peer: "p5" });
  await handOver(fleet, "p5");
  for (const former of ["p1", "p2", "p3"]) {
    await fleet.run(100);
    await change(fleet, { kind: "remove", peer: former });
  }
  for (const founder of fleet.founders) founder.crash();
  assert.equal(await fleet.settle(outsider.add("n", 1), 200), 2);
  assert.equal(outsider.service.leaderOf(0), "p5");
  const [name] = await fleet.settle(outsider.service.ask(0, "name", null, 1_000), 50) as [string];
  assert.equal(name, "p5");
  fleet.check();
});

Deno.test("a removed replica that was never told does not keep its peer from the group", async () => {
  const { fleet } = await fleetWithOutsiders();
  const [, , third] = fleet.peers;
  fleet.network.isolate("p3");
  await change(fleet, { kind: "remove", peer: "p3" });
  await fleet.run(5_000);
  fleet.network.heal();
  assert.equal(third!.group().raft.leader, null);
  assert.equal(await fleet.settle(third!.add("n", 1), 500), 1);
  assert.equal(third!.service.leaderOf(0), "p1");
});

Deno.test("where nobody leads a question is never heard, and few requests look for a leader", async () => {
  const { fleet, outsider, counted } = await fleetWithOutsiders();
  fleet.peers[0]!.crash();
  fleet.peers[1]!.crash();
  await fleet.until("it has no leader", () => fleet.peers[2]!.group().raft.leader === null, 3_000);
  fleet.network.counts.clear();
  const began = fleet.clock.monotonicMs();
  const asking = Array.from(
    { length: 20 },
    () => outsider.service.ask(0, "name", null, 60_000),
  );
  const outcomes = await fleet.settle(Promise.allSettled(asking), 10_000);
  for (const outcome of outcomes) {
    assert.equal(outcome.status, "rejected");
    assert.equal(outcome.reason.code, "NO_LEADER");
  }
  const tookMs = fleet.clock.monotonicMs() - began;
  assert.ok(tookMs >= 4_000 && tookMs < 4_700, `2 × the election timeout, took ${tookMs} ms`);
  assert.ok(counted(LOCATE_METHOD) < 250, `${counted(LOCATE_METHOD)} requests`);
  assert.equal(counted(ASK_METHOD), 0);
  const short = outsider.service.ask(0, "name", null, 100);
  await assert.rejects(fleet.settle(short, 200), { code: "NO_LEADER" });
});

Deno.test("a peer that should know the leader and is paused holds up nobody", async () => {
  const { fleet, outsider } = await fleetWithOutsiders();
  fleet.network.isolate("p2");
  assert.equal(await fleet.settle(outsider.add("n", 1), 10), 1);
});

Deno.test("a question that may have been heard is not asked again", async () => {
  const { fleet, outsider, counted } = await fleetWithOutsiders();
  await fleet.settle(outsider.add("n", 1), 50);
  fleet.network.cut("p1", "p4");
  const asking = outsider.service.ask(0, "name", null, 2_000);
  await assert.rejects(fleet.settle(asking, 2_100), { code: "OUTCOME_UNKNOWN" });
  assert.equal(counted(ASK_METHOD), 1);
});

Deno.test("what a handler rejects with reaches who asked, from here and from elsewhere", async () => {
  const { fleet, outsider } = await fleetWithOutsiders();
  const [first] = fleet.peers;
  first!.service.answer("refuse", () => {
    return Promise.reject(new SkeinError("CONFLICT", "it is taken", { by: "somebody" }));
  });
  for (const peer of [first!, fleet.peers[1]!, outsider]) {
    const asking = peer.service.ask(0, "refuse", null, 1_000);
    const told = { code: "CONFLICT", message: "it is taken", details: { by: "somebody" } };
    await assert.rejects(fleet.settle(asking, 50), told);
  }
  for (const peer of [first!, outsider]) {
    const unknown = peer.service.ask(0, "unheard-of", null, 1_000);
    await assert.rejects(fleet.settle(unknown, 50), { code: "BAD_REQUEST" });
  }
  assert.throws(() => first!.service.answer("refuse", () => Promise.resolve(null)), /one handler/);
});

Deno.test("a handler that can do nothing here leaves the question to the next leader", async () => {
  const { fleet, outsider } = await fleetWithOutsiders();
  for (const peer of fleet.founders) {
    peer.service.answer("steady", () => {
      if (peer.id !== "p1") return Promise.resolve(peer.id);
      return Promise.reject(new SkeinError("UNAVAILABLE", "it is about to stop"));
    });
  }
  const asking = [outsider, fleet.peers[0]!].map((peer) => {
    return peer.service.ask(0, "steady", null, 60_000);
  });
  await fleet.run(500);
  await handOver(fleet, "p2");
  assert.deepEqual(await fleet.settle(Promise.all(asking), 500), ["p2", "p2"]);
});

Deno.test("a handler that can do nothing for long is quoted", async () => {
  const { fleet, outsider } = await fleetWithOutsiders();
  const [first] = fleet.peers;
  first!.service.answer("young", () => {
    return Promise.reject(new SkeinError("UNAVAILABLE", "it knows nothing yet"));
  });
  for (const peer of [first!, outsider]) {
    const asking = peer.service.ask(0, "young", null, 700);
    const told = { code: "UNAVAILABLE", message: "it knows nothing yet" };
    await assert.rejects(fleet.settle(asking, 800), told);
  }
});

Deno.test("a handler that says that nothing will change is not asked again", async () => {
  const { fleet, outsider } = await fleetWithOutsiders();
  const [first] = fleet.peers;
  let asked = 0;
  first!.service.answer("settled", () => {
    asked++;
    return Promise.reject(forGood(new SkeinError("UNAVAILABLE", "it is away", { since: 1 })));
  });
  for (const peer of [first!, outsider]) {
    await assert.rejects(fleet.settle(peer.service.ask(0, "settled", null, 60_000), 100), {
      code: "UNAVAILABLE",
      message: "it is away",
      details: { since: 1 },
    });
  }
  assert.equal(asked, 2);
});

Deno.test("a question that a handler never answers ends at its deadline, here and elsewhere", async () => {
  const { fleet, outsider } = await fleetWithOutsiders();
  const [first] = fleet.peers;
  first!.service.answer("never", () => new Promise(() => {}));
  for (const peer of [first!, outsider]) {
    const asking = peer.service.ask(0, "never", null, 700);
    await assert.rejects(fleet.settle(asking, 800), { code: "OUTCOME_UNKNOWN" });
  }
});

Deno.test("a handler is only asked where its peer leads the group", async () => {
  const { fleet } = await fleetWithOutsiders();
  const [, second] = fleet.peers;
  const asked = second!.service.handle(ASK_METHOD, [0, "name", null, 1_000])!;
  await assert.rejects(asked, { code: "NOT_LEADER", details: { leader: "p1", term: 2 } });
  const wrong: [string, unknown][] = [
    [ASK_METHOD, [0, 7, null, 1_000]],
    [ASK_METHOD, [0, "name", null, NaN]],
    [ASK_METHOD, ["0", "name", null, 1_000]],
    [LOCATE_METHOD, ["0"]],
    [LOCATE_METHOD, null],
  ];
  for (const [method, body] of wrong) {
    await assert.rejects(fleet.peers[0]!.service.handle(method, body)!, { code: "BAD_REQUEST" });
  }
  const unknown = fleet.peers[3]!.service.handle(LOCATE_METHOD, [0])!;
  await assert.rejects(unknown, { code: "NOT_FOUND" });
});

Deno.test("who asks when its peer ends is told so, and nothing is left behind", async () => {
  const { fleet, outsider } = await fleetWithOutsiders();
  fleet.network.isolate("p1");
  await fleet.settle(outsider.service.ask(0, "name", null, 200).catch(() => {}), 400);
  const asking = outsider.service.ask(0, "name", null, 60_000);
  asking.catch(() => {});
  await fleet.run(10);
  outsider.crash();
  await assert.rejects(fleet.settle(asking, 10), (error: SkeinError) => {
    return ["SHUTTING_DOWN", "OUTCOME_UNKNOWN"].includes(error.code);
  });
  await fleet.run(100);
});
