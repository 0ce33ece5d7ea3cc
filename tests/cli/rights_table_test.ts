/** The table of rights is whole, and what is printed or written from it says the same. */
import assert from "node:assert/strict";
import { README_PATH, withRights } from "../../scripts/document.ts";
import { rightsTables } from "../../scripts/rights_tables.ts";
import { COMMANDS } from "../../src/cli/program.ts";
import { COMMAND_RIGHTS, RIGHTS, SYSTEM_CALLS, UNBOUNDED_FLAGS } from "../../src/cli/rights.ts";

Deno.test("every command has a row, and every row a command", () => {
  const commands = COMMANDS.map(({ words }) => words.join(" "));
  assert.deepEqual(Object.keys(COMMAND_RIGHTS).toSorted(), commands.toSorted());
});

Deno.test("nothing allows everything, and every right has its flag", () => {
  for (const { name } of RIGHTS) {
    const flags = UNBOUNDED_FLAGS.filter((flag) => flag.startsWith(`--allow-${name}`));
    assert.equal(flags.length, 1, name);
  }
  assert.ok(UNBOUNDED_FLAGS.includes("--no-prompt"));
  assert.ok(!UNBOUNDED_FLAGS.some((flag) => /^(?:-A|--allow-all)$/.test(flag)));
});

Deno.test("the tasks that start the program allow each right by its name, and never ask", async () => {
  const { tasks } = JSON.parse(await Deno.readTextFile("deno.json"));
  for (const task of [tasks.skein, tasks.cluster]) {
    const words: string[] = task.command.split(" ");
    const names = words.flatMap((word) => /^--allow-(\w+)/.exec(word)?.[1] ?? []);
    assert.deepEqual(names.toSorted(), RIGHTS.map(({ name }) => name).toSorted());
    assert.ok(words.includes(`--allow-sys=${SYSTEM_CALLS.join(",")}`));
    assert.ok(words.includes("--no-prompt") && words.includes("--deny-import"));
    assert.ok(!words.includes("-A"));
  }
});

Deno.test("the README's table of rights is up to date (deno run -A scripts/document.ts)", async () => {
  const readme = await Deno.readTextFile(README_PATH);
  assert.ok(readme.includes(rightsTables()), "README.md lacks the table between its markers");
  assert.equal(readme, withRights(readme));
});
