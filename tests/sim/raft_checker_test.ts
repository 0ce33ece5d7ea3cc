import assert from "node:assert/strict";
import type { GroupStatus } from "../../src/groups/groups.ts";
import type { Configuration, Entry } from "../../src/raft/entry.ts";
import type { StorageRecord } from "../../src/storage/storage.ts";
import { RaftChecker, SafetyViolation } from "./raft_checker.ts";

const PEERS = ["a", "b", "c"];
const CONFIGURATION: Configuration = {
  index: 1,
  voters: PEERS.map((peer) => ({ peer, replica: 1 })),
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
};

function status(more: Partial<GroupStatus>): GroupStatus {
  return {
    group: 0,
    replica: 1,
    role: "follower",
    term: 1,
    leader: null,
    commitIndex: 1,
    appliedIndex: 1,
    firstIndex: 2,
    lastIndex: 1,
    timeMs: 0,
    asleep: false,
    configuration: CONFIGURATION,
    snapshot: null,
    followers: [],
    ...more,
  };
}

function entry(index: number, term: number, text = `${index} ${term}`): Entry {
  return { index, term, kind: "command", timeMs: 0, payload: new TextEncoder().encode(text) };
}

function entries(...list: Entry[]): StorageRecord {
  return { kind: "entries", group: 0, entries: list };
}

/** Three founding replicas with the given entries written and durable. */
function founded(...list: Entry[]): RaftChecker {
  const checker = new RaftChecker();
  for (const peer of PEERS) {
    checker.written(peer, [{ kind: "foundation", group: 0, configuration: CONFIGURATION }]);
    checker.durable(peer, [{ kind: "foundation", group: 0, configuration: CONFIGURATION }]);
    if (list.length === 0) continue;
    checker.written(peer, [entries(...list)]);
    checker.durable(peer, [entries(...list)]);
  }
  return checker;
}

function isViolation(pattern: RegExp) {
  return (error: unknown) => error instanceof SafetyViolation && pattern.test(error.message);
}

Deno.test("a sound run passes: a leader, an entry on all, committed and applied", () => {
  const checker = founded(entry(2, 2));
  checker.observe("a", status({ role: "leader", term: 2 }));
  for (const peer of PEERS) {
    checker.observe(peer, status({ term: 2, commitIndex: 2, appliedIndex: 2, lastIndex: 2 }));
  }
  assert.equal(checker.commitIndexMax(0), 2);
});

Deno.test("election safety: two leaders in one term", () => {
  const checker = founded();
  checker.observe("a", status({ role: "leader", term: 2 }));
  checker.observe("b", status({ role: "leader", term: 3 }));
  assert.throws(
    () => checker.observe("c", status({ role: "leader", term: 2 })),
    isViolation(/two leaders in term 2/),
  );
});

Deno.test("log matching: one index and term with two contents, or two predecessors", () => {
  const checker = founded(entry(2, 2));
  checker.written("a", [entries(entry(3, 3))]);
  assert.throws(
    () => checker.written("b", [entries(entry(3, 3, "other"))]),
    isViolation(/entry 3 of term 3 differs/),
  );
  checker.written("c", [{ kind: "truncation", group: 0, fromIndex: 2 }, entries(entry(2, 1))]);
  assert.throws(
    () => checker.written("c", [entries(entry(3, 3))]),
    isViolation(/entry 3 of term 3 differs/),
  );
});

Deno.test("leader completeness: a later leader lacks what was committed", () => {
  const checker = founded();
  for (const peer of ["a", "b"]) {
    checker.written(peer, [entries(entry(2, 2))]);
    checker.durable(peer, [entries(entry(2, 2))]);
  }
  checker.observe("a", status({ role: "leader", term: 2, commitIndex: 2, lastIndex: 2 }));
  assert.throws(
    () => checker.observe("c", status({ role: "leader", term: 3 })),
    isViolation(/leads term 3 without entry 2/),
  );
});

Deno.test("an entry that is not durable on a majority must not be committed", () => {
  const checker = founded();
  for (const peer of PEERS) checker.written(peer, [entries(entry(2, 2))]);
  checker.durable("a", [entries(entry(2, 2))]);
  const committed = status({ role: "leader", term: 2, commitIndex: 2, lastIndex: 2 });
  assert.throws(() => checker.observe("a", committed), isViolation(/not durable on a majority/));
});

Deno.test("a learner's copy does not count", () => {
  const checker = founded();
  checker.durable("c", [entries(entry(2, 2))]);
  checker.written("a", [entries(entry(2, 2))]);
  checker.durable("a", [entries(entry(2, 2))]);
  const [a, b, c] = CONFIGURATION.voters;
  const configuration = { ...CONFIGURATION, voters: [a!, b!], learners: [c!] };
  const committed = status({ role: "leader", term: 2, commitIndex: 2, configuration });
  assert.throws(() => checker.observe("a", committed), isViolation(/not durable on a majority/));
});

Deno.test("state machine safety: another entry committed at the same index", () => {
  const checker = founded();
  for (const peer of ["a", "b"]) {
    checker.written(peer, [entries(entry(2, 2))]);
    checker.durable(peer, [entries(entry(2, 2))]);
  }
  checker.observe("a", status({ role: "leader", term: 2, commitIndex: 2 }));
  checker.written("c", [entries(entry(2, 1))]);
  assert.throws(
    () => checker.observe("c", status({ term: 2, commitIndex: 2 })),
    isViolation(/committed another entry at 2/),
  );
});

Deno.test("term, commit index and applied index do not go back within one life", () => {
  for (const field of ["term", "commitIndex", "appliedIndex"] as const) {
    const checker = founded(entry(2, 1), entry(3, 1));
    const later = { term: 3, commitIndex: 3, appliedIndex: 3 };
    checker.observe("a", status(later));
    assert.throws(
      () => checker.observe("a", status({ ...later, [field]: 2 })),
      isViolation(/went back/),
    );
  }
});

Deno.test("a storage that forgets what it called durable is found at its opening", () => {
  const group = {
    group: 0,
    replica: 1,
    hardState: { term: 1, votedFor: null, commitIndex: 1 },
    snapshot: null,
    configuration: CONFIGURATION,
    lastTimeMs: 0,
    configurationEntries: [],
  };
  const recovered = (lastIndex: number) => ({
    identity: null,
    groups: [{ ...group, terms: [{ firstIndex: 2, term: 1 }], lastIndex }],
    tombstones: new Map(),
    properties: new Map(),
    tornTail: null,
  });
  founded(entry(2, 1), entry(3, 1)).opened("a", recovered(3));
  assert.throws(
    () => founded(entry(2, 1), entry(3, 1)).opened("a", recovered(2)),
    isViolation(/lost entry 3/),
  );
});

Deno.test("a vote or an acknowledgement must be durable before it leaves", () => {
  const checker = founded(entry(2, 2));
  const [from, to] = [{ peer: "a", replica: 1 }, { peer: "b", replica: 1 }];
  const vote = { kind: "voteAnswer", preVote: false, granted: true } as const;
  const record = (votedFor: string | null): StorageRecord => ({
    kind: "hardState",
    group: 0,
    replica: 1,
    hardState: { term: 3, votedFor, commitIndex: 1 },
  });
  checker.durable("a", [record(null)]);
  assert.throws(
    () => checker.sent(0, { from, to, term: 3, body: vote }),
    isViolation(/its vote in term 3 is not durable/),
  );
  checker.durable("a", [record("b")]);
  checker.sent(0, { from, to, term: 3, body: vote });
  const answer = (index: number) =>
    ({ kind: "appendAnswer", accepted: true, index, hintIndex: 0, hintTerm: 0 }) as const;
  checker.sent(0, { from, to, term: 3, body: answer(2) });
  checker.written("a", [entries(entry(3, 3))]);
  assert.throws(
    () => checker.sent(0, { from, to, term: 3, body: answer(3) }),
    isViolation(/acknowledges entry 3/),
  );
});
