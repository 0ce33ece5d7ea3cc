/** What the placement checker must notice, and what it must not take for a fault. */
import assert from "node:assert/strict";
import type { Configuration, Replica } from "../../src/raft/entry.ts";
import { PlacementChecker } from "./placement_checker.ts";
import { SafetyViolation } from "./raft_checker.ts";

const GROUP = 1;

function configuration(index: number, voters: string, learners = ""): Configuration {
  const replicas = (names: string): Replica[] => [...names].map((peer) => ({ peer, replica: 1 }));
  return {
    index,
    voters: replicas(voters),
    votersOutgoing: [],
    learners: replicas(learners),
    learnersNext: [],
  };
}

/** Partition 1, led by a; letters are peers. */
class Watched {
  readonly checker: PlacementChecker;

  /** @param gone peers that have been away for long */
  constructor(gone = "") {
    this.checker = new PlacementChecker({
      isLongGone: (peer) => gone.includes(peer),
      replicaOf: () => 1,
    });
  }

  has(configuration: Configuration, { leader = "a", term = 1 } = {}): void {
    this.checker.observe(leader, {
      group: GROUP,
      replica: 1,
      role: "leader",
      term,
      leader,
      commitIndex: 1,
      appliedIndex: 1,
      firstIndex: 2,
      lastIndex: 1,
      timeMs: 0,
      asleep: false,
      configuration,
      snapshot: null,
      followers: [],
    });
  }
}

function isViolation(pattern: RegExp) {
  return (error: unknown) => error instanceof SafetyViolation && pattern.test(error.message);
}

Deno.test("a change that was decided while fewer replicas were wanted may be made late", () => {
  const watched = new Watched();
  watched.has(configuration(1, "ab"));
  // One peer is dead and b drains; before b's replica has gone, the other is back.
  watched.checker.drives(1);
  watched.checker.drives(2);
  watched.has(configuration(2, "a"));
  assert.equal(watched.checker.changes, 1);
});

Deno.test("a change that no driver can have decided on leaves too few voters", () => {
  const watched = new Watched();
  watched.checker.drives(1);
  watched.has(configuration(1, "ab"));
  watched.checker.drives(2);
  assert.throws(
    () => watched.has(configuration(2, "a")),
    isViolation(/partition 1: fewer voters than before, and than 2/),
  );
});

Deno.test("what was wanted when the configuration was another one excuses nothing", () => {
  const watched = new Watched();
  watched.has(configuration(1, "abc"));
  watched.checker.drives(1);
  watched.has(configuration(2, "ab"));
  watched.checker.drives(2);
  assert.throws(() => watched.has(configuration(3, "a")), isViolation(/fewer voters/));
});

Deno.test("a decision goes on over an election, as the configuration does", () => {
  const watched = new Watched();
  watched.has(configuration(1, "abc"));
  watched.checker.drives(2);
  watched.has(configuration(1, "abc"), { leader: "b", term: 2 });
  watched.checker.drives(3);
  watched.has(configuration(2, "ab"), { leader: "b", term: 2 });
  assert.equal(watched.checker.changes, 1);
});

Deno.test("nobody drives: no voter goes", () => {
  const watched = new Watched();
  watched.has(configuration(1, "abc"));
  assert.throws(() => watched.has(configuration(2, "ab")), isViolation(/fewer voters/));
});

Deno.test("a change that leaves too few that run is noticed", () => {
  const watched = new Watched("cd");
  watched.has(configuration(1, "abcd"));
  watched.checker.drives(3);
  assert.throws(
    () => watched.has(configuration(2, "acd")),
    isViolation(/too few of its voters run/),
  );
});

Deno.test("who becomes a voter was a learner, and one changes at a time", () => {
  const watched = new Watched();
  watched.has(configuration(1, "abc"));
  watched.checker.drives(3);
  assert.throws(
    () => watched.has(configuration(2, "abcd")),
    isViolation(/d became a voter and was no learner/),
  );
  watched.has(configuration(3, "abc", "d"));
  watched.checker.drives(3);
  watched.has(configuration(4, "abd"));
  assert.equal(watched.checker.changes, 2);
  assert.throws(() => watched.has(configuration(5, "aef")), isViolation(/more than one voter/));
});
