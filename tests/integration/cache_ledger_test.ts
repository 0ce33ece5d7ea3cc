/** The checker of the cache's histories finds what it is there for, and accuses nobody else. */
import assert from "node:assert/strict";
import { CacheLedger } from "./cache_ledger.ts";

const WINDOW_MS = 200;
const SPAN_MS = 200;

/** A ledger in which 1 .. count were written, a second apart. */
function written(
  count: number,
  durable: readonly number[] = [],
  lossSpanMs = Infinity,
): CacheLedger {
  const ledger = new CacheLedger(WINDOW_MS, lossSpanMs);
  for (let number = 1; number <= count; number++) {
    assert.equal(ledger.attempt("k", number * 1_000 - 5), number);
    ledger.written("k", number, durable.includes(number), number * 1_000);
  }
  return ledger;
}

Deno.test("cache ledger: the last write is read, and so is one whose fate is not known", () => {
  const ledger = written(3);
  ledger.read("k", ledger.begin("k"), 3);
  ledger.attempt("k", 4_000);
  ledger.unknown();
  ledger.read("k", ledger.begin("k"), 4);
  assert.equal(ledger.floor("k"), 4);
  ledger.fault(4_100);
  ledger.read("k", ledger.begin("k"), 3);
  ledger.finish([]);
  assert.equal(ledger.totals.lost, 0, "nobody was told that it was done");
});

Deno.test("cache ledger: a write that was refused need not be lost", () => {
  const ledger = written(1);
  ledger.refused("k", ledger.attempt("k", 2_000));
  ledger.written("k", ledger.attempt("k", 9_000), false, 9_005);
  ledger.fault(9_010);
  ledger.read("k", ledger.begin("k"), 1);
  ledger.finish([]);
  assert.equal(ledger.totals.lost, 1);
});

Deno.test("cache ledger: a stale read is found", () => {
  const ledger = written(3);
  const begun = ledger.begin("k");
  assert.throws(() => ledger.read("k", begun, 9), /never written/);
  ledger.read("k", begun, 2);
  assert.throws(() => ledger.finish([]), /2 is read after 3[^]*3 was begun/);
});

Deno.test("cache ledger: a read may tell of what there was when it began", () => {
  const ledger = written(1);
  const begun = ledger.begin("k");
  ledger.written("k", ledger.attempt("k", 1_500), false, 2_000);
  ledger.read("k", begun, 1);
  ledger.finish([]);
  ledger.read("k", ledger.begin("k"), 1);
  assert.throws(() => ledger.finish([]));
});

Deno.test("cache ledger: writes near a fault may be lost, older ones and durable ones not", () => {
  const near = written(3);
  near.fault(3_150);
  near.read("k", near.begin("k"), 2);
  assert.equal(near.totals.lost, 1);
  near.finish([]);
  const old = written(3);
  old.fault(3_150);
  old.read("k", old.begin("k"), 1);
  assert.throws(() => old.finish([]), /2 was begun -1155 ms after/);
  const lapse = { key: "k", fromMs: 1_900, untilMs: 3_300 };
  old.finish([lapse]);
  assert.throws(() => old.finish([{ ...lapse, fromMs: 2_300 }]));
  assert.throws(() => old.finish([{ ...lapse, key: "another" }]));
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

Deno.test("cache ledger: what is lost at once lies within two flush intervals", () => {
  for (const [begunMs, isFound] of [[2_200, false], [2_201, true]] as const) {
    const ledger = written(2, [], SPAN_MS);
    ledger.written("k", ledger.attempt("k", begunMs), false, begunMs + 50);
    ledger.fault(2_100);
    const begun = ledger.begin("k");
    if (isFound) assert.throws(() => ledger.read("k", begun, 1), /3 was begun 201 ms after/);
    else ledger.read("k", begun, 1);
  }
});
