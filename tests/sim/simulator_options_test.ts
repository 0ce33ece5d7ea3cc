import assert from "node:assert/strict";
import { readOptions, WrongUse } from "./simulator_options.ts";

Deno.test("the simulator's command line: what is asked for, help, and wrong use in one line", () => {
  const some = readOptions(["--seeds", "20", "--workload", "others", "--keep-going"]);
  assert.deepEqual(some?.seeds, { from: 1, count: 20 });
  assert.deepEqual([some?.isCache, some?.keepGoing, some?.budgetMs], [false, true, Infinity]);
  assert.equal(readOptions(["--help"]), null);
  const wrong = [["--bogus"], ["7"], ["--seed"], ["--seeds", "few"], ["--workload", "events"]];
  for (const list of wrong) {
    assert.throws(() => readOptions(list), (error) => {
      return error instanceof WrongUse && error.message !== "" && !error.message.includes("\n");
    }, list.join(" "));
  }
});
