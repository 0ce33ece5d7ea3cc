import assert from "node:assert/strict";
import { OpenProposals } from "../../src/groups/open_proposals.ts";
import { LIMITS } from "../../src/limits.ts";
import type { Entry } from "../../src/raft/entry.ts";

const NOT_LEADER = { ok: false, reason: "notLeader", leader: null } as const;

function entry(index: number, term: number): Entry {
  return { index, term, kind: "command", timeMs: 0, payload: new Uint8Array(1) };
}

function manualProposals() {
  const open = new OpenProposals();
  const told: string[] = [];
  const add = (name: string, sizeBytes = 1) =>
    open.add({
      payload: new Uint8Array(sizeBytes),
      settle: (result) => {
        const answer = result.kind === "applied" ? ` ${result.answer}` : "";
        told.push(`${name} ${result.kind}${answer}`);
      },
    });
  return { open, told, add };
}

Deno.test("a proposal is settled by the entry at its index, if that is of its term", () => {
  const { open, told, add } = manualProposals();
  for (const name of ["a", "b", "c"]) add(name);
  assert.equal(open.size, 3);
  const [slice] = open.takeWaiting();
  open.logged(10, 2, slice!);
  assert.ok(!open.hasWaiting);
  open.applied(entry(9, 2), "other");
  open.applied(entry(10, 2), "mine");
  open.applied(entry(11, 3), "other");
  assert.deepEqual(told, ["a applied mine", "b unknown"]);
  assert.equal(open.size, 1);
});

Deno.test("slices are bounded in bytes, in order, and a large proposal has its own", () => {
  const { open, add } = manualProposals();
  const half = LIMITS.appendBytesMax / 2;
  for (const sizeBytes of [half, half, 1, 3 * half, 1]) add("x", sizeBytes);
  const slices = open.takeWaiting().map((slice) => slice.map(({ payload }) => payload.length));
  assert.deepEqual(slices, [[half, half], [1], [3 * half], [1]]);
  assert.deepEqual(open.takeWaiting(), []);
});

Deno.test("the loss of leadership settles what is logged, and not what waits", () => {
  const { open, told, add } = manualProposals();
  for (const name of ["a", "b", "c"]) add(name);
  open.logged(10, 2, open.takeWaiting()[0]!);
  add("waiting");
  open.forgetLogged();
  assert.deepEqual(told, ["a unknown", "b unknown", "c unknown"]);
  assert.ok(open.hasWaiting);
});

Deno.test("at the end what was never logged is refused, and what was is unknown", () => {
  const { open, told, add } = manualProposals();
  add("logged");
  open.logged(10, 2, open.takeWaiting()[0]!);
  add("waiting");
  open.end(NOT_LEADER);
  open.end(NOT_LEADER);
  assert.deepEqual(told, ["logged unknown", "waiting refused"]);
  assert.equal(open.size, 0);
});
