import assert from "node:assert/strict";
import { PROPOSE_METHOD } from "../../src/groups/forwarder.ts";
import {
  CONFIGURE_METHOD,
  FORGOTTEN_METHOD,
  READ_METHOD,
  TRANSFER_METHOD,
} from "../../src/groups/leader_requests.ts";
import { LIMITS } from "../../src/limits.ts";
import { Fleet } from "./fleet.ts";

Deno.test("a command whose answer is lost is tried again under the same id, and executes once", async () => {
  const fleet = await Fleet.led();
  const [first, second] = fleet.peers;
  fleet.network.cut("p1", "p2");
  const adding = second!.add("n", 1, { timeoutMs: 60_000 });
  await fleet.until("it was executed", () => first!.count("n") === 1, 100);
  first!.crash();
  fleet.network.heal();
  assert.equal(await fleet.settle(adding, 10_000), 1);
  await fleet.run(500);
  assert.equal(second!.count("n"), 1);
  fleet.check();
});

Deno.test("a caller's own id is executed once, whichever peer it goes through", async () => {
  const fleet = await Fleet.led();
  const request = { kind: "caller", principal: "someone", id: "7" } as const;
  for (const peer of fleet.peers) {
    assert.equal(await fleet.settle(peer.add("n", 1, { request }), 100), 1);
  }
  const reused = fleet.peers[1]!.add("n", 2, { request });
  await assert.rejects(fleet.settle(reused, 100), { code: "REQUEST_ID_REUSED" });
});

Deno.test("nobody goes on waiting for a leader that is paused once there is another", async () => {
  const fleet = await Fleet.led();
  const [, second, third] = fleet.peers;
  // What a paused machine looks like: it answers nothing, and its connections stay.
  fleet.network.isolate("p1");
  const adding = [second!, third!].flatMap((peer) =>
    Array.from({ length: 5 }, () => peer.add("n", 1, { timeoutMs: 60_000 }))
  );
  const reading = second!.service.readBarrier(0, 60_000);
  const tookMs = await fleet.until("another leads", () => {
    return [second!, third!].some((peer) => peer.group().leads);
  }, 6_000);
  await fleet.settle(Promise.all([...adding, reading]), 600);
  assert.ok(tookMs < 6_000);
  assert.equal(second!.count("n"), 10);
  fleet.check();
});

Deno.test("a command is given up at its deadline, whatever it waits for", async () => {
  const fleet = await Fleet.led();
  const [first, second] = fleet.peers;
  for (const other of ["p2", "p3"]) fleet.network.cut(other, "p1");
  const slow = [1, 2, 3].map(() => second!.add("n", 1, { timeoutMs: 3_000 }));
  await fleet.run(1);
  const quick = [second!, first!].map((peer) => peer.add("n", 1, { timeoutMs: 300 }));
  const began = fleet.clock.monotonicMs();
  const outcomes = await fleet.settle(Promise.allSettled(quick), 1_000);
  assert.ok(fleet.clock.monotonicMs() - began < 500);
  assert.ok(outcomes.every(({ status }) => status === "rejected"));
  await fleet.settle(Promise.allSettled(slow), 5_000);
});

Deno.test("without a leader a command waits its time, and is told that it never happened", async () => {
  const fleet = await Fleet.led();
  const [, second, third] = fleet.peers;
  third!.crash();
  fleet.peers[0]!.crash();
  await fleet.until("it has no leader", () => second!.group().raft.leader === null, 3_000);
  const began = fleet.clock.monotonicMs();
  const adding = second!.add("n", 1, { timeoutMs: 60_000 });
  await assert.rejects(fleet.settle(adding, 5_000), { code: "NO_LEADER" });
  const tookMs = fleet.clock.monotonicMs() - began;
  assert.ok(tookMs >= 4_000 && tookMs < 4_300, `2 × the election timeout, took ${tookMs} ms`);
  const short = second!.add("n", 1, { timeoutMs: 100 });
  await assert.rejects(fleet.settle(short, 200), { code: "NO_LEADER" });
});

Deno.test("a new leader is used as soon as it is known", async () => {
  const fleet = await Fleet.led();
  const [first, second] = fleet.peers;
  first!.crash();
  const adding = second!.add("n", 1, { timeoutMs: 60_000 });
  await fleet.until("another leads", () => fleet.leader() !== null, 6_000);
  assert.equal(await fleet.settle(adding, 60), 1);
});

Deno.test("requests of other peers that lack their form change nothing", async () => {
  const fleet = await Fleet.led();
  const [first] = fleet.peers;
  const payload = new Uint8Array([1]);
  const wrong: [string, unknown][] = [
    [PROPOSE_METHOD, null],
    [PROPOSE_METHOD, []],
    [PROPOSE_METHOD, [0, NaN, [payload]]],
    [PROPOSE_METHOD, [0, Infinity, [payload]]],
    [PROPOSE_METHOD, [0, -1, [payload]]],
    [PROPOSE_METHOD, [0, 1e300, [payload]]],
    [PROPOSE_METHOD, [0, 1_000, "x"]],
    [PROPOSE_METHOD, [0, 1_000, [payload, "x"]]],
    [PROPOSE_METHOD, [0, 1_000, [payload, new Uint8Array(LIMITS.commandBytesMax + 1)]]],
    [PROPOSE_METHOD, ["0", 1_000, [payload]]],
    [READ_METHOD, [null]],
    [CONFIGURE_METHOD, [0, "1", [], 1_000]],
    [CONFIGURE_METHOD, [0, 1, [["promote", 7]], 1_000]],
    [CONFIGURE_METHOD, [0, 1, [["crown", "p2"]], 1_000]],
    [CONFIGURE_METHOD, [0, 1, [["promote", "p2"]], NaN]],
    [TRANSFER_METHOD, [0, 7, 1_000]],
    [TRANSFER_METHOD, [0, "p2", "soon"]],
    [FORGOTTEN_METHOD, [7, []]],
    [FORGOTTEN_METHOD, ["p2", "all"]],
    [FORGOTTEN_METHOD, ["p2", [[0, 1]]]],
    [FORGOTTEN_METHOD, ["p2", [[1, 0]]]],
    [FORGOTTEN_METHOD, ["p2", Array.from({ length: 1_000 }, (_, at) => [at + 1, 1])]],
  ];
  const { lastIndex } = first!.group().raft;
  for (const [method, body] of wrong) {
    const answer = first!.service.handle(method, body)!;
    await assert.rejects(answer, { code: "BAD_REQUEST" }, `${method} ${JSON.stringify(body)}`);
  }
  await fleet.run(10);
  assert.equal(first!.group().raft.lastIndex, lastIndex);
  assert.equal(first!.service.handle("group.other", []), null);
  fleet.check();
});

Deno.test("a peer that does not lead says who does, and forwards nothing further", async () => {
  const fleet = await Fleet.led();
  const [, second] = fleet.peers;
  for (const method of [PROPOSE_METHOD, READ_METHOD, CONFIGURE_METHOD, TRANSFER_METHOD]) {
    const body = {
      [PROPOSE_METHOD]: [0, 1_000, [new Uint8Array(1)]],
      [READ_METHOD]: [0],
      [CONFIGURE_METHOD]: [0, 1, [["remove", "p3"]], 1_000],
      [TRANSFER_METHOD]: [0, "p3", 1_000],
    }[method];
    const answer = second!.service.handle(method, body)!;
    await assert.rejects(answer, { code: "NOT_LEADER", details: { leader: "p1", term: 2 } });
  }
});

Deno.test("changes asked of a follower are made by the leader, and refused as it refuses", async () => {
  const fleet = await Fleet.led({ peers: 4, founders: 3 });
  const [first, second] = fleet.peers;
  const stale = { expectedIndex: 0, operations: [{ kind: "addLearner", peer: "p4" }] } as const;
  const refused = second!.service.changeConfiguration(0, stale, 1_000);
  await assert.rejects(fleet.settle(refused, 100), { code: "CONFLICT" });
  const change = { ...stale, expectedIndex: 1 };
  await fleet.settle(second!.service.changeConfiguration(0, change, 1_000), 100);
  assert.equal(first!.group().raft.configuration.learners[0]?.peer, "p4");
  const toLearner = second!.service.transferLeadership(0, "p4", 1_000);
  await assert.rejects(fleet.settle(toLearner, 100), { code: "BAD_REQUEST" });
  await fleet.settle(second!.service.transferLeadership(0, "p3", 1_000), 200);
  assert.equal(fleet.leader()!.id, "p3");
  fleet.check();
});

Deno.test("what a driver decided that was replaced is refused, wherever it was asked", async () => {
  const fleet = await Fleet.led({ peers: 4, founders: 3 });
  const [first, second] = fleet.peers;
  const change = { expectedIndex: 1, operations: [{ kind: "addLearner", peer: "p4" }] } as const;
  first!.service.heedDriver(8);
  first!.service.heedDriver(7);
  for (const { service } of [first!, second!]) {
    const late = service.changeConfiguration(0, change, 1_000, 7);
    await assert.rejects(fleet.settle(late, 100), { code: "CONFLICT" });
  }
  assert.deepEqual(first!.group().raft.configuration.learners, []);
  await fleet.settle(second!.service.changeConfiguration(0, change, 1_000, 8), 100);
  assert.equal(first!.group().raft.configuration.learners[0]?.peer, "p4");
  fleet.check();
});

Deno.test("a change whose answer is lost is not called a conflict", async () => {
  const fleet = await Fleet.led({ peers: 4, founders: 3 });
  const [first, second] = fleet.peers;
  fleet.network.isolate("p1");
  const change = { expectedIndex: 1, operations: [{ kind: "addLearner", peer: "p4" }] } as const;
  const there = second!.service.changeConfiguration(0, change, 200);
  await assert.rejects(fleet.settle(there, 500), { code: "OUTCOME_UNKNOWN" });
  const here = first!.service.changeConfiguration(0, change, 200);
  await assert.rejects(fleet.settle(here, 500), { code: "OUTCOME_UNKNOWN" });
});

Deno.test("once a command may have happened nothing later makes it certain that it did not", async () => {
  const fleet = await Fleet.led();
  const [first, second, third] = fleet.peers;
  fleet.network.cut("p1", "p2");
  const adding = second!.add("n", 1, { timeoutMs: 60_000 });
  await fleet.until("it was executed", () => first!.count("n") === 1, 100);
  for (const peer of [first!, third!]) peer.crash();
  await assert.rejects(fleet.settle(adding, 10_000), { code: "OUTCOME_UNKNOWN" });
});

Deno.test("a leader that loses its majority tells its callers, without waiting for their deadlines", async () => {
  const fleet = await Fleet.led();
  const [first] = fleet.peers;
  fleet.network.isolate("p1");
  const adding = first!.add("n", 1, { timeoutMs: 600_000 });
  await assert.rejects(fleet.settle(adding, 7_000), { code: "OUTCOME_UNKNOWN" });
});

Deno.test("a leader takes no more proposals of others than it can hold", async () => {
  const fleet = await Fleet.led();
  const [first] = fleet.peers;
  const payload = new Uint8Array(1);
  const payloads = new Array(LIMITS.pendingProposalsMax + 1).fill(payload);
  const { lastIndex } = first!.group().raft;
  const answer = first!.service.handle(PROPOSE_METHOD, [0, 1_000, payloads])!;
  await assert.rejects(answer, { code: "TOO_MANY_REQUESTS" });
  assert.equal(first!.group().raft.lastIndex, lastIndex);
});
