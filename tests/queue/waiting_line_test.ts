import assert from "node:assert/strict";
import type { RequestKey } from "../../src/groups/groups.ts";
import { Waiter } from "../../src/queue/waiter.ts";
import { WaitingLine } from "../../src/queue/waiting_line.ts";

const REQUEST: RequestKey = { kind: "caller", principal: "p", id: "r" };

function waiter(
  wait: string,
  asked: {
    max?: number;
    waitedMs?: number;
    visibilityMs?: number | null;
    request?: RequestKey | null;
  } = {},
): Waiter {
  const { max = 1, waitedMs = 0, visibilityMs = null, request = null } = asked;
  const address = { topic: "t", lane: 0, lanes: 1, settings: null };
  const whatever = { address, consumer: null, waitMs: 1_000, last: true };
  return new Waiter({ wait, max, waitedMs, visibilityMs, request, ...whatever }, 5_000, 10_000);
}

function names(waiters: readonly (Waiter | null)[]): string {
  return waiters.map((each) => each?.question.wait ?? "-").join("");
}

Deno.test("who began to wait first stands first, wherever that was", () => {
  const line = new WaitingLine();
  line.add(waiter("a", { waitedMs: 10 }));
  line.add(waiter("b"));
  line.add(waiter("c", { waitedMs: 500 }));
  line.add(waiter("d"));
  line.add(waiter("e", { waitedMs: 5 }));
  assert.equal(names(line.takeAll()), "caebd");
  assert.equal(line.size, 0);
});

Deno.test("those in front share an entry that can, as many as there is something for", () => {
  const line = new WaitingLine();
  for (const name of "abc") line.add(waiter(name, { max: 10 }));
  line.add(waiter("d", { visibilityMs: 500 }));
  line.add(waiter("e"));
  line.add(waiter("f", { request: REQUEST }));
  line.add(waiter("g"));
  assert.equal(names(line.takeAlike(15)), "ab");
  assert.equal(names(line.takeAlike(15)), "c");
  assert.equal(names(line.takeAlike(15)), "d");
  assert.equal(names(line.takeAlike(1_000)), "e");
  assert.equal(names(line.takeAlike(1_000)), "f");
  assert.equal(names(line.takeAlike(1_000)), "g");
  assert.equal(names(line.takeAlike(1_000)), "");
});

Deno.test("what was dealt to one who left goes to the first who may have it", () => {
  const line = new WaitingLine();
  line.add(waiter("a", { request: REQUEST }));
  line.add(waiter("b", { visibilityMs: 500 }));
  const left = waiter("c");
  line.add(left);
  line.add(waiter("d"));
  line.remove(left);
  line.remove(left);
  assert.equal(left.waits, false);
  assert.equal(names([line.takeLike(left)]), "d");
  assert.equal(names([line.takeLike(left)]), "-");
  assert.equal(names([line.takeLike(waiter("e", { request: REQUEST }))]), "-");
  assert.equal(names([line.takeLike(waiter("e", { visibilityMs: 500 }))]), "b");
});

Deno.test("a waiter has one answer, and wants none that nobody would read", async () => {
  const one = waiter("a");
  assert.ok(one.wants(14_999));
  assert.ok(!one.wants(15_000));
  one.cancel();
  assert.ok(one.done && !one.wants(5_000));
  assert.deepEqual((await one.answer).messages, []);
});
