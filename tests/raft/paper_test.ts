/**
 * What the paper (Ongaro and Ousterhout, extended version) demands, section by section, through the
 * core's public face.
 */
import { strict as assert } from "node:assert";
import type { MessageBody } from "../../src/raft/message.ts";
import { Random } from "../../src/random.ts";
import { ClusterHarness } from "./cluster_harness.ts";
import { Disk, founding, ReplicaHarness, SETTINGS } from "./replica_harness.ts";
import {
  accepted,
  append,
  elect,
  entry,
  from,
  replicaOf,
  sent,
  voteGranted,
  voteRefused,
  voteRequest,
} from "./lone_replica.ts";

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

Deno.test("the core is deterministic: equal inputs, equal outputs", () => {
  const run = () => {
    const cluster = new ClusterHarness(["a", "b", "c"]);
    cluster.tick(40);
    cluster.propose(cluster.leaders()[0]!, "x", "y");
    cluster.tick(10);
    return JSON.stringify(cluster.delivered);
  };
  assert.equal(run(), run());
});
