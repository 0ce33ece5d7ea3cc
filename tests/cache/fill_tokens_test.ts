import assert from "node:assert/strict";
import { FillTokens } from "../../src/cache/fill_tokens.ts";

const LIMITS = { tokensMax: 2, waitersMax: 3 };
const caller = (number: number, peer = "one") => ({ number, peer });

Deno.test("the first that misses gets the token, the others wait until it is filled", () => {
  const fills = new FillTokens(LIMITS);
  assert.deepEqual(fills.want("k", caller(1), "t1", 100), { kind: "token", token: "t1" });
  assert.deepEqual(fills.want("k", caller(2), "t2", 100), { kind: "wait" });
  assert.deepEqual(fills.want("k", caller(3), "t3", 100), { kind: "wait" });
  assert.ok(fills.isValid("k", "t1", 99));
  assert.ok(!fills.isValid("k", "t2", 99));
  assert.deepEqual(fills.settled("k", "t2"), []);
  assert.deepEqual(fills.settled("k", "t1"), [2, 3]);
  assert.ok(!fills.isValid("k", "t1", 99), "it is over");
  assert.equal(fills.waiting, 0);
});

Deno.test("a token ends with its time, and with its holder's lease", () => {
  const fills = new FillTokens(LIMITS);
  fills.want("k", caller(1), "t1", 100);
  fills.want("k", caller(2, "two"), "t2", 100);
  assert.deepEqual(fills.over(99), []);
  assert.ok(!fills.isValid("k", "t1", 100));
  assert.deepEqual(fills.over(100), [2]);
  assert.deepEqual(fills.want("k", caller(2, "two"), "t3", 200), { kind: "token", token: "t3" });
  fills.want("k", caller(3), "t4", 200);
  assert.deepEqual(fills.ended("one"), []);
  assert.deepEqual(fills.ended("two"), [3]);
  assert.ok(!fills.isValid("k", "t3", 100));
});

Deno.test("tokens and those who wait are bounded; who leaves makes room", () => {
  const fills = new FillTokens(LIMITS);
  fills.want("a", caller(1), "t1", 100);
  fills.want("b", caller(2), "t2", 100);
  assert.deepEqual(fills.want("c", caller(3), "t3", 100), { kind: "full" });
  for (const number of [4, 5, 6]) fills.want("a", caller(number), "t", 100);
  assert.deepEqual(fills.want("b", caller(7), "t", 100), { kind: "full" });
  fills.left("a", 5);
  fills.left("a", 5);
  assert.deepEqual(fills.want("b", caller(7), "t", 100), { kind: "wait" });
  assert.equal(fills.waiting, 3);
});
