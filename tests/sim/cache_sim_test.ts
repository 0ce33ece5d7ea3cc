/** A short run of the simulator's cache on fixed seeds, and what its checkers must notice. */
import assert from "node:assert/strict";
import type { CacheOperation, PutInput } from "./cache_history.ts";
import { judgeCache } from "./cache_checker.ts";
import { simulate } from "./simulation.ts";

Deno.test("clusters that are used as a cache hold all properties under faults, then serve", async () => {
  const sums = { reads: 0, writes: 0, shared: 0, owned: 0 };
  for (let seed = 1; seed <= 12; seed++) {
    const peers = seed % 3 === 0 ? 5 : 3;
    const result = await simulate({
      seed,
      peers,
      steps: 8_000,
      faultsMs: null,
      isCache: true,
      print: null,
    });
    const replay = `deno task sim --seed ${seed} --workload cache --steps 8000 --verbose`;
    assert.equal(result.failure, null, `${result.failure}\nreplay: ${replay}`);
    for (const name of ["reads", "writes", "shared", "owned"] as const) {
      sums[name] += result.cache![name];
    }
  }
  for (const [what, sum] of Object.entries(sums)) assert.ok(sum > 300, `only ${sum} ${what}`);
});

const KEY = "k";

function put(at: number, life: string, mark: string, more: Partial<PutInput> = {}): CacheOperation {
  const input = { kind: "put", key: KEY, life, mark, way: "line", ifMark: undefined } as const;
  return { callMs: at, returnMs: at + 1, input: { ...input, result: "ok", ...more } };
}

function get(at: number, life: string, found: string | null): CacheOperation {
  return { callMs: at, returnMs: at + 1, input: { kind: "get", key: KEY, life, found } };
}

function isSound(history: readonly CacheOperation[], lost: readonly string[] = []): boolean {
  const losses = lost.map((life) => ({ life, atMs: 100 }));
  return judgeCache(history, losses).violations.length === 0;
}

Deno.test("a stale read, and a write that vanishes without a loss, are violations", () => {
  assert.ok(isSound([put(1, "A", "x"), get(3, "B", "x")]));
  assert.ok(!isSound([put(1, "A", "x"), get(3, "B", null)]));
  assert.ok(!isSound([put(1, "A", "x"), put(3, "A", "y"), get(5, "A", "x")]));
  assert.ok(!isSound([put(1, "A", "x"), put(3, "A", "y"), get(5, "B", "x")], ["B"]));
});

Deno.test("with its owner a key goes back to what was written back, and no further", () => {
  const history = [put(1, "A", "x"), put(3, "A", "y"), put(5, "A", "z")];
  for (const found of [null, "x", "y", "z"]) {
    assert.ok(isSound([...history, get(7, "B", found)], ["A"]), `${found}`);
  }
  const seen = [history[0]!, get(2.5, "B", "x"), put(4, "A", "y"), get(7, "B", null)];
  assert.ok(!isSound(seen, ["A"]), "what another peer saw was written back");
  const durable = [put(1, "A", "x"), put(3, "A", "y", { way: "durable" }), put(5, "A", "z")];
  assert.ok(isSound([...durable, get(7, "B", "y")], ["A"]));
  assert.ok(!isSound([...durable, get(7, "B", "x")], ["A"]), "a durable write never goes back");
  assert.ok(
    !isSound([...history, get(7, "B", "x"), get(9, "B", "y")], ["A"]),
    "nor does it return",
  );
});

Deno.test("a conditional write is refused only where something else is there", () => {
  const first = put(1, "A", "x");
  assert.ok(isSound([first, put(3, "B", "y", { ifMark: "x" }), get(5, "A", "y")]));
  assert.ok(!isSound([first, put(3, "B", "y", { ifMark: "x", result: "conflict" })]));
  assert.ok(!isSound([first, put(3, "B", "y", { ifMark: null })]));
});
