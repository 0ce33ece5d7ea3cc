/** The table of settings is whole, and what is printed from it is what lies in the tree. */
import assert from "node:assert/strict";
import { EXAMPLE_PATH, README_PATH, withSettings } from "../../scripts/document.ts";
import {
  environmentExample,
  environmentNames,
  helpText,
  markdownTables,
} from "../../src/config/describe.ts";
import { SETTING_ROWS } from "../../src/config/settings.ts";

Deno.test("every row has a flag and a name in the environment of its own", () => {
  const flags = SETTING_ROWS.map(([, { flag }]) => flag);
  const names = SETTING_ROWS.flatMap(([, setting]) => environmentNames(setting));
  assert.equal(new Set(flags).size, flags.length);
  assert.equal(new Set(names).size, names.length);
  for (const [name, setting] of SETTING_ROWS) {
    assert.ok(environmentNames(setting).length > 0, `${name} has no name in the environment`);
  }
});

Deno.test("every default is a value that its own row allows", () => {
  for (const [name, setting] of SETTING_ROWS) {
    if (setting.default === null) assert.ok(setting.defaultText, `${name} says no default`);
    else assert.notEqual(setting.format.parse(setting.default), null, name);
  }
});

Deno.test("the help of a row names its default and its environment", () => {
  const heartbeat = SETTING_ROWS.find(([name]) => name === "heartbeat")![1];
  assert.match(helpText(heartbeat), /\(default: 0\.15; env: RAFT_HEARTBEAT_INTERVAL\)$/);
});

Deno.test("the example of an environment is up to date (deno run -A scripts/document.ts)", async () => {
  assert.equal(await Deno.readTextFile(EXAMPLE_PATH), environmentExample());
});

Deno.test("the README's table of settings is up to date (deno run -A scripts/document.ts)", async () => {
  const readme = await Deno.readTextFile(README_PATH);
  assert.ok(readme.includes(markdownTables()), "README.md lacks the table between its markers");
  assert.equal(readme, withSettings(readme));
});
