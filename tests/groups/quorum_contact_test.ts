import assert from "node:assert/strict";
import type { Configuration } from "../../src/raft/entry.ts";
import { QuorumContact } from "../../src/groups/quorum_contact.ts";
import { Fleet } from "./fleet.ts";

function at(ms: number) {
  return { monotonicMs: ms, wallMs: 1_000_000 + ms };
}

function sinceOf(contact: QuorumContact) {
  return contact.heard?.since;
}

function voters(incoming: string, outgoing = ""): Configuration {
  const replicas = (names: string) => [...names].map((peer) => ({ peer, replica: 1 }));
  return {
    index: 1,
    voters: replicas(incoming),
    votersOutgoing: replicas(outgoing),
    learners: [],
    learnersNext: [],
  };
}

Deno.test("a lease counts from the beginning of the round that was answered, not from the answer", () => {
  const contact = new QuorumContact();
  assert.deepEqual(contact.heard, null);
  contact.leads(3);
  assert.deepEqual(contact.heard, { term: 3, since: null });
  contact.began(1, at(100));
  contact.began(2, at(250));
  contact.began(3, at(400));
  assert.equal(sinceOf(contact), null);
  contact.agreed(2);
  assert.deepEqual(contact.heard, { term: 3, since: at(250) });
  contact.agreed(2);
  contact.agreed(3);
  assert.deepEqual(sinceOf(contact), at(400));
});

Deno.test("in a new term nothing counts that was answered in the former one", () => {
  const contact = new QuorumContact();
  contact.leads(3);
  contact.began(1, at(100));
  contact.began(2, at(200));
  contact.agreed(1);
  contact.beatAgreed("b", at(150), voters("abc"), "a");
  contact.leads(3);
  assert.deepEqual(sinceOf(contact), at(150));
  contact.leads(5);
  assert.deepEqual(contact.heard, { term: 5, since: null });
  contact.agreed(2);
  contact.beatAgreed("c", at(10), voters("abcde"), "a");
  assert.equal(sinceOf(contact), null, "b agreed in another term");
});

Deno.test("rounds past what is kept count from an earlier one, never from a later", () => {
  const contact = new QuorumContact();
  contact.leads(1);
  for (let round = 1; round <= 1_000; round++) contact.began(round, at(round));
  contact.agreed(1_000);
  assert.ok(contact.heard!.since!.monotonicMs < 100);
  contact.began(1_001, at(1_001));
  contact.agreed(1_001);
  assert.deepEqual(sinceOf(contact), at(1_001));
});

Deno.test("agreeing heartbeats count once a quorum of each set of voters agreed", () => {
  const contact = new QuorumContact();
  contact.leads(1);
  contact.beatAgreed("b", at(10), voters("abcde"), "a");
  assert.equal(sinceOf(contact), null);
  contact.beatAgreed("c", at(30), voters("abcde"), "a");
  assert.deepEqual(sinceOf(contact), at(10), "a, b and c are a quorum of five since then");
  contact.beatAgreed("b", at(5), voters("abcde"), "a");
  contact.beatAgreed("d", at(20), voters("abcde"), "a");
  assert.deepEqual(sinceOf(contact), at(20));
  contact.beatAgreed("x", at(90), voters("abcde"), "a");
  assert.deepEqual(sinceOf(contact), at(20), "who does not vote does not count");
  const joint = new QuorumContact();
  joint.leads(1);
  joint.beatAgreed("b", at(10), voters("abc", "ade"), "a");
  assert.equal(sinceOf(joint), null);
  joint.beatAgreed("d", at(4), voters("abc", "ade"), "a");
  assert.deepEqual(sinceOf(joint), at(4));
});

Deno.test("awake or asleep a leader knows of its quorum, and one that is cut off knows when it last did", async () => {
  const fleet = await Fleet.led();
  const [leader, second, third] = fleet.peers;
  const agoMs = () =>
    fleet.clock.monotonicMs() - leader!.service.quorumHeard(0)!.since!.monotonicMs;
  await fleet.until("a round was answered", () => {
    return leader!.service.quorumHeard(0)!.since !== null;
  }, 500);
  assert.equal(leader!.service.quorumHeard(0)!.term, leader!.group().raft.term);
  for (let round = 0; round < 40; round++) {
    await fleet.run(50);
    assert.ok(agoMs() <= 3 * fleet.timing.heartbeatMs, `${agoMs()} ms ago`);
  }
  await fleet.until("it sleeps", () => leader!.group().raft.asleep, 5_000);
  for (let round = 0; round < 40; round++) {
    await fleet.run(50);
    assert.ok(agoMs() <= 3 * fleet.timing.heartbeatMs, `${agoMs()} ms ago, asleep`);
  }
  assert.ok(leader!.group().raft.asleep);
  assert.equal(second!.service.quorumHeard(0), null);
  assert.equal(leader!.service.quorumHeard(9), null, "no such replica");
  fleet.network.cut(leader!.id, second!.id);
  fleet.network.cut(leader!.id, third!.id);
  await fleet.run(fleet.timing.electionTimeoutMinMs);
  assert.ok(agoMs() >= fleet.timing.electionTimeoutMinMs - 50, `${agoMs()} ms ago`);
  const last = leader!.service.quorumHeard(0);
  await fleet.until("it leads no more", () => !leader!.group().leads, 5_000);
  assert.deepEqual(
    leader!.service.quorumHeard(0),
    last,
    "what leases rested on is known afterwards",
  );
  fleet.check();
});

Deno.test("a sole voter knows at any time that it leads", async () => {
  const fleet = await Fleet.led({ peers: 1 });
  for (let round = 0; round < 10; round++) {
    await fleet.run(333);
    const heard = fleet.peers[0]!.service.quorumHeard(0);
    assert.equal(heard?.since?.monotonicMs, fleet.clock.monotonicMs());
    assert.equal(heard?.since?.wallMs, fleet.clock.wallMs());
  }
});
