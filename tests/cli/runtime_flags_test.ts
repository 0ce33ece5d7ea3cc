import assert from "node:assert/strict";
import { NPM_FLAGS, RUNTIME_FLAGS } from "../../src/cli/runtime_flags.ts";

const { tasks, unstable } = JSON.parse(
  await Deno.readTextFile(new URL("../../deno.json", import.meta.url)),
);

Deno.test("`deno task skein` starts the runtime as `skein cluster` does for its peers", () => {
  for (const flag of RUNTIME_FLAGS) assert.ok(tasks.skein.command.includes(flag));
});

Deno.test("as an npm package it has the unstable features that deno.json names", () => {
  const flags = NPM_FLAGS.filter((flag) => flag.startsWith("--unstable-"));
  assert.deepEqual(flags, unstable.map((name: string) => `--unstable-${name}`));
});
