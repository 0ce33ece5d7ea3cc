/** Whom an entry of the list leads to: this peer itself, another, or nobody knows yet. */
import assert from "node:assert/strict";
import { identifyEntry, type KnownPeers } from "../../src/discovery/entry_identity.ts";
import type { EntryView } from "../../src/discovery/static.ts";

const SELF = "5".repeat(64);
const OTHER = "b".repeat(64);

function view(written: string, changes: Partial<EntryView> = {}): EntryView {
  return { written, addressCount: 1, addresses: [written], lookedUp: [], peers: [], ...changes };
}

function known(changes: Partial<KnownPeers> = {}): KnownPeers {
  return {
    self: SELF,
    selfAddresses: ["127.0.0.1:7001"],
    isOwnAddress: () => false,
    peerAt: () => null,
    ...changes,
  };
}

Deno.test("an entry is this peer by its address, its look-up, a handshake, or its endpoint's word", () => {
  const named = view("own:7001");
  const cases: [EntryView, KnownPeers][] = [
    [view("127.0.0.1:7001"), known()],
    [view("localhost:7001", { lookedUp: ["127.0.0.1:7001", "[::1]:7001"] }), known()],
    [named, known({ isOwnAddress: (address) => address === "own:7001" })],
    [view("http://own:8001", { addresses: ["own:7001"], peers: [SELF] }), known()],
    [named, known({ peerAt: (address) => address === "own:7001" ? SELF : null })],
  ];
  for (const [entry, peers] of cases) {
    assert.equal(identifyEntry(entry, peers), SELF, entry.written);
  }
});

Deno.test("an entry is another peer by a handshake or by its endpoint's word", () => {
  const peerAt = (address: string): string | null => address === "b:1" ? OTHER : null;
  assert.equal(identifyEntry(view("b:1"), known({ peerAt })), OTHER);
  const endpoint = view("http://b:8001", { addresses: ["x:1"], peers: [OTHER] });
  assert.equal(identifyEntry(endpoint, known()), OTHER);
});

Deno.test("an entry that nobody met is nobody yet", () => {
  assert.equal(identifyEntry(view("b:1"), known()), null);
  assert.equal(identifyEntry(view("late:1", { addressCount: 0, addresses: [] }), known()), null);
});
