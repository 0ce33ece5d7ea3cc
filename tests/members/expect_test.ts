import assert from "node:assert/strict";
import { deriveExpect, type ExpectInputs, type PeerEntry } from "../../src/members/expect.ts";

const SELF = "5".repeat(64);
const A = "a".repeat(64);
const B = "b".repeat(64);

function entry(written: string, known: Partial<PeerEntry> = {}): PeerEntry {
  return { written, addressCount: 1, ownAddress: false, identity: null, ...known };
}

function derive(inputs: Partial<ExpectInputs>) {
  return deriveExpect(SELF, { expect: null, peers: [], swarm: false, ...inputs });
}

Deno.test("--expect says it, whatever the list is", () => {
  assert.deepEqual(derive({ expect: 5, peers: [entry("a:1")] }), { count: 5, reason: "" });
  assert.equal(derive({ expect: 1, peers: [entry("a:1", { addressCount: 3 })] }).count, 1);
  assert.equal(derive({ expect: 0 }).count, 0);
});

Deno.test("neither --peers nor --swarm: one peer alone", () => {
  assert.deepEqual(derive({}), { count: 1, reason: "" });
});

Deno.test("entries as written, plus one where none leads to this peer", () => {
  assert.equal(derive({ peers: [entry("a:1"), entry("b:1")] }).count, 3);
});

Deno.test("no plus one where an entry is this peer's own address, or its handshake tells so", () => {
  const own = entry("self:1", { ownAddress: true });
  assert.equal(derive({ peers: [own, entry("a:1"), entry("b:1")] }).count, 3);
  const shaken = entry("self:1", { identity: SELF });
  assert.equal(derive({ peers: [shaken, entry("a:1"), entry("b:1")] }).count, 3);
  assert.equal(derive({ peers: [own, shaken, entry("a:1")] }).count, 2);
});

Deno.test("an identity counts once, by however many entries", () => {
  const peers = [
    entry("a:1", { identity: A }),
    entry("10.0.0.1:1", { identity: A }),
    entry("b:1", { identity: B }),
  ];
  assert.equal(derive({ peers }).count, 3);
  assert.equal(derive({ peers: [entry("a:1"), entry("a:1")] }).count, 2);
});

Deno.test("what handshakes tell never raises N", () => {
  const before = derive({ peers: [entry("a:1"), entry("b:1"), entry("c:1")] }).count;
  const after = derive({
    peers: [
      entry("a:1", { identity: A }),
      entry("b:1", { identity: B }),
      entry("c:1", { identity: SELF }),
    ],
  }).count;
  assert.deepEqual([before, after], [4, 3]);
});

Deno.test("a list that names nobody but this peer only joins, and says what would form", () => {
  const { count, reason } = derive({ peers: [entry("self:1", { ownAddress: true })] });
  assert.equal(count, 0);
  assert.match(reason, /only joins.*--expect would form/);
});

Deno.test("a name with several addresses only joins, and says what would form", () => {
  const { count, reason } = derive({
    peers: [entry("a:1"), entry("peers:1", { addressCount: 2 })],
  });
  assert.equal(count, 0);
  assert.match(reason, /only joins: peers:1 has several addresses; --expect would form/);
});

Deno.test("only --swarm only joins; with --peers the list counts", () => {
  assert.match(derive({ swarm: true }).reason, /only --swarm.*--expect would form/);
  assert.equal(derive({ swarm: true, peers: [entry("a:1")] }).count, 2);
});

Deno.test("while an entry's name is not resolved this peer only joins: it may be several peers", () => {
  const { count, reason } = derive({ peers: [entry("skein:7001", { addressCount: 0 })] });
  assert.equal(count, 0);
  assert.match(reason, /not known yet where skein:7001 leads/);
});
