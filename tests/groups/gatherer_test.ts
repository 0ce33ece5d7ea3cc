import assert from "node:assert/strict";
import { Gatherer } from "../../src/groups/gatherer.ts";

const LIMITS = {
  weightMax: 10,
  bytesMax: 100,
  waitingWeightMax: 150,
  waitingBytesMax: 1_000,
  waitingMsMax: 500,
};

/** Sendings, each of which ends when it is told to. */
function gathering() {
  const sent: { readonly lane: string; readonly names: string; readonly end: () => void }[] = [];
  const timers: (() => void)[] = [];
  const delaysMs: number[] = [];
  const late: string[] = [];
  let nowMs = 0;
  const clock = {
    monotonicMs: () => nowMs,
    timer(delayMs: number, fire: () => void) {
      delaysMs.push(delayMs);
      timers.push(fire);
      return { cancel: () => void timers.splice(timers.indexOf(fire), 1) };
    },
  };
  const gatherer = new Gatherer<{ name: string; weight: number; bytes: number }>(
    clock,
    LIMITS,
    {
      send(lane, parts) {
        const { promise, resolve } = Promise.withResolvers<void>();
        sent.push({ lane, names: parts.map(({ name }) => name).join(""), end: resolve });
        return promise;
      },
      refuse: ({ name }, { code }) => void late.push(`${name} ${code}`),
    },
  );
  const add = (name: string, weight = 1, bytes = 1, lane = "x") => {
    gatherer.add(lane, { name, weight, bytes });
  };
  const end = async (at: number) => {
    sent[at]!.end();
    await resumed();
  };
  /** What is waited for is not waited for any longer. */
  const elapse = () => timers.splice(0).forEach((fire) => fire());
  const pass = (byMs: number) => void (nowMs += byMs);
  const names = () => sent.map(({ names }) => names);
  return { gatherer, add, end, elapse, pass, late, timers, delaysMs, names };
}

async function resumed(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}

Deno.test("who is alone goes at once; while a sending is under way others gather and go together, in order", async () => {
  const { add, end, timers, names } = gathering();
  for (const name of "abcd") add(name);
  add("z", 1, 1, "y");
  assert.deepEqual(names(), ["a", "z"]);
  await end(0);
  assert.deepEqual(names(), ["a", "z", "bcd"]);
  await end(1);
  add("y", 1, 1, "y");
  assert.deepEqual(names().at(-1), "y", "who was alone is waited for by nobody");
  assert.deepEqual(timers, []);
});

Deno.test("those who were answered and those who gathered meanwhile go together, and are waited for as long as a sending took", async () => {
  const { add, end, elapse, pass, timers, delaysMs, names } = gathering();
  for (const name of "abc") add(name);
  await end(0);
  for (const name of "de") add(name);
  pass(3);
  await end(1);
  for (const name of "fg") {
    assert.deepEqual(names(), ["a", "bc"]);
    add(name);
  }
  assert.deepEqual(names(), ["a", "bc", "defg"]);
  assert.deepEqual([timers, delaysMs], [[], [3]]);
  add("h");
  pass(300);
  await end(2);
  assert.deepEqual(delaysMs, [3, 10], "but for a moment, where sendings take long");
  elapse();
  assert.equal(names().at(-1), "h");
});

Deno.test("those who were answered together go together again", async () => {
  const { add, end, elapse, timers, names } = gathering();
  for (const name of "abcd") add(name);
  await end(0);
  await end(1);
  for (const name of "ef") add(name);
  assert.deepEqual(names(), ["a", "bcd"]);
  add("g");
  assert.deepEqual(names(), ["a", "bcd", "efg"]);
  assert.deepEqual(timers, [], "nobody is waited for");
  await end(2);
  add("h");
  assert.equal(names().length, 3);
  elapse();
  assert.deepEqual(names().at(-1), "h", "and no longer than a moment");
  add("i");
  await end(3);
  assert.deepEqual(names().at(-1), "i");
});

Deno.test("a lane that nobody came back to is idle again", async () => {
  const { add, end, elapse, timers, names } = gathering();
  for (const name of "abc") add(name);
  await end(0);
  await end(1);
  elapse();
  assert.deepEqual([names(), timers], [["a", "bc"], []]);
  add("d");
  assert.equal(names().at(-1), "d");
});

Deno.test("a sending has its bounds, and what is larger goes alone", async () => {
  const { add, end, elapse, names } = gathering();
  add("a");
  for (const [name, weight, bytes] of [["c", 6, 1], ["d", 4, 1], ["e", 1, 1], ["f", 1, 100]]) {
    add(name as string, weight as number, bytes as number);
  }
  add("g", 50, 1);
  add("h", 1, 500);
  for (let at = 0; at < 6; at++) {
    await end(at);
    elapse();
  }
  assert.deepEqual(names(), ["a", "cd", "e", "f", "g", "h"]);
});

Deno.test("what waits is bounded in weight and in bytes, whoever waits", async () => {
  for (const [weight, bytes] of [[50, 1], [1, 400]] as const) {
    const { gatherer, add, end } = gathering();
    for (const lane of ["x", "y"]) add("a", 1, 1, lane);
    for (const lane of ["x", "y", "x"]) {
      assert.ok(!gatherer.isFull);
      add("c", weight, bytes, lane);
    }
    assert.ok(gatherer.isFull);
    assert.throws(() => add("d"), { name: "AssertionError" });
    await end(0);
    assert.ok(!gatherer.isFull);
  }
});

Deno.test("who waited too long behind others is refused, and counts no more; who came later is sent", async () => {
  const { gatherer, add, end, pass, late, names } = gathering();
  add("a");
  add("b", 100, 1);
  pass(1);
  for (const name of "cd") add(name, 25, 1);
  assert.ok(gatherer.isFull);
  pass(500);
  await end(0);
  assert.deepEqual([names(), late], [["a", "c"], ["b UNAVAILABLE"]]);
  assert.ok(!gatherer.isFull);
  pass(1);
  await end(1);
  assert.deepEqual(late, ["b UNAVAILABLE", "d UNAVAILABLE"]);
  add("e");
  assert.deepEqual(names(), ["a", "c", "e"], "its lane is idle");
});
