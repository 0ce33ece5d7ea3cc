/** The core's rules that are not the paper's: bounds, bad input, replica ids, hibernation, recovery. */
import { strict as assert } from "node:assert";
import { AssertionError } from "../../src/assert.ts";
import type { Entry } from "../../src/raft/entry.ts";
import type { Envelope, MessageBody } from "../../src/raft/message.ts";
import { EMPTY_CONFIGURATION } from "../../src/raft/configuration.ts";
import { Random } from "../../src/random.ts";
import { ClusterHarness } from "./cluster_harness.ts";
import {
  Disk,
  founding,
  payloadOf,
  ReplicaHarness,
  SETTINGS,
  type Settings,
} from "./replica_harness.ts";

function sole(settings: Partial<Settings> = {}): ReplicaHarness {
  const disk = new Disk(founding("a"));
  const self = { peer: "a", replica: 1 };
  const replica = new ReplicaHarness(self, disk, { ...SETTINGS, ...settings }, new Random(3));
  replica.raft.campaign(true);
  replica.work();
  return replica;
}

function trio(settings: Partial<Settings> = {}): ClusterHarness {
  const cluster = new ClusterHarness(["a", "b", "c"], settings);
  cluster.elect("a");
  return cluster;
}

function entry(index: number, term: number): Entry {
  return { index, term, kind: "command", timeMs: 0, payload: payloadOf("x") };
}

Deno.test("a proposal answers the index of its first entry", () => {
  const { raft } = sole();
  const proposed = raft.propose([payloadOf("x"), payloadOf("y")], 5);
  assert.deepEqual(proposed, { ok: true, index: 3, term: 2 });
  assert.equal(raft.lastIndex, 4);
});

Deno.test("stamps never go back", () => {
  const { raft } = sole();
  raft.propose([payloadOf("x")], 500);
  raft.propose([payloadOf("y")], 400);
  assert.deepEqual(raft.ready().persist?.entries.map(({ timeMs }) => timeMs), [500, 500]);
  for (const timeMs of [-1, 0.5, NaN]) {
    assert.equal(raft.propose([payloadOf("z")], timeMs).ok, false);
  }
});

Deno.test("uncommitted bytes are bounded, and one batch of any size is taken when there are none", () => {
  const cluster = trio({ uncommittedBytesMax: 1000 });
  cluster.isolate("a");
  const { raft } = cluster.at("a");
  assert.ok(raft.propose([new Uint8Array(5000)], 0).ok);
  assert.deepEqual(raft.propose([new Uint8Array(1)], 0), { ok: false, reason: "busy" });
  cluster.heal();
  cluster.tick(4);
  assert.ok(raft.propose([new Uint8Array(400)], 0).ok);
  assert.ok(raft.propose([new Uint8Array(400)], 0).ok);
  assert.deepEqual(raft.propose([new Uint8Array(400)], 0), { ok: false, reason: "busy" });
});

Deno.test("reads that wait are bounded, and lost with leadership", () => {
  const cluster = trio({ pendingReadsMax: 3 });
  const { raft } = cluster.at("a");
  for (const context of [1, 2, 3]) assert.ok(raft.readIndex(context).ok);
  assert.deepEqual(raft.readIndex(4), { ok: false, reason: "busy" });
  raft.stepDown();
  cluster.settle();
  assert.deepEqual(cluster.at("a").readsLost, [1, 2, 3]);
});

Deno.test("a follower that does not answer gets no more than the window, and an append no more than its bound", () => {
  const cluster = trio({ inflightMessagesMax: 3, appendBytesMax: 100 });
  const seen: Envelope[] = [];
  cluster.lose = (envelope) => {
    if (envelope.to.peer === "c") seen.push(envelope);
    return envelope.to.peer === "c";
  };
  cluster.propose("a", ...Array.from({ length: 20 }, (_, at) => `${at}`));
  const sizes = seen.flatMap(({ body }) => body.kind === "append" ? [body.entries.length] : []);
  assert.deepEqual(sizes.filter((size) => size > 0), [3, 3, 3]);
  cluster.heal();
  cluster.tick(6);
  assert.equal(cluster.at("c").applied.length, 20);
});

Deno.test("many proposals between two Readys leave as one append for each follower", () => {
  const cluster = trio();
  const { raft } = cluster.at("a");
  for (const text of ["x", "y", "z"]) raft.propose([payloadOf(text)], 0);
  const appends = raft.ready().messages.filter(({ body }) => body.kind === "append");
  assert.deepEqual(appends.map(({ body }) => body.kind === "append" && body.entries.length), [
    3,
    3,
  ]);
});

Deno.test("malformed messages are dropped", () => {
  const cluster = trio();
  const { raft } = cluster.at("b");
  const append = { kind: "append", previousIndex: 2, previousTerm: 2, commitIndex: 2 } as const;
  const bodies: unknown[] = [
    { ...append, previousIndex: -1, entries: [] },
    { ...append, commitIndex: NaN, entries: [] },
    { ...append, entries: [entry(4, 2)] },
    { ...append, entries: [entry(3, 1)] },
    { ...append, entries: [entry(3, 99)] },
    { ...append, entries: [{ ...entry(3, 2), kind: "configuration" }] },
    { ...append, entries: [{ ...entry(3, 2), timeMs: -5 }] },
    { kind: "heartbeat", commitIndex: 1.5, round: 1 },
    { kind: "hibernate", lastIndex: -2 },
    { kind: "snapshotAnswer", index: -1, nextOffsetBytes: 0 },
    { kind: "nonsense" },
  ];
  for (const body of bodies) {
    const ends = { from: { peer: "a", replica: 1 }, to: { peer: "b", replica: 1 } };
    raft.step({ ...ends, term: 2, body: body as MessageBody });
    assert.equal(raft.hasReady(), false, JSON.stringify(body));
  }
  // A commit index that the follower does not have is not believed either.
  const heartbeat = { kind: "heartbeat", commitIndex: 50, round: 1 } as const;
  const ends = { from: { peer: "a", replica: 1 }, to: { peer: "b", replica: 1 } };
  raft.step({ ...ends, term: 2, body: heartbeat });
  assert.equal(raft.commitIndex, 2);
});

Deno.test("an append from behind the commit index takes nothing away", () => {
  const cluster = trio();
  cluster.propose("a", "x");
  const ends = { from: { peer: "c", replica: 1 }, to: { peer: "b", replica: 1 } };
  const body = {
    kind: "append",
    previousIndex: 1,
    previousTerm: 1,
    commitIndex: 0,
    entries: [entry(2, 9)],
  } as const;
  const { raft } = cluster.at("b");
  // Behind the commit index it is answered with what is known, and changes nothing.
  raft.step({ ...ends, term: 9, body });
  assert.equal(raft.lastIndex, 3);
  const lying = { ...body, previousIndex: 3, previousTerm: 2, entries: [entry(4, 9)] };
  raft.step({ ...ends, term: 9, body: { ...lying, commitIndex: 4 } });
  assert.equal(raft.commitIndex, 4);
  raft.checkInvariants();
});

Deno.test("messages for or from a former self of a peer are dropped", () => {
  const cluster = trio();
  const { raft } = cluster.at("b");
  const body = { kind: "append", previousIndex: 2, previousTerm: 2, commitIndex: 2 } as const;
  const send = (from: number, to: number) => {
    const ends = { from: { peer: "a", replica: from }, to: { peer: "b", replica: to } };
    raft.step({ ...ends, term: 2, body: { ...body, entries: [entry(3, 2)] } });
    return raft.lastIndex;
  };
  assert.equal(send(1, 2), 2);
  // 0 stands for a new learner's unknown id; a voter is not meant by it.
  assert.equal(send(1, 0), 2);
  // A sender with a newer id is one of which this log does not know yet.
  assert.equal(send(1, 1), 3);
});

Deno.test("a former self of a peer gets no vote, and another self's votes and acknowledgements do not count", () => {
  const cluster = trio();
  const { raft } = cluster.at("a");
  const step = (replica: number, term: number, body: MessageBody) =>
    raft.step({ from: { peer: "b", replica }, to: { peer: "a", replica: 1 }, term, body });
  cluster.isolate("a");
  cluster.propose("a", "x");
  const answer = {
    kind: "appendAnswer",
    accepted: true,
    index: 3,
    hintIndex: 0,
    hintTerm: 0,
  } as const;
  step(9, 2, answer);
  assert.equal(raft.commitIndex, 2);
  raft.stepDown();
  raft.campaign(true);
  cluster.settle();
  step(9, 3, { kind: "voteAnswer", preVote: false, granted: true });
  assert.equal(raft.role, "candidate");
  step(1, 3, { kind: "voteAnswer", preVote: false, granted: true });
  assert.equal(raft.role, "leader");
});

Deno.test("a former self of a peer is not heard", () => {
  const cluster = trio();
  const operations = [{ kind: "remove", peer: "c" }] as const;
  const { raft } = cluster.at("a");
  raft.proposeConfiguration({ expectedIndex: 1, operations }, 0);
  cluster.settle();
  const again = [{ kind: "addLearner", peer: "c" }] as const;
  raft.proposeConfiguration({ expectedIndex: raft.configuration.index, operations: again }, 0);
  cluster.settle();
  const follower = cluster.at("b").raft;
  const to = { peer: "b", replica: 1 };
  const body = {
    kind: "voteRequest",
    preVote: false,
    lastIndex: 99,
    lastTerm: 2,
    transfer: true,
  } as const;
  follower.step({ from: { peer: "c", replica: 1 }, to, term: 8, body });
  assert.equal(follower.term, 2);
  follower.step({ from: { peer: "c", replica: 5 }, to, term: 8, body });
  assert.equal(follower.term, 8);
});

Deno.test("a snapshot is acknowledged when its reference is durable, and applied after that", () => {
  const cluster = trio({ logMemoryBytesMax: 0, snapshotChunkBytesMax: 4096 });
  cluster.isolate("c");
  cluster.propose("a", "x", "y");
  cluster.at("a").takeSnapshot();
  cluster.heal();
  const c = cluster.at("c");
  const answers: Envelope[] = [];
  for (let round = 0; round < 40 && c.raft.snapshot === null; round++) {
    cluster.at("a").raft.tick();
    for (const envelope of cluster.at("a").work()) cluster.deliver(envelope);
    for (const envelope of c.takeReady()) cluster.deliver(envelope);
    c.finishReads();
  }
  assert.equal(c.raft.snapshot?.index, 4);
  answers.push(...c.takeReady());
  c.apply();
  assert.deepEqual([answers, c.appliedIndex], [[], 2]);
  c.persist();
  c.apply();
  answers.push(...c.takeReady());
  assert.deepEqual(answers.map(({ body }) => body.kind), ["appendAnswer"]);
  assert.deepEqual(c.applied, ["x", "y"]);
});

Deno.test("entries that storage read before they were compacted are not sent any more", () => {
  const cluster = trio({ logMemoryBytesMax: 0 });
  cluster.isolate("c");
  cluster.propose("a", "x", "y", "z");
  cluster.heal();
  const a = cluster.at("a");
  const c = cluster.at("c");
  let fetching = false;
  a.onReady = ({ fetches }) => void (fetching ||= fetches.length > 0);
  for (let round = 0; round < 40 && !fetching; round++) {
    a.raft.tick();
    for (const envelope of a.takeReady()) cluster.deliver(envelope);
    for (const envelope of c.work()) cluster.deliver(envelope);
  }
  assert.ok(fetching);
  a.takeSnapshot();
  a.finishReads();
  cluster.tick(6);
  assert.equal(c.raft.snapshot?.index, 5);
  assert.deepEqual(c.applied, ["x", "y", "z"]);
});

Deno.test("a follower that lacks something does not fall asleep", () => {
  const cluster = trio();
  const { raft } = cluster.at("b");
  const ends = { from: { peer: "a", replica: 1 }, to: { peer: "b", replica: 1 } };
  raft.step({ ...ends, term: 2, body: { kind: "hibernate", lastIndex: 3 } });
  assert.equal(raft.asleep, false);
  const body = { kind: "append", previousIndex: 2, previousTerm: 2, commitIndex: 2 } as const;
  raft.step({ ...ends, term: 2, body: { ...body, entries: [entry(3, 2)] } });
  raft.step({ ...ends, term: 2, body: { kind: "hibernate", lastIndex: 3 } });
  assert.equal(raft.asleep, false, "what it has is not committed");
  raft.step({ ...ends, term: 2, body: { kind: "heartbeat", commitIndex: 3, round: 9 } });
  raft.step({ ...ends, term: 2, body: { kind: "hibernate", lastIndex: 3 } });
  assert.equal(raft.asleep, true);
});

Deno.test("a replica that is not initialised neither votes nor stands", () => {
  const disk = new Disk(EMPTY_CONFIGURATION);
  const replica = new ReplicaHarness({ peer: "a", replica: 5 }, disk, SETTINGS, new Random(1));
  const ends = { from: { peer: "b", replica: 1 }, to: { peer: "a", replica: 5 } };
  for (const preVote of [true, false]) {
    const body = {
      kind: "voteRequest",
      preVote,
      lastIndex: 9,
      lastTerm: 2,
      transfer: true,
    } as const;
    replica.raft.step({ ...ends, term: 3, body });
  }
  for (let tick = 0; tick < 100; tick++) replica.raft.tick();
  replica.raft.campaign(true);
  assert.deepEqual(replica.work(), []);
  assert.equal(replica.raft.role, "learner");
  assert.equal(replica.raft.term, 0);
});

Deno.test("after a restart committed entries are fetched and applied, each once", () => {
  const replica = sole();
  replica.raft.propose(["x", "y", "z"].map(payloadOf), 0);
  replica.work();
  replica.raft.propose([payloadOf("w")], 0);
  replica.work();
  assert.deepEqual(replica.applied, ["x", "y", "z", "w"]);
  replica.restart();
  replica.work();
  replica.raft.campaign(true);
  replica.work();
  assert.deepEqual(replica.applied, ["x", "y", "z", "w"]);
});

Deno.test("memory keeps to its bound, and followers get older entries from storage", () => {
  const cluster = trio({ logMemoryBytesMax: 400 });
  cluster.isolate("c");
  for (let at = 0; at < 50; at++) cluster.propose("a", `${at}`);
  cluster.heal();
  cluster.tick(6);
  assert.equal(cluster.at("c").applied.length, 50);
  assert.equal(cluster.at("c").raft.snapshot, null);
});

Deno.test("persisted and applied refuse what was never handed out", () => {
  const { raft } = sole();
  assert.throws(() => raft.persisted(99), AssertionError);
  assert.throws(() => raft.applied(99), AssertionError);
});

Deno.test("who steps down does not stand again within an election timeout", () => {
  const cluster = trio();
  cluster.isolate("a");
  const { raft } = cluster.at("a");
  raft.stepDown();
  for (let tick = 0; tick < SETTINGS.electionTicksMax; tick++) {
    raft.tick();
    assert.equal(raft.role, "follower");
  }
});

Deno.test("a leader that steps down hands over to a follower that has everything", () => {
  const cluster = trio();
  cluster.at("a").raft.stepDown();
  cluster.settle();
  assert.equal(cluster.leaders().length, 1);
  assert.notEqual(cluster.leaders()[0], "a");
});

Deno.test("the driver's heartbeats count for check-quorum, those of before the leadership do not confirm reads", () => {
  const cluster = trio();
  cluster.isolate("a");
  const { raft } = cluster.at("a");
  for (let tick = 0; tick < 100; tick++) {
    raft.tick();
    raft.followerAlive("b", 0);
    cluster.at("a").work();
  }
  assert.equal(raft.role, "leader");
  raft.readIndex(1);
  cluster.at("a").work();
  raft.followerAlive("b", raft.round - 1);
  cluster.at("a").work();
  assert.deepEqual(cluster.at("a").reads, []);
  raft.followerAlive("b", raft.round);
  cluster.at("a").work();
  assert.deepEqual(cluster.at("a").reads, [{ context: 1, index: 2 }]);
});

Deno.test("followers that are woken after a long silence stand soon, and not all at once", () => {
  const cluster = trio({ hibernateHeartbeats: 1 });
  cluster.tick(10);
  assert.ok(cluster.at("b").raft.asleep);
  cluster.isolate("a");
  for (const peer of ["b", "c"]) cluster.at(peer).raft.wake(1000);
  cluster.tick(SETTINGS.electionTicksMax - SETTINGS.electionTicksMin + 1);
  assert.equal(cluster.leaders().filter((peer) => peer !== "a").length, 1);
});

Deno.test("ready hands out everything once", () => {
  const cluster = trio();
  const { raft } = cluster.at("a");
  raft.propose([payloadOf("x")], 0);
  assert.ok(raft.hasReady());
  raft.ready();
  assert.equal(raft.hasReady(), false);
  const empty = raft.ready();
  assert.deepEqual([empty.messages, empty.persist, empty.committed, empty.status], [
    [],
    null,
    [],
    null,
  ]);
});
