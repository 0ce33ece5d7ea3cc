/**
 * What Ongaro's dissertation demands beyond the paper, section by section: transfer, change of the
 * configuration, reads, pre-vote, writes in parallel.
 */
import { strict as assert } from "node:assert";
import type { PeerId } from "../../src/raft/entry.ts";
import type { MessageBody } from "../../src/raft/message.ts";
import { ClusterHarness } from "./cluster_harness.ts";
import { payloadOf, SETTINGS } from "./replica_harness.ts";
import { accepted, elect, from, replicaOf, sent, voteRequest } from "./lone_replica.ts";

Deno.test("3.10: who was asked to stand gets votes though the leader is fresh", () => {
  const cluster = new ClusterHarness(["a", "b", "c"]);
  cluster.elect("a");
  cluster.at("a").raft.transferLeadership("b");
  cluster.settle();
  assert.deepEqual(cluster.leaders(), ["b"]);
});

Deno.test("4.1: a configuration is in force when appended, and goes when it is truncated", () => {
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

Deno.test("4.2.3: within the minimum timeout of hearing a leader nobody gets a vote", () => {
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

Deno.test("6.4: a read waits for a round that began after it", () => {
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

Deno.test("9.6: a replica that was cut off does not raise the term", () => {
  const cluster = new ClusterHarness(["a", "b", "c"]);
  cluster.elect("a");
  cluster.isolate("c");
  cluster.tick(200);
  assert.equal(cluster.at("c").raft.term, 2);
  cluster.heal();
  cluster.tick(30);
  assert.deepEqual([cluster.leaders(), cluster.at("a").raft.term], [["a"], 2]);
});

Deno.test("9.6: nobody is granted a pre-vote for a term that has begun already", () => {
  const replica = replicaOf("abc", [2], 5);
  for (const [term, granted] of [[4, false], [5, false], [6, true]] as const) {
    const request = { ...voteRequest(9, 3), preVote: true } as MessageBody;
    replica.raft.step(from("b", term, request));
    assert.deepEqual(sent(replica, "voteAnswer").map(({ body }) => body.granted), [granted]);
  }
  assert.equal(replica.raft.term, 5);
});

Deno.test("4.1: no change before an entry of the own term is committed, nor two at once", () => {
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

Deno.test("4.3: a joint configuration is left only once it is committed", () => {
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

Deno.test("10.2.1: a leader's own copy counts only when it is durable", () => {
  const leader = replicaOf("abc");
  elect(leader, "b");
  leader.raft.propose([payloadOf("x")], 0);
  leader.takeReady();
  leader.raft.step(from("b", 2, accepted(3)));
  assert.equal(leader.raft.commitIndex, 2, "entry 3 is on b's disk alone");
  leader.persist();
  assert.equal(leader.raft.commitIndex, 3);
});

Deno.test("6.2: a leader without a majority steps down, however much it is asked to read", () => {
  const cluster = new ClusterHarness(["a", "b", "c"]);
  cluster.elect("a");
  cluster.isolate("a");
  const a = cluster.at("a");
  let taken = 0;
  for (let tick = 0; tick < SETTINGS.electionTicksMax + SETTINGS.heartbeatTicks; tick++) {
    if (a.raft.readIndex(tick).ok) taken++;
    a.work();
    a.raft.tick();
  }
  assert.equal(a.raft.role, "follower");
  a.work();
  assert.equal(a.readsLost.length, taken);
});
