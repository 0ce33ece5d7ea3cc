import assert from "node:assert/strict";
import { CAUGHT_UP_ENTRIES, decide, type StewardView } from "../../src/members/decide.ts";
import type { Configuration } from "../../src/raft/entry.ts";
import type { FollowerStatus } from "../../src/raft/ready.ts";
import { idOf, memberOf, planOf, replicaOf } from "./peers.ts";

const COMMIT_INDEX = 10_000;

function configurationOf(
  voters: number[],
  learners: number[] = [],
  votersOutgoing: number[] = [],
): Configuration {
  const replicas = (numbers: number[]) => numbers.map((number) => replicaOf(number));
  return {
    index: 17,
    voters: replicas(voters),
    learners: replicas(learners),
    votersOutgoing: replicas(votersOutgoing),
    learnersNext: [],
  };
}

function followerOf(number: number, changes: Partial<FollowerStatus> = {}): FollowerStatus {
  return {
    replica: replicaOf(number),
    state: "replicate",
    matchIndex: COMMIT_INDEX,
    nextIndex: COMMIT_INDEX + 1,
    recentlyActive: true,
    ...changes,
  };
}

/** Peer 1 leads; all five are members, in touch and caught up, unless said otherwise. */
function viewOf(changes: Partial<StewardView> = {}): StewardView {
  return {
    unfounded: null,
    self: idOf(1),
    configuration: configurationOf([1, 2, 3], [4, 5]),
    members: [1, 2, 3, 4, 5].map((number) => memberOf(number)),
    endedBoots: [],
    followers: [2, 3, 4, 5].map((number) => followerOf(number)),
    commitIndex: COMMIT_INDEX,
    unreachableMs: new Map(),
    votersTarget: 3,
    graceMs: 30_000,
    ...changes,
  };
}

const configure = (...operations: [kind: string, number: number][]) => ({
  kind: "configure",
  expectedIndex: 17,
  operations: operations.map(([kind, number]) => ({ kind, peer: idOf(number) })),
});

function dead(...numbers: number[]) {
  return [1, 2, 3, 4, 5].map((number) => memberOf(number, { dead: numbers.includes(number) }));
}

function away(...numbers: number[]) {
  return new Map(numbers.map((number) => [idOf(number), 60_000]));
}

Deno.test("all as it should be: nothing to do", () => {
  assert.equal(decide(viewOf()), null);
});

Deno.test("the founding entry comes before anything else, and nothing before it", () => {
  const plan = planOf(3);
  assert.deepEqual(decide(viewOf({ unfounded: plan, members: [] })), { kind: "found", plan });
  assert.equal(decide(viewOf({ members: [] })), null);
});

Deno.test("an ended boot's waiters are detached before anything else", () => {
  const view = viewOf({
    endedBoots: [{ peer: idOf(2), bootId: "b" }],
    configuration: configurationOf([1, 2, 3], [4]),
  });
  assert.deepEqual(decide(view), { kind: "detach", peer: idOf(2), bootId: "b" });
});

Deno.test("a peer out of touch is marked dead after the grace, not before, by its boot", () => {
  const early = viewOf({ unreachableMs: new Map([[idOf(4), 29_999]]) });
  assert.equal(decide(early), null);
  const late = viewOf({ unreachableMs: new Map([[idOf(4), 30_000]]) });
  assert.deepEqual(decide(late), { kind: "markDead", peer: idOf(4), bootId: "boot-4" });
});

Deno.test("a dead member that is in touch is marked alive", () => {
  assert.deepEqual(decide(viewOf({ members: dead(4) })), { kind: "markAlive", peer: idOf(4) });
});

Deno.test("a leader that its predecessor marked dead marks itself alive", () => {
  const view = viewOf({ members: dead(1) });
  assert.equal(view.self, idOf(1));
  assert.deepEqual(decide(view), { kind: "markAlive", peer: idOf(1) });
});

Deno.test("a dead voter is replaced by a healthy learner in one change", () => {
  const view = viewOf({ members: dead(3), unreachableMs: away(3) });
  assert.deepEqual(decide(view), configure(["promote", 4], ["demote", 3]));
});

Deno.test("a dead voter stays where no learner is healthy", () => {
  const unfit: Partial<StewardView>[] = [
    { configuration: configurationOf([1, 2, 3]), members: dead(3).slice(0, 3) },
    { followers: [4, 5].map((number) => followerOf(number, { recentlyActive: false })) },
    { followers: [4, 5].map((number) => followerOf(number, { state: "snapshot" })) },
    {
      followers: [4, 5].map((number) =>
        followerOf(number, { matchIndex: COMMIT_INDEX - CAUGHT_UP_ENTRIES })
      ),
    },
    { followers: [] },
    { members: dead(3, 4, 5), unreachableMs: away(3, 4, 5) },
    { unreachableMs: new Map([[idOf(3), 60_000], [idOf(4), 1], [idOf(5), 1]]) },
  ];
  for (const changes of unfit) {
    const view = viewOf({ members: dead(3), unreachableMs: away(3), ...changes });
    assert.equal(decide(view), null, JSON.stringify(changes));
  }
});

Deno.test("a learner in a zone without a voter is preferred", () => {
  const members = [1, 2, 3, 4, 5].map((number) =>
    memberOf(number, { dead: number === 3, zone: number === 5 ? "b" : "a" })
  );
  const view = viewOf({ members, unreachableMs: away(3) });
  assert.deepEqual(decide(view), configure(["promote", 5], ["demote", 3]));
});

Deno.test("a joined member becomes a learner, a dead one not before it is back", () => {
  const configuration = configurationOf([1, 2, 3], [4]);
  assert.deepEqual(decide(viewOf({ configuration })), configure(["addLearner", 5]));
  const view = viewOf({ configuration, members: dead(5), unreachableMs: away(5) });
  assert.equal(decide(view), null);
});

Deno.test("learners are promoted, once caught up, until the target is reached", () => {
  const configuration = configurationOf([1], [2, 3]);
  const members = [1, 2, 3].map((number) => memberOf(number));
  assert.deepEqual(decide(viewOf({ configuration, members })), configure(["promote", 2]));
  const followers = [followerOf(2, { matchIndex: 0 }), followerOf(3)];
  assert.deepEqual(
    decide(viewOf({ configuration, members, followers })),
    configure(["promote", 3]),
  );
  const five = viewOf({ votersTarget: 5 });
  assert.deepEqual(decide(five), configure(["promote", 4]));
});

Deno.test("past the target a voter is demoted: a dead one first, the leader never", () => {
  const configuration = configurationOf([2, 3, 4, 5, 1]);
  assert.deepEqual(decide(viewOf({ configuration })), configure(["demote", 5]));
  const view = viewOf({ configuration, members: dead(3), unreachableMs: away(3) });
  assert.deepEqual(decide(view), configure(["demote", 3]));
});

Deno.test("a replica whose peer is no member is removed", () => {
  const members = [1, 2, 3, 4].map((number) => memberOf(number));
  assert.deepEqual(decide(viewOf({ members })), configure(["remove", 5]));
  const withoutVoter = [1, 2, 4, 5].map((number) => memberOf(number));
  assert.deepEqual(decide(viewOf({ members: withoutVoter })), configure(["remove", 3]));
});

Deno.test("the only voter is never removed", () => {
  const view = viewOf({ configuration: configurationOf([1], [2]), members: [memberOf(2)] });
  assert.deepEqual(decide(view), configure(["promote", 2]));
});

function draining(...numbers: number[]) {
  return [1, 2, 3, 4, 5].map((number) =>
    memberOf(number, { draining: numbers.includes(number), dead: number === 5 })
  );
}

Deno.test("a draining voter is replaced by a healthy learner in one change, the leader too", () => {
  const unreachableMs = away(5);
  assert.deepEqual(
    decide(viewOf({ members: draining(2), unreachableMs })),
    configure(["promote", 4], ["demote", 2]),
  );
  assert.deepEqual(
    decide(viewOf({ members: draining(1), unreachableMs })),
    configure(["promote", 4], ["demote", 1]),
  );
});

Deno.test("a draining voter goes on voting where nobody else can, and the dead come first", () => {
  const unreachableMs = away(5);
  const configuration = configurationOf([1, 2, 3], [5]);
  const members = draining(2).filter(({ id }) => id !== idOf(4));
  assert.equal(decide(viewOf({ members, configuration, unreachableMs })), null);
  assert.equal(decide(viewOf({ members: draining(2, 4), unreachableMs })), null);
  const withDead = viewOf({
    members: draining(2),
    configuration: configurationOf([1, 2, 5], [3, 4]),
    unreachableMs,
  });
  assert.deepEqual(decide(withDead), configure(["promote", 3], ["demote", 5]));
});

Deno.test("a draining learner is not promoted, and a draining voter is the first that is too many", () => {
  const unreachableMs = away(5);
  const configuration = configurationOf([1], [2, 3, 4, 5]);
  assert.deepEqual(
    decide(viewOf({ members: draining(2), configuration, unreachableMs })),
    configure(["promote", 3]),
  );
  const four = configurationOf([1, 2, 3, 4], [5]);
  assert.deepEqual(
    decide(viewOf({ members: draining(2), configuration: four, unreachableMs })),
    configure(["demote", 2]),
  );
});

Deno.test("a joint configuration is waited for", () => {
  const configuration = configurationOf([1, 2, 4], [], [1, 2, 3]);
  assert.equal(decide(viewOf({ configuration })), null);
});
