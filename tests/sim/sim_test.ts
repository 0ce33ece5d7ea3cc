/** A short run of the simulator on fixed seeds; `deno task sim` is the long one. */
import assert from "node:assert/strict";
import { simulate, type SimulationResult } from "./simulation.ts";

const STEPS = 10_000;

function report(result: SimulationResult): string {
  const replay = `deno task sim --seed ${result.seed} --verbose`;
  return [`${result.failure}`, ...result.lastLines, `replay: ${replay}`].join("\n");
}

Deno.test("fixed seeds hold all properties under faults, then converge", async () => {
  const strikes = new Map<string, number>();
  let grants = 0;
  for (let seed = 1; seed <= 30; seed++) {
    const peers = seed % 3 === 0 ? 5 : 3;
    const result = await simulate({ seed, peers, steps: STEPS, print: null });
    assert.equal(result.failure, null, report(result));
    assert.ok(result.steps >= STEPS, `seed ${seed} ran ${result.steps} steps`);
    grants += result.grants;
    for (const [name, count] of result.strikes) {
      strikes.set(name, (strikes.get(name) ?? 0) + count);
    }
  }
  assert.ok(grants > 300, `only ${grants} locks were granted: the clients did not get to work`);
  assert.equal(strikes.size, 8, `some kind of fault never struck: ${[...strikes.keys()]}`);
});

Deno.test("one seed gives one trace, another seed another", async () => {
  const traceOf = async (seed: number) =>
    (await simulate({ seed, peers: 3, steps: STEPS, print: null })).traceHash;
  const first = await traceOf(1_000);
  // Whatever a run may leave behind in this process must not reach the next.
  const other = await traceOf(1_001);
  assert.equal(await traceOf(1_000), first);
  assert.notEqual(other, first);
});
