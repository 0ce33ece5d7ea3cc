/**
 * A follower that comes back without the last entries that it acknowledged, because its log was damaged where
 * nobody can tell it from torn (design, "Opening"): it is brought up again, by the leader that has counted it.
 */
import { strict as assert } from "node:assert";
import { ClusterHarness } from "./cluster_harness.ts";

function losesTail(cluster: ClusterHarness, entries: number): void {
  const { disk } = cluster.at("b");
  disk.entries = disk.entries.slice(0, -entries);
  const commitIndex = Math.min(disk.hardState.commitIndex, disk.lastIndex);
  disk.hardState = { ...disk.hardState, commitIndex };
  cluster.at("b").restart();
}

for (const isIdle of [true, false]) {
  Deno.test(`a lost tail is sent again ${isIdle ? "while nothing happens" : "under load"}`, () => {
    const cluster = new ClusterHarness(["a", "b", "c"]);
    cluster.elect("a");
    cluster.propose("a", "one", "two", "three");
    cluster.tick(4);
    losesTail(cluster, 2);
    if (!isIdle) cluster.propose("a", "four");
    cluster.tick(4);
    const [leader, follower] = [cluster.at("a"), cluster.at("b")];
    assert.deepEqual(cluster.leaders(), ["a"]);
    assert.equal(follower.raft.lastIndex, leader.raft.lastIndex);
    assert.equal(follower.raft.commitIndex, leader.raft.commitIndex);
    assert.deepEqual(follower.applied, leader.applied);
  });
}

Deno.test("a leader that counted a lost tail takes back nothing that it has committed", () => {
  const cluster = new ClusterHarness(["a", "b", "c"]);
  cluster.elect("a");
  cluster.lose = ({ to }) => to.peer === "c";
  cluster.propose("a", "one", "two");
  const { commitIndex } = cluster.at("a").raft;
  losesTail(cluster, 2);
  cluster.tick(3);
  assert.equal(cluster.at("a").raft.commitIndex, commitIndex);
  assert.equal(cluster.at("b").raft.lastIndex, commitIndex);
});

Deno.test("what a follower has lost no longer counts towards a commit", () => {
  const cluster = new ClusterHarness(["a", "b", "c", "d", "e"]);
  cluster.elect("a");
  const { commitIndex } = cluster.at("a").raft;
  const lose = (appendsTo: readonly string[], promisesOf: string | null) => {
    cluster.lose = ({ from, to, body }) =>
      body.kind === "append" && body.entries.length > 0 && appendsTo.includes(to.peer) ||
      body.kind === "appendAnswer" && body.accepted && from.peer === promisesOf;
  };
  lose(["c", "d", "e"], null);
  cluster.propose("a", "one", "two");
  losesTail(cluster, 2);
  lose(["c", "d", "e"], "b");
  cluster.propose("a", "three");
  cluster.tick(6);
  lose(["d", "e"], "b");
  cluster.tick(6);
  assert.equal(cluster.at("c").raft.lastIndex, cluster.at("a").raft.lastIndex);
  assert.equal(cluster.at("a").raft.commitIndex, commitIndex, "two of five say that they have it");
  cluster.heal();
  cluster.tick(6);
  assert.equal(cluster.at("a").raft.commitIndex, commitIndex + 3);
});
