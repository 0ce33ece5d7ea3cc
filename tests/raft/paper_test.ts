/**
 * What the paper (Ongaro and Ousterhout, extended version) and the dissertation demand, section by
 * section, through the core's public face.
 */
import { strict as assert } from "node:assert";
import type { Entry, PeerId } from "../../src/raft/entry.ts";
import type { Envelope, MessageBody } from "../../src/raft/message.ts";
import { Raft } from "../../src/raft/raft.ts";
import { Random } from "../../src/random.ts";
import { ClusterHarness } from "./cluster_harness.ts";
import { Disk, founding, payloadOf, ReplicaHarness, SETTINGS } from "./replica_harness.ts";

/** One replica of a group of these voters, with a log whose entries have these terms, from index 2 on. */
function replicaOf(peers: string, terms: readonly number[] = [], term = terms.at(-1) ?? 1) {
  const disk = new Disk(founding(...peers));
  disk.hardState = { term, votedFor: null, commitIndex: 1 };
  disk.entries = terms.map((entryTerm, at) => entry(at + 2, entryTerm));
  return new ReplicaHarness({ peer: "a", replica: 1 }, disk, SETTINGS, new Random(5));
}

function entry(index: number, term: number): Entry {
  return { index, term, kind: "command", timeMs: 0, payload: payloadOf(`${index}/${term}`) };
}

function from(peer: PeerId, term: number, body: MessageBody): Envelope {
  return { from: { peer, replica: 1 }, to: { peer: "a", replica: 1 }, term, body };
}

function append(previousIndex: number, previousTerm: number, entries: readonly Entry[] = []) {
  return { kind: "append", previousIndex, previousTerm, commitIndex: 0, entries } as const;
}

function voteRequest(lastIndex: number, lastTerm: number): MessageBody {
  return { kind: "voteRequest", preVote: false, lastIndex, lastTerm, transfer: false };
}

const voteGranted = { kind: "voteAnswer", preVote: false, granted: true } as const;
const voteRefused = { kind: "voteAnswer", preVote: false, granted: false } as const;

function accepted(index: number): MessageBody {
  return { kind: "appendAnswer", accepted: true, index, hintIndex: 0, hintTerm: 0 };
}

/** The messages of this kind that the replica sends now. */
function sent<K extends MessageBody["kind"]>(replica: ReplicaHarness, kind: K) {
  return replica.work().flatMap(({ to, body }) =>
    body.kind === kind ? [{ to: to.peer, body: body as Extract<MessageBody, { kind: K }> }] : []
  );
}

/** Makes it the leader of the next term, by the votes of these. */
function elect(replica: ReplicaHarness, ...voters: readonly PeerId[]): void {
  replica.raft.campaign(true);
  replica.work();
  for (const peer of voters) replica.raft.step(from(peer, replica.raft.term, voteGranted));
  assert.equal(replica.raft.role, "leader");
  replica.work();
}

Deno.test("5.1: every role becomes a follower when it hears of a newer term", () => {
  const follower = replicaOf("abc");
  const candidate = replicaOf("abc");
  candidate.raft.campaign(true);
  const leader = replicaOf("abc");
  elect(leader, "b");
  for (const { raft } of [follower, candidate, leader]) {
    raft.step(from("b", 7, append(1, 1)));
    assert.deepEqual([raft.role, raft.term, raft.leader], ["follower", 7, "b"]);
  }
});

Deno.test("5.1: what comes from an older term changes nothing, and its sender is told the term", () => {
  const replica = replicaOf("abc", [2, 3]);
  replica.raft.step(from("b", 2, append(2, 2, [entry(3, 2)])));
  assert.equal(replica.raft.lastIndex, 3);
  assert.equal(sent(replica, "appendAnswer")[0]?.body.accepted, false);
});

Deno.test("5.2: a follower stands after a timeout between the minimum and the maximum", () => {
  const seen = new Set<number>();
  for (let seed = 0; seed < 100; seed++) {
    const disk = new Disk(founding("a", "b", "c"));
    const self = { peer: "a", replica: 1 };
    const replica = new ReplicaHarness(self, disk, SETTINGS, new Random(seed));
    let ticks = 0;
    for (; replica.raft.role === "follower"; ticks++) replica.raft.tick();
    assert.ok(ticks >= SETTINGS.electionTicksMin && ticks <= SETTINGS.electionTicksMax);
    seen.add(ticks);
  }
  assert.ok(seen.size > 8, "timeouts are spread over the range");
});

Deno.test("5.2: a leader needs a majority of all voters", () => {
  for (const [peers, needed] of [["a", 0], ["abc", 1], ["abcd", 2], ["abcde", 2]] as const) {
    const replica = replicaOf(peers);
    replica.raft.campaign(true);
    replica.work();
    for (let vote = 1; vote <= needed; vote++) {
      assert.equal(replica.raft.role, "candidate");
      replica.raft.step(from(peers[vote]!, 2, voteGranted));
    }
    assert.equal(replica.raft.role, "leader");
  }
});

Deno.test("5.2: one voter's vote counts once, and a majority of refusals ends the candidacy", () => {
  const replica = replicaOf("abcde");
  replica.raft.campaign(true);
  replica.work();
  for (let time = 0; time < 3; time++) replica.raft.step(from("b", 2, voteGranted));
  assert.equal(replica.raft.role, "candidate");
  for (const peer of "cde") replica.raft.step(from(peer, 2, voteRefused));
  assert.equal(replica.raft.role, "follower");
});

Deno.test("5.2: a replica votes once a term, for the first that asks, also after a restart", () => {
  const replica = replicaOf("abc");
  replica.raft.step(from("b", 2, voteRequest(1, 1)));
  assert.deepEqual(sent(replica, "voteAnswer").map(({ body }) => body.granted), [true]);
  replica.restart();
  replica.raft.step(from("c", 2, voteRequest(1, 1)));
  assert.deepEqual(sent(replica, "voteAnswer").map(({ body }) => body.granted), [false]);
  replica.raft.step(from("b", 2, voteRequest(1, 1)));
  assert.deepEqual(sent(replica, "voteAnswer").map(({ body }) => body.granted), [true]);
});

Deno.test("5.2: a candidate yields to the leader of its own term", () => {
  const replica = replicaOf("abc");
  replica.raft.campaign(true);
  replica.raft.step(from("b", 2, append(1, 1, [entry(2, 2)])));
  assert.deepEqual([replica.raft.role, replica.raft.leader], ["follower", "b"]);
  assert.equal(replica.raft.lastIndex, 2);
});

Deno.test("5.3: an entry is committed once a majority has it, and everyone learns it", () => {
  const cluster = new ClusterHarness(["a", "b", "c"]);
  cluster.elect("a");
  cluster.isolate("c");
  cluster.propose("a", "x");
  assert.deepEqual(["a", "b", "c"].map((peer) => cluster.at(peer).applied), [["x"], ["x"], []]);
  cluster.heal();
  cluster.tick(4);
  assert.deepEqual(cluster.at("c").applied, ["x"]);
});

Deno.test("5.3: an append is accepted only behind an entry of the same index and term", () => {
  const cases = [
    { at: [4, 3], accepted: true, hint: [0, 0] },
    { at: [4, 4], accepted: false, hint: [4, 3] },
    { at: [6, 4], accepted: false, hint: [4, 3] },
    { at: [4, 2], accepted: false, hint: [3, 2] },
  ] as const;
  for (const { at, accepted: isAccepted, hint } of cases) {
    const replica = replicaOf("abc", [2, 2, 3]);
    replica.raft.step(from("b", 5, append(at[0], at[1])));
    const { body } = sent(replica, "appendAnswer")[0]!;
    assert.equal(body.accepted, isAccepted);
    assert.deepEqual([body.hintIndex, body.hintTerm], hint);
  }
});

Deno.test("5.3: entries that differ are replaced, entries that agree stay", () => {
  const replica = replicaOf("abc", [2, 2, 3]);
  replica.raft.step(from("b", 5, append(2, 2, [entry(3, 2)])));
  assert.equal(replica.raft.lastIndex, 4, "a delayed, shorter append takes nothing away");
  replica.raft.step(from("b", 5, append(2, 2, [entry(3, 2), entry(4, 5), entry(5, 5)])));
  replica.work();
  assert.deepEqual(replica.disk.entries.map(({ term }) => term), [2, 2, 5, 5]);
});

Deno.test("5.3: a follower commits no further than its log is known to agree", () => {
  const replica = replicaOf("abc", [2, 2, 2]);
  replica.raft.step(from("b", 3, { ...append(2, 2), commitIndex: 4 }));
  assert.equal(replica.raft.commitIndex, 2, "entries 3 and 4 may not be the leader's");
});

Deno.test("5.3: a refusal that comes late takes back nothing of what was acknowledged", () => {
  const leader = replicaOf("abc", [2, 2, 2]);
  elect(leader, "b");
  leader.raft.step(from("b", 3, accepted(5)));
  leader.work();
  const refusal = { ...accepted(2), accepted: false, hintIndex: 1, hintTerm: 1 } as MessageBody;
  leader.raft.step(from("b", 3, refusal));
  assert.deepEqual(sent(leader, "append"), []);
  const [status] = leader.raft.followers();
  assert.deepEqual([status?.state, status?.matchIndex, status?.nextIndex], ["replicate", 5, 6]);
});

Deno.test("figure 7: a leader brings every kind of log in line with its own", () => {
  const lead = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
  const others = [
    [1, 1, 1, 4, 4, 5, 5, 6, 6],
    [1, 1, 1, 4],
    [...lead, 6],
    [...lead, 7, 7],
    [1, 1, 1, 4, 4, 4, 4],
    [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
  ];
  for (const terms of others) {
    const cluster = new ClusterHarness(["a", "b", "c"]);
    for (const [peer, log] of [["a", lead], ["b", terms], ["c", [1]]] as const) {
      cluster.at(peer).disk.entries = log.map((term, at) => entry(at + 2, term));
      cluster.at(peer).disk.hardState = { term: 7, votedFor: null, commitIndex: 1 };
      cluster.at(peer).restart();
    }
    // b may have a newer log than a: c's vote is enough, if b's refusal is not heard first.
    cluster.lose = ({ from, body }) => from.peer === "b" && body.kind === "voteAnswer";
    cluster.elect("a");
    cluster.heal();
    cluster.tick(6);
    assert.deepEqual(cluster.leaders(), ["a"]);
    const [left, right] = ["a", "b"].map((peer) => cluster.at(peer).disk.entries);
    assert.deepEqual(right, left);
    assert.equal(cluster.at("b").appliedIndex, cluster.at("a").raft.lastIndex);
  }
});

Deno.test("5.4.1: no vote for a log that is less up to date", () => {
  const cases = [
    { own: [2], asked: [2, 2], granted: true },
    { own: [2], asked: [3, 2], granted: true },
    { own: [2, 2], asked: [2, 2], granted: false },
    { own: [2, 2, 2], asked: [2, 3], granted: true },
    { own: [3], asked: [9, 2], granted: false },
  ] as const;
  for (const { own, asked, granted } of cases) {
    const replica = replicaOf("abc", own, 4);
    replica.raft.step(from("b", 5, voteRequest(asked[0], asked[1])));
    assert.deepEqual(sent(replica, "voteAnswer").map(({ body }) => body.granted), [granted]);
  }
});

Deno.test("5.4.2, figure 8: an entry of an older term is not committed by counting", () => {
  const leader = replicaOf("abcde", [2], 3);
  elect(leader, "b", "c");
  assert.equal(leader.raft.lastIndex, 3);
  // A majority has entry 2, of term 2.
  for (const peer of "bc") leader.raft.step(from(peer, 4, accepted(2)));
  leader.work();
  assert.equal(leader.raft.commitIndex, 1);
  // With entry 3, of its own term, both are committed.
  for (const peer of "bc") leader.raft.step(from(peer, 4, accepted(3)));
  assert.equal(leader.raft.commitIndex, 3);
});

Deno.test("5.5: messages that come twice change nothing", () => {
  const replica = replicaOf("abc");
  for (let time = 0; time < 2; time++) {
    replica.raft.step(from("b", 2, append(1, 1, [entry(2, 2), entry(3, 2)])));
    assert.equal(sent(replica, "appendAnswer").at(-1)?.body.index, 3);
  }
  assert.equal(replica.disk.entries.length, 2);
});

Deno.test("7: a follower that is too far behind gets a snapshot, then entries", () => {
  const cluster = new ClusterHarness(["a", "b", "c"], { logMemoryBytesMax: 0 });
  cluster.elect("a");
  cluster.isolate("c");
  cluster.propose("a", "x", "y", "z");
  assert.ok(cluster.at("a").takeSnapshot() !== null);
  cluster.propose("a", "w");
  cluster.heal();
  cluster.tick(6);
  assert.equal(cluster.at("c").raft.snapshot?.index, 5);
  assert.deepEqual(cluster.at("c").applied, ["x", "y", "z", "w"]);
});

Deno.test("7: a snapshot that is taken is no reason to send one: what is in memory is sent", () => {
  const cluster = new ClusterHarness(["a", "b", "c"]);
  cluster.elect("a");
  cluster.isolate("c");
  cluster.propose("a", "x", "y", "z");
  cluster.at("a").takeSnapshot();
  cluster.heal();
  cluster.tick(6);
  assert.equal(cluster.at("c").raft.snapshot, null);
  assert.deepEqual(cluster.at("c").applied, ["x", "y", "z"]);
});

Deno.test("dissertation 3.10: who was asked to stand gets votes though the leader is fresh", () => {
  const cluster = new ClusterHarness(["a", "b", "c"]);
  cluster.elect("a");
  cluster.at("a").raft.transferLeadership("b");
  cluster.settle();
  assert.deepEqual(cluster.leaders(), ["b"]);
});

Deno.test("dissertation 4.1: a configuration is in force when appended, and goes when it is truncated", () => {
  const cluster = new ClusterHarness(["a", "b", "c"]);
  cluster.elect("a");
  cluster.isolate("a");
  const { raft } = cluster.at("a");
  const operations = [{ kind: "remove", peer: "c" }] as const;
  raft.proposeConfiguration({ expectedIndex: 1, operations }, 0);
  assert.equal(raft.configuration.voters.length, 2);
  cluster.settle();
  cluster.tick(45);
  const [leader] = cluster.leaders();
  cluster.heal();
  cluster.tick(8);
  assert.deepEqual(cluster.leaders(), [leader]);
  assert.equal(raft.configuration.voters.length, 3);
});

Deno.test("dissertation 4.2.3: within the minimum timeout of hearing a leader nobody gets a vote", () => {
  for (const preVote of [false, true]) {
    const replica = replicaOf("abc");
    replica.raft.step(from("b", 2, { kind: "heartbeat", commitIndex: 0, round: 1 }));
    replica.work();
    const request = { ...voteRequest(9, 2), preVote } as MessageBody;
    for (let tick = 0; tick < SETTINGS.electionTicksMin; tick++) {
      replica.raft.step(from("c", 3, request));
      assert.deepEqual(sent(replica, "voteAnswer"), [], `after ${tick} ticks`);
      assert.equal(replica.raft.term, 2);
      replica.raft.tick();
    }
    replica.raft.step(from("c", 3, request));
    assert.equal(sent(replica, "voteAnswer")[0]?.body.granted, true);
  }
});

Deno.test("dissertation 6.4: a read waits for a round that began after it", () => {
  const leader = replicaOf("abc");
  elect(leader, "b");
  leader.raft.step(from("b", 2, accepted(2)));
  leader.work();
  const { round } = leader.raft;
  leader.raft.readIndex(1);
  leader.raft.step(from("b", 2, { kind: "heartbeatAnswer", round }));
  leader.work();
  assert.deepEqual(leader.reads, []);
  leader.raft.step(from("b", 2, { kind: "heartbeatAnswer", round: leader.raft.round }));
  leader.work();
  assert.deepEqual(leader.reads, [{ context: 1, index: 2 }]);
});

Deno.test("dissertation 9.6: a replica that was cut off does not raise the term", () => {
  const cluster = new ClusterHarness(["a", "b", "c"]);
  cluster.elect("a");
  cluster.isolate("c");
  cluster.tick(200);
  assert.equal(cluster.at("c").raft.term, 2);
  cluster.heal();
  cluster.tick(30);
  assert.deepEqual([cluster.leaders(), cluster.at("a").raft.term], [["a"], 2]);
});

Deno.test("dissertation 9.6: nobody is granted a pre-vote for a term that has begun already", () => {
  const replica = replicaOf("abc", [2], 5);
  for (const [term, granted] of [[4, false], [5, false], [6, true]] as const) {
    const request = { ...voteRequest(9, 3), preVote: true } as MessageBody;
    replica.raft.step(from("b", term, request));
    assert.deepEqual(sent(replica, "voteAnswer").map(({ body }) => body.granted), [granted]);
  }
  assert.equal(replica.raft.term, 5);
});

Deno.test("dissertation 4.1: no change before an entry of the own term is committed, nor two at once", () => {
  const leader = replicaOf("abc");
  elect(leader, "b");
  const add = (peer: PeerId) => {
    const expectedIndex = leader.raft.configuration.index;
    const operations = [{ kind: "addLearner", peer }] as const;
    return leader.raft.proposeConfiguration({ expectedIndex, operations }, 0);
  };
  assert.deepEqual(add("d"), { ok: false, reason: "busy" });
  leader.raft.step(from("b", 2, accepted(2)));
  assert.equal(add("d").ok, true);
  assert.deepEqual(add("e"), { ok: false, reason: "conflict", configurationIndex: 3 });
  leader.work();
  leader.raft.step(from("b", 2, accepted(3)));
  assert.equal(add("e").ok, true);
});

Deno.test("dissertation 4.3: a joint configuration is left only once it is committed", () => {
  const leader = replicaOf("abc");
  elect(leader, "b");
  leader.raft.step(from("b", 2, accepted(2)));
  leader.raft.propose([payloadOf("x")], 0);
  const operations = [{ kind: "demote", peer: "c" }] as const;
  leader.raft.proposeConfiguration({ expectedIndex: 1, operations }, 0);
  leader.work();
  leader.raft.step(from("b", 2, accepted(3)));
  assert.deepEqual([leader.raft.commitIndex, leader.raft.configuration.index], [3, 4]);
  leader.raft.step(from("b", 2, accepted(4)));
  assert.deepEqual([leader.raft.commitIndex, leader.raft.configuration.index], [4, 5]);
});

Deno.test("dissertation 10.2.1: a leader's own copy counts only when it is durable", () => {
  const leader = replicaOf("abc");
  elect(leader, "b");
  leader.raft.propose([payloadOf("x")], 0);
  leader.takeReady();
  leader.raft.step(from("b", 2, accepted(3)));
  assert.equal(leader.raft.commitIndex, 2, "entry 3 is on b's disk alone");
  leader.persist();
  assert.equal(leader.raft.commitIndex, 3);
});

Deno.test("the core is deterministic: equal inputs, equal outputs", () => {
  const run = () => {
    const cluster = new ClusterHarness(["a", "b", "c"]);
    cluster.tick(40);
    cluster.propose(cluster.leaders()[0]!, "x", "y");
    cluster.tick(10);
    return JSON.stringify(cluster.delivered);
  };
  assert.equal(run(), run());
  assert.ok(Raft.prototype.ready.length === 0);
});
