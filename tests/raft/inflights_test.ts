import { strict as assert } from "node:assert";
import { AssertionError } from "../../src/assert.ts";
import { Inflights } from "../../src/raft/inflights.ts";

Deno.test("the window is full by messages, and answers free it from the front", () => {
  const inflights = new Inflights(20, 1_000_000);
  for (let round = 0; round < 5; round++) {
    for (let at = 1; at <= 20; at++) inflights.add(round * 20 + at, 10);
    assert.ok(inflights.full);
    inflights.freeTo(round * 20 + 15);
    assert.equal(inflights.count, 5);
    assert.equal(inflights.bytes, 50);
    inflights.freeTo(round * 20 + 20);
    assert.equal(inflights.count, 0);
  }
});

Deno.test("the window is full by bytes: one message may pass the bound, none may follow it", () => {
  const inflights = new Inflights(20, 100);
  inflights.add(1, 99);
  assert.ok(!inflights.full);
  inflights.add(2, 500);
  assert.ok(inflights.full);
  assert.throws(() => inflights.add(3, 1), AssertionError);
  inflights.freeTo(2);
  assert.ok(!inflights.full);
});

Deno.test("an answer to something older frees nothing", () => {
  const inflights = new Inflights(4, 100);
  inflights.add(7, 1);
  inflights.freeTo(6);
  assert.equal(inflights.count, 1);
  inflights.clear();
  assert.equal(inflights.count, 0);
});
