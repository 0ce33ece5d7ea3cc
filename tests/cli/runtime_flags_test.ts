import assert from "node:assert/strict";
import { RUNTIME_FLAGS } from "../../src/cli/runtime_flags.ts";

Deno.test("`deno task skein` starts the runtime as `skein cluster` does for its peers", async () => {
  const text = await Deno.readTextFile(new URL("../../deno.json", import.meta.url));
  const { tasks } = JSON.parse(text);
  for (const flag of RUNTIME_FLAGS) assert.ok(tasks.skein.command.includes(flag));
});
