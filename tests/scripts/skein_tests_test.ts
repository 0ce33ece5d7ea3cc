/** Which tests an executable is tested with: every one that starts Skein, and no other. */
import assert from "node:assert/strict";
import { findTests, KEEPS_STATE, STARTS_SKEIN } from "../../scripts/skein_tests.ts";
import { splitArguments } from "../../scripts/test_run.ts";

Deno.test("tests that start Skein are found by what they import, in folders and files", async () => {
  const folder = await Deno.makeTempDir({ prefix: "skein-tests-" });
  try {
    await Deno.mkdir(`${folder}/deep`);
    const files = {
      "a_test.ts": 'import { skein } from "./skein_process.ts";',
      "deep/b_test.ts": 'import {\n  skeinCommand,\n} from "../../skein_command.ts";',
      "deep/harness.ts": 'import { skein } from "../skein_process.ts";',
      "pure_test.ts": 'import { plan } from "../../src/cli/cluster_plan.ts";',
    };
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    const expected = [`${folder}/a_test.ts`, `${folder}/deep/b_test.ts`];
    assert.deepEqual(await findTests([`${folder}/`], STARTS_SKEIN), expected);
    assert.deepEqual(await findTests([`${folder}/deep`, folder], STARTS_SKEIN), expected);
    assert.deepEqual(await findTests([`${folder}/pure_test.ts`], STARTS_SKEIN), []);
    await assert.rejects(() => findTests([`${folder}/none`], STARTS_SKEIN), Deno.errors.NotFound);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("of this repository's, tests of the command line and of clusters are among them", async () => {
  const found = await findTests(["tests"], STARTS_SKEIN);
  assert.ok(found.includes("tests/cli/run_test.ts"), found.join());
  assert.ok(found.includes("tests/integration/kill_test.ts"), found.join());
  assert.ok(!found.includes("tests/cli/cluster_plan_test.ts"), found.join());
  const keeping = await findTests(["tests"], KEEPS_STATE);
  for (const path of [...found, "tests/peer/queue_test.ts", "tests/storage/redis_test.ts"]) {
    assert.ok(keeping.includes(path), path);
  }
  assert.ok(!keeping.includes("tests/storage/log_test.ts"), keeping.join());
});

Deno.test("flags are told from paths", () => {
  const args = ["tests/cli", "--filter=lock", "a_test.ts"];
  assert.deepEqual(splitArguments(args), {
    paths: ["tests/cli", "a_test.ts"],
    flags: ["--filter=lock"],
  });
});
