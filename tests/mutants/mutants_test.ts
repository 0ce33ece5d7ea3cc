import assert from "node:assert/strict";
import { mutate } from "./mutant.ts";
import { MUTANTS } from "./mutants.ts";

Deno.test("a mutant's text must occur exactly once, and change something", () => {
  assert.deepEqual(mutate("a b c", { search: "b", replace: "$&" }), { ok: true, source: "a $& c" });
  assert.equal(mutate("a b b", { search: "b", replace: "x" }).ok, false);
  assert.equal(mutate("a c", { search: "b", replace: "x" }).ok, false);
  assert.equal(mutate("a b", { search: "b", replace: "b" }).ok, false);
});

Deno.test("every mutant fits the source as it is now, and has a name of its own", async () => {
  for (const mutant of MUTANTS) {
    const source = await Deno.readTextFile(new URL(`../../${mutant.file}`, import.meta.url));
    const result = mutate(source, mutant);
    assert.ok(result.ok, `${mutant.name}: ${result.ok ? "" : result.why}`);
    assert.ok(mutant.caughtBy.length > 0, `${mutant.name} has nobody to catch it`);
  }
  assert.equal(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
});
