/** What a crash may leave of a write whose parts were not all durable. */
import { strict as assert } from "node:assert";
import { append, elect, entry, from, replicaOf, voteRequest } from "./lone_replica.ts";

Deno.test("entries of a term whose hard state was lost raise the term, and no vote is given in it", () => {
  const { raft } = replicaOf("abc", [2, 3], 2);
  assert.equal(raft.term, 3);
  const { persist } = raft.ready();
  assert.deepEqual(persist?.hardState, { term: 3, votedFor: null, commitIndex: 1 });
  raft.checkInvariants();
});

Deno.test("such a replica goes on like any other: it votes, follows and leads", () => {
  const voter = replicaOf("abc", [2, 3], 2);
  voter.raft.step(from("b", 4, voteRequest(3, 3)));
  const answers = voter.work().map(({ body }) => body);
  assert.deepEqual(answers, [{ kind: "voteAnswer", preVote: false, granted: true }]);
  assert.equal(voter.disk.hardState.votedFor, "b");

  const follower = replicaOf("abc", [2, 3], 2);
  follower.raft.step(from("c", 3, append(3, 3, [entry(4, 3)])));
  follower.work();
  assert.equal(follower.raft.lastIndex, 4);

  const leader = replicaOf("abc", [2, 3], 2);
  elect(leader, "b");
  assert.equal(leader.raft.term, 4);
});
