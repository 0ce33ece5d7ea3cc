import assert from "node:assert/strict";
import { Gatherer } from "../../src/queue/gatherer.ts";

const LIMITS = { underWayMax: 2, weightMax: 10, bytesMax: 100 };

/** Sendings, each of which ends when it is told to. */
function gathering() {
  const sent: { readonly lane: string; readonly names: string; readonly end: () => void }[] = [];
  const gatherer = new Gatherer<{ name: string; weight: number; bytes: number }>(
    LIMITS,
    (lane, parts) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      sent.push({ lane, names: parts.map(({ name }) => name).join(""), end: resolve });
      return promise;
    },
  );
  const add = (name: string, weight = 1, bytes = 1, lane = "x") => {
    gatherer.add(lane, { name, weight, bytes });
  };
  return { gatherer, sent, add, names: () => sent.map(({ names }) => names) };
}

async function resumed(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}

Deno.test("who is alone goes at once; while some are under way others gather and go together, in order", async () => {
  const { gatherer, sent, add, names } = gathering();
  for (const name of "abcde") add(name);
  add("z", 1, 1, "y");
  assert.deepEqual(names(), ["a", "b", "z"]);
  assert.deepEqual(gatherer.waiting, { weight: 3, bytes: 3 });
  sent[1]!.end();
  await resumed();
  assert.deepEqual(names(), ["a", "b", "z", "cde"]);
  add("f");
  sent[0]!.end();
  await resumed();
  assert.deepEqual(names().at(-1), "f");
  for (const { end } of sent) end();
  await resumed();
  assert.deepEqual(gatherer.waiting, { weight: 0, bytes: 0 });
  add("g");
  assert.equal(names().at(-1), "g");
});

Deno.test("a sending has its bounds, and what is larger goes alone", async () => {
  const { sent, add, names } = gathering();
  add("a");
  add("b");
  for (const [name, weight, bytes] of [["c", 6, 1], ["d", 4, 1], ["e", 1, 1], ["f", 1, 100]]) {
    add(name as string, weight as number, bytes as number);
  }
  add("g", 50, 1);
  add("h", 1, 500);
  for (let at = 0; at < 7; at++) {
    sent[at]?.end();
    await resumed();
  }
  assert.deepEqual(names(), ["a", "b", "cd", "e", "f", "g", "h"]);
});
