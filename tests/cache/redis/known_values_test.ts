/** What a home knows is bounded, by keys' bytes; what goes is told. */
import assert from "node:assert/strict";
import { KnownValues } from "../../../src/cache/redis/known_values.ts";
import { LIMITS } from "../../../src/limits.ts";

const version = { term: 1, counter: 1, write: 0 };

function knownOf(value: Uint8Array | null, sinceMs = 0) {
  return { content: { version, value, expiresMs: null }, sinceMs };
}

Deno.test("past its bytes the oldest is forgotten and told, the newest never", () => {
  const forgotten: string[] = [];
  const values = new KnownValues((key) => forgotten.push(key));
  const quarter = new Uint8Array(LIMITS.cacheFrontBytesMax / 4);
  for (const key of ["a", "b", "c"]) values.set(key, knownOf(quarter));
  values.set("a", knownOf(quarter));
  assert.deepEqual(forgotten, []);
  values.set("d", knownOf(quarter));
  assert.deepEqual(forgotten, ["b"], "a was written again");
  values.delete("c");
  values.set("e", knownOf(quarter));
  assert.deepEqual(forgotten, ["b"], "there was room again");
  values.set("large", knownOf(new Uint8Array(LIMITS.cacheFrontBytesMax)));
  assert.deepEqual(forgotten, ["b", "a", "d", "e"]);
  assert.equal(values.size, 1);
});

Deno.test("what was known at a time is taken, and what came later stays", () => {
  const values = new KnownValues(() => {});
  for (const [key, sinceMs] of [["a", 1], ["b", 2], ["c", 3]] as const) {
    values.set(key, knownOf(null, sinceMs));
  }
  assert.deepEqual(values.takeUntil(2), ["a", "b"]);
  assert.deepEqual([values.get("a"), values.get("c")?.sinceMs, values.size], [undefined, 3, 1]);
  values.clear();
  assert.equal(values.size, 0);
});
