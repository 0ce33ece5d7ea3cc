/** The checker of the cache's histories finds what it is there for, and accuses nobody else. */
import assert from "node:assert/strict";
import { CacheLedger } from "./cache_ledger.ts";

const WINDOW_MS = 200;

/** A ledger in which 1 .. count were written, a second apart. */
function written(count: number, durable: readonly number[] = []): CacheLedger {
  const ledger = new CacheLedger(WINDOW_MS);
  for (let number = 1; number <= count; number++) {
    assert.equal(ledger.attempt("k"), number);
    ledger.written("k", number, durable.includes(number), number * 1_000);
  }
  return ledger;
}

Deno.test("cache ledger: the last write is read, and so is one whose fate is not known", () => {
  const ledger = written(3);
  ledger.read("k", ledger.begin("k"), 3);
  ledger.attempt("k");
  ledger.unknown();
  ledger.read("k", ledger.begin("k"), 4);
  assert.throws(() => ledger.read("k", ledger.begin("k"), 3), /no write in between/);
  assert.equal(ledger.floor("k"), 4);
});

Deno.test("cache ledger: a stale read is found", () => {
  const ledger = written(3);
  const begun = ledger.begin("k");
  assert.throws(() => ledger.read("k", begun, 2), /3 was answered/);
  assert.throws(() => ledger.read("k", begun, 9), /never written/);
});

Deno.test("cache ledger: a read may tell of what there was when it began", () => {
  const ledger = written(1);
  const begun = ledger.begin("k");
  ledger.written("k", ledger.attempt("k"), false, 2_000);
  ledger.read("k", begun, 1);
  assert.throws(() => ledger.read("k", ledger.begin("k"), 1));
});

Deno.test("cache ledger: writes near a fault may be lost, older ones and durable ones not", () => {
  const near = written(3);
  near.fault(3_150);
  near.read("k", near.begin("k"), 2);
  assert.equal(near.totals.lost, 1);
  const old = written(3);
  old.fault(3_150);
  assert.throws(() => old.read("k", old.begin("k"), 1), /2 was answered -1150 ms after/);
  const durable = written(3, [3]);
  durable.fault(3_150);
  assert.throws(() => durable.read("k", durable.begin("k"), 2), /3 was durable/);
});

Deno.test("cache ledger: what was lost does not come back, but to a read that began before", () => {
  const ledger = written(3);
  ledger.fault(3_000);
  const early = ledger.begin("k");
  ledger.read("k", ledger.begin("k"), 2);
  ledger.read("k", early, 3);
  assert.equal(ledger.floor("k"), 2);
  assert.throws(() => ledger.read("k", ledger.begin("k"), 3), /lost, and is read again/);
});
