import assert from "node:assert/strict";
import { decide, operationsOf, type PlacementAction } from "../../src/placement/decide.ts";
import { idOf } from "../members/peers.ts";
import { groupOf, type GroupWords, peersBut } from "./views.ts";

/** An action in few words: `+4 for 1` begins, `4 for 1` completes, `-1` drops, `lead 2`; null: nothing. */
function words(action: PlacementAction | null): string | null {
  const number = (peer: string | null) => peer === null ? "none" : parseInt(peer.slice(0, 2), 16);
  switch (action?.kind) {
    case "begin":
      return `+${number(action.to)} for ${number(action.from)}`;
    case "complete":
      return `${number(action.to)} for ${number(action.from)}`;
    case "drop":
      return `-${number(action.peer)}`;
    case "lead":
      return `lead ${number(action.to)}`;
    case undefined:
      return null;
  }
}

interface Row {
  readonly rule: string;
  readonly group: GroupWords;
  readonly peers?: Parameters<typeof peersBut>[0];
  readonly next: string | null;
}

const TABLE: readonly Row[] = [
  { rule: "as wanted", group: { voters: [1, 2, 3], wanted: [1, 2, 3] }, next: null },
  {
    rule: "as wanted, in another order",
    group: { voters: [3, 1, 2], leader: 1, wanted: [1, 2, 3] },
    next: null,
  },
  {
    rule: "no peer owns anything: the group stays where it is",
    group: { voters: [1, 2, 3], wanted: [] },
    next: null,
  },
  {
    rule: "a joint configuration is waited for",
    group: { voters: [1, 2, 4], outgoing: [1, 2, 3], wanted: [1, 2, 5] },
    next: null,
  },

  // ---- one replica is replaced
  {
    rule: "a wanted peer without a replica gets one",
    group: { voters: [1, 2, 3], wanted: [1, 2, 4] },
    next: "+4 for 3",
  },
  {
    rule: "a learner that lacks much is waited for",
    group: { voters: [1, 2, 3], learners: [4], behind: [4], wanted: [1, 2, 4] },
    next: null,
  },
  {
    rule: "a learner that is not heard is waited for",
    group: { voters: [1, 2, 3], learners: [4], silent: [4], wanted: [1, 2, 4] },
    next: null,
  },
  {
    rule: "a learner that has caught up takes its predecessor's place in one change",
    group: { voters: [1, 2, 3], learners: [4], wanted: [1, 2, 4] },
    next: "4 for 3",
  },
  {
    rule: "a wanted peer that does not answer is not begun with",
    group: { voters: [1, 2, 3], wanted: [1, 2, 4] },
    peers: { away: [4] },
    next: null,
  },
  {
    rule: "a learner of a peer that is no longer wanted goes",
    group: { voters: [1, 2, 3], learners: [4], wanted: [1, 2, 3] },
    next: "-4",
  },
  {
    rule: "a learner of a peer that is no longer wanted goes before the next begins",
    group: { voters: [1, 2, 3], learners: [4], wanted: [1, 2, 5] },
    next: "-4",
  },
  {
    rule: "a learner that is wanted stays though another is missing",
    group: { voters: [1, 2, 3], learners: [4], behind: [4], wanted: [1, 4, 5] },
    next: null,
  },

  // ---- several
  {
    rule: "of two that are missing one begins",
    group: { voters: [1, 2, 3], wanted: [1, 4, 5] },
    next: "+4 for 2",
  },
  {
    rule: "of two that are missing the one that answers begins",
    group: { voters: [1, 2, 3], wanted: [1, 4, 5] },
    peers: { away: [4] },
    next: "+5 for 2",
  },
  {
    rule: "of two that are beyond the wanted one goes",
    group: { voters: [1, 2, 3, 4, 5], wanted: [1, 2, 3] },
    next: "-4",
  },
  {
    rule: "all are replaced: the leader last",
    group: { voters: [1, 2, 3], wanted: [4, 5, 6] },
    next: "+4 for 2",
  },

  // ---- the dead
  {
    rule: "a dead voter of three is replaced",
    group: { voters: [1, 2, 3], silent: [3], wanted: [1, 2, 4] },
    peers: { dead: [3] },
    next: "+4 for 3",
  },
  {
    rule: "a dead voter of three is replaced, not a healthy one that is not wanted either",
    group: { voters: [1, 2, 3], learners: [4], silent: [3], wanted: [1, 4, 5] },
    peers: { dead: [3] },
    next: "4 for 3",
  },
  {
    rule: "a dead voter of three keeps its vote where nobody can take its place",
    group: { voters: [1, 2, 3], silent: [3], wanted: [1, 2] },
    peers: { dead: [3] },
    next: null,
  },
  {
    rule: "leadership goes where it is preferred though a dead voter is kept",
    group: { voters: [1, 2, 3], silent: [3], wanted: [1, 2], preferred: 2 },
    peers: { dead: [3] },
    next: "lead 2",
  },
  {
    rule: "a dead voter beyond R goes",
    group: { voters: [1, 2, 3, 4], silent: [3], wanted: [1, 2, 4] },
    peers: { dead: [3] },
    next: "-3",
  },
  {
    rule: "one that drains goes though a dead one is kept",
    group: { voters: [1, 2, 3, 4, 5], silent: [5], wanted: [1, 2, 3], replicas: 5 },
    peers: { dead: [5] },
    next: "-4",
  },
  {
    rule: "one that is gone for good goes, also where nobody can take its place",
    group: { voters: [1, 2, 3], silent: [3], wanted: [1, 2] },
    peers: { away: [3] },
    next: "-3",
  },
  {
    rule: "a healthy voter stays where fewer than a majority of the others is healthy",
    group: { voters: [1, 2, 3], silent: [2], wanted: [1, 2] },
    peers: { away: [2] },
    next: null,
  },
  {
    rule: "a healthy voter stays where fewer than R - 1 healthy ones would",
    group: { voters: [1, 2, 3, 4, 5, 6], silent: [4, 5], wanted: [1, 2, 3, 4, 5], replicas: 5 },
    peers: { away: [4, 5] },
    next: null,
  },
  {
    rule: "the other voter of two is replaced, where the group can still agree on it",
    group: { voters: [1, 2], learners: [3], silent: [2], wanted: [1, 3], replicas: 2 },
    peers: { dead: [2] },
    next: "3 for 2",
  },
  {
    rule: "a returning peer, wanted again while its successor was built: the successor goes",
    group: { voters: [1, 2, 3], learners: [4], behind: [4], wanted: [1, 2, 3] },
    next: "-4",
  },

  // ---- growing and shrinking
  {
    rule: "R larger than the members: one more when there is one more",
    group: { voters: [1, 2], wanted: [1, 2, 3] },
    next: "+3 for none",
  },
  {
    rule: "R larger than the members: promoted without a predecessor",
    group: { voters: [1, 2], learners: [3], wanted: [1, 2, 3] },
    next: "3 for none",
  },
  {
    rule: "down to one peer: one goes after the other",
    group: { voters: [1, 2, 3], wanted: [1] },
    next: "-2",
  },
  {
    rule: "down to one peer: the last goes where both are healthy",
    group: { voters: [1, 2], wanted: [1] },
    next: "-2",
  },
  {
    rule: "from one peer: the second is promoted",
    group: { voters: [1], learners: [2], wanted: [1, 2, 3] },
    next: "2 for none",
  },

  // ---- a sole replica moves
  {
    rule: "the sole replica's successor is built first",
    group: { voters: [1], wanted: [2] },
    next: "+2 for 1",
  },
  {
    rule: "the sole replica stays beside its successor",
    group: { voters: [1], learners: [2], wanted: [2] },
    next: "2 for none",
  },
  {
    rule: "the sole replica hands over to its successor",
    group: { voters: [1, 2], wanted: [2], replicas: 1 },
    next: "lead 2",
  },
  {
    rule: "the sole replica goes when its successor leads",
    group: { voters: [1, 2], leader: 2, wanted: [2], replicas: 1 },
    next: "-1",
  },
  {
    rule: "the sole replica waits for its successor",
    group: { voters: [1], learners: [2], behind: [2], wanted: [2] },
    next: null,
  },

  // ---- leadership
  {
    rule: "the preferred peer leads, where it votes and has caught up",
    group: { voters: [1, 2, 3], wanted: [1, 2, 3], preferred: 2 },
    next: "lead 2",
  },
  {
    rule: "a preferred peer that lacks much does not lead yet",
    group: { voters: [1, 2, 3], wanted: [1, 2, 3], preferred: 2, behind: [2] },
    next: null,
  },
  {
    rule: "a preferred peer that is not heard does not lead",
    group: { voters: [1, 2, 3], wanted: [1, 2, 3], preferred: 2, silent: [2] },
    next: null,
  },
  {
    rule: "a preferred peer that just came, or is about to stop, does not lead",
    group: { voters: [1, 2, 3], wanted: [1, 2, 3], preferred: 2 },
    peers: { restless: [2] },
    next: null,
  },
  {
    rule: "leadership is left alone while replicas move",
    group: { voters: [1, 2, 3], wanted: [2, 3, 4], preferred: 2 },
    next: "+4 for 1",
  },
  {
    rule: "a leader that goes hands over before its successor as a replica is promoted",
    group: { voters: [1, 2, 3], learners: [4], wanted: [2, 3, 4], preferred: 3 },
    next: "lead 3",
  },
  {
    rule: "a leader that goes hands over to another where the preferred one does not vote yet",
    group: { voters: [1, 2, 3], learners: [4], wanted: [4, 2, 3], preferred: 4 },
    next: "lead 2",
  },
  {
    rule: "a leader that goes without anybody to hand over to stays beside its successor",
    group: { voters: [1, 2, 3], learners: [4], wanted: [2, 3, 4] },
    peers: { restless: [2, 3] },
    next: "4 for none",
  },
  {
    rule: "a leader beyond the wanted hands over before it goes",
    group: { voters: [1, 2, 3, 4], wanted: [2, 3, 4] },
    next: "lead 2",
  },
  {
    rule: "a leader beyond the wanted stays until somebody takes leadership",
    group: { voters: [1, 2, 3, 4], wanted: [2, 3, 4] },
    peers: { restless: [2, 3, 4] },
    next: null,
  },
];

for (const { rule, group, peers, next } of TABLE) {
  Deno.test(`decide: ${rule}`, () => {
    assert.equal(words(decide(groupOf(group), peersBut(peers))), next);
  });
}

Deno.test("an action is one change of the configuration, or none", () => {
  const [to, from] = [idOf(4), idOf(1)];
  const rows: [PlacementAction, string[] | null][] = [
    [{ kind: "begin", to, from }, ["addLearner 4"]],
    [{ kind: "complete", to, from }, ["promote 4", "remove 1"]],
    [{ kind: "complete", to, from: null }, ["promote 4"]],
    [{ kind: "drop", peer: from }, ["remove 1"]],
    [{ kind: "lead", to }, null],
  ];
  for (const [action, expected] of rows) {
    const operations = operationsOf(action)?.map(({ kind, peer }) => {
      return `${kind} ${parseInt(peer.slice(0, 2), 16)}`;
    });
    assert.deepEqual(operations ?? null, expected);
  }
});
