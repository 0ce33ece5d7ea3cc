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
  const sums = { grants: 0, delivered: 0, acknowledged: 0, ordered: 0, moves: 0, events: 0 };
  for (let seed = 1; seed <= 30; seed++) {
    const peers = seed % 3 === 0 ? 5 : 3;
    const result = await simulate({
      seed,
      peers,
      steps: STEPS,
      faultsMs: null,
      fault: null,
      isCache: false,
      print: null,
    });
    assert.equal(result.failure, null, report(result));
    assert.ok(result.steps >= STEPS, `seed ${seed} ran ${result.steps} steps`);
    sums.grants += result.grants;
    sums.delivered += result.queue?.delivered ?? 0;
    sums.acknowledged += result.queue?.acknowledged ?? 0;
    sums.ordered += result.queue?.ordered ?? 0;
    sums.moves += result.moves;
    sums.events += result.events?.stored ?? 0;
    for (const [name, count] of result.strikes) {
      strikes.set(name, (strikes.get(name) ?? 0) + count);
    }
  }
  const enough = {
    grants: 300,
    delivered: 800,
    acknowledged: 700,
    ordered: 200,
    moves: 20,
    events: 500,
  };
  for (const [what, least] of Object.entries(enough)) {
    const sum = sums[what as keyof typeof sums];
    assert.ok(sum > least, `only ${sum} ${what}: the clients or the nemesis did not get to work`);
  }
  assert.equal(strikes.size, 10, `some kind of fault never struck: ${[...strikes.keys()]}`);
});

Deno.test("one seed gives one trace, another seed another", async () => {
  const traceOf = async (seed: number) =>
    (await simulate({
      seed,
      peers: 3,
      steps: STEPS,
      faultsMs: null,
      fault: null,
      isCache: false,
      print: null,
    }))
      .traceHash;
  const first = await traceOf(1_000);
  // Whatever a run may leave behind in this process must not reach the next.
  const other = await traceOf(1_001);
  assert.equal(await traceOf(1_000), first);
  assert.notEqual(other, first);
});
