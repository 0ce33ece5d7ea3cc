import { strict as assert } from "node:assert";
import { encode } from "@msgpack/msgpack";
import {
  changeConfiguration,
  decodeConfiguration,
  EMPTY_CONFIGURATION,
  encodeConfiguration,
  isJoint,
  isSoleVoter,
  leaveJoint,
} from "../../src/raft/configuration.ts";
import type { Configuration, Entry, Replica } from "../../src/raft/entry.ts";
import type { ConfigurationOperation } from "../../src/raft/ready.ts";
import { LIMITS } from "../../src/limits.ts";
import { founding } from "./replica_harness.ts";

const ABC = founding("a", "b", "c");

function entryOf(payload: Uint8Array): Entry {
  return { index: 9, term: 1, kind: "configuration", timeMs: 0, payload };
}

function change(
  current: Configuration,
  index: number,
  ...operations: readonly ConfigurationOperation[]
): Configuration {
  const next = changeConfiguration(current, operations, index);
  if (typeof next === "string") assert.fail(next);
  return next;
}

const peers = (replicas: Configuration["voters"]) => replicas.map(({ peer }) => peer).join("");

Deno.test("a configuration survives its entry, which gives it its index", () => {
  const withD = change(ABC, 5, { kind: "addLearner", peer: "d" });
  const joint = change(withD, 9, { kind: "promote", peer: "d" }, { kind: "demote", peer: "b" });
  assert.deepEqual(decodeConfiguration(entryOf(encodeConfiguration(joint))), joint);
});

Deno.test("a damaged payload is no configuration", () => {
  const pair = [["a", 1]];
  const damaged = [
    new Uint8Array([0xc1]),
    new Uint8Array(0),
    encode({ voters: pair }),
    encode([2, pair, [], [], []]),
    encode([1, [], [], [], []]),
    encode([1, [["a", 0]], [], [], []]),
    encode([1, [["a"]], [], [], []]),
    encode([1, [...pair, ...pair], [], [], []]),
    encode([1, pair, [], pair, []]),
    encode([1, pair, [["a", 2]], [], []]),
    encode([1, pair, [], [], [["b", 1]]]),
    encode([
      1,
      Array.from({ length: LIMITS.replicasMax + 1 }, (_, at) => [`${at}`, 1]),
      [],
      [],
      [],
    ]),
  ];
  for (const payload of damaged) assert.equal(decodeConfiguration(entryOf(payload)), null);
});

Deno.test("learners come and go without a joint configuration", () => {
  const withD = change(ABC, 5, { kind: "addLearner", peer: "d" });
  assert.ok(!isJoint(withD));
  assert.deepEqual(withD.learners, [{ peer: "d", replica: 5 }]);
  assert.deepEqual(change(withD, 6, { kind: "remove", peer: "d" }).learners, []);
});

Deno.test("a demoted voter listens only once the joint configuration is left", () => {
  const joint = change(ABC, 5, { kind: "demote", peer: "c" });
  assert.equal(peers(joint.voters), "ab");
  assert.equal(peers(joint.votersOutgoing), "abc");
  assert.equal(peers(joint.learners), "");
  assert.equal(peers(joint.learnersNext), "c");
  const left = leaveJoint(joint, 6);
  assert.equal(peers(left.learners), "c");
  assert.ok(!isJoint(left));
});

Deno.test("a whole replacement is one joint change", () => {
  const joint = change(
    ABC,
    7,
    { kind: "addLearner", peer: "d" },
    { kind: "promote", peer: "d" },
    { kind: "remove", peer: "a" },
  );
  assert.equal(peers(joint.voters), "bcd");
  assert.equal(joint.voters.find(({ peer }) => peer === "d")?.replica, 7);
  assert.equal(peers(leaveJoint(joint, 8).voters), "bcd");
});

Deno.test("impossible changes are refused in words", () => {
  const refused: ConfigurationOperation[][] = [
    [],
    [{ kind: "addLearner", peer: "a" }],
    [{ kind: "addLearner", peer: "d" }, { kind: "addLearner", peer: "d" }],
    [{ kind: "promote", peer: "a" }],
    [{ kind: "demote", peer: "d" }],
    [{ kind: "remove", peer: "d" }],
    ["a", "b", "c"].map((peer) => ({ kind: "remove", peer })),
    // Removed and added in one: it would be known by two replica ids.
    [{ kind: "remove", peer: "a" }, { kind: "addLearner", peer: "a" }],
    Array.from({ length: LIMITS.replicasMax }, (_, at) => ({ kind: "addLearner", peer: `${at}` })),
  ];
  for (const operations of refused) {
    assert.equal(typeof changeConfiguration(ABC, operations, 5), "string");
  }
  assert.equal(EMPTY_CONFIGURATION.voters.length, 0);
});

Deno.test("a sole voter is one without whom, and with whom alone, there is a majority", () => {
  const [a, b] = founding("a", "b").voters as [Replica, Replica];
  const alone = founding("a");
  assert.ok(isSoleVoter(alone, a));
  assert.ok(isSoleVoter({ ...alone, learners: [b] }, a), "a learner has no vote");
  assert.ok(isSoleVoter({ ...alone, votersOutgoing: [a] }, a));
  assert.ok(!isSoleVoter({ ...alone, votersOutgoing: [a, b] }, a), "both sets must agree");
  assert.ok(!isSoleVoter(founding("a", "b"), a));
  assert.ok(!isSoleVoter(alone, { peer: "a", replica: 2 }), "another replica of the peer");
  assert.ok(!isSoleVoter({ ...alone, learners: [b] }, b));
  assert.ok(!isSoleVoter(EMPTY_CONFIGURATION, a));
});
