/** What `skein version` says of itself, from source and for a staged build. */
import assert from "node:assert/strict";
import { BUILD } from "../../src/build_info.ts";
import { VERSION } from "../../src/version.ts";
import { testedExecutable } from "../skein_command.ts";
import { skein } from "./skein_process.ts";

Deno.test("version --json names every field, from source too", async () => {
  const { code, stdout } = await skein(["version", "--json"]);
  assert.equal(code, 0);
  const { success, version, commit, date, form, deno, v8, target, ...more } = JSON.parse(stdout);
  assert.deepEqual(more, {});
  assert.equal(success, true);
  assert.equal(version, VERSION);
  assert.match(deno, /^\d+\.\d+\.\d+/);
  assert.match(v8, /^\d+\.\d+/);
  assert.equal(target, Deno.build.target);
  if (testedExecutable() === null) {
    assert.deepEqual([commit, date, form], [null, null, "source"]);
  } else {
    assert.match(commit, /^[0-9a-f]{7,64}(?:-dirty)?$/);
    assert.match(date, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    assert.match(form, /^(?:compiled|self-extracting|npm)$/);
  }
});

Deno.test("the source says nothing of a build: only a stage does", () => {
  assert.equal(BUILD, null);
});
