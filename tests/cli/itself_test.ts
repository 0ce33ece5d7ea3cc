/** How the program starts itself: compiled, by a launcher, or from source with the rights of that command line. */
import assert from "node:assert/strict";
import { callItself } from "../../src/cli/itself.ts";
import { launchFlags } from "../../src/cli/launch_flags.ts";
import { RUNTIME_FLAGS } from "../../src/cli/runtime_flags.ts";

const SOURCE = { execPath: "/bin/deno", compiled: false, main: "file:///opt/skein/src/main.ts" };

Deno.test("compiled it is the executable, whatever the environment says", () => {
  const origin = { ...SOURCE, execPath: "/bin/skein", compiled: true };
  const call = callItself(["run"], { SKEIN_EXECUTABLE: "/bin/other" }, origin);
  assert.deepEqual(call, { program: "/bin/skein", args: ["run"] });
});

Deno.test("where a launcher started it the launcher is called", () => {
  const call = callItself(["run", "--http=1"], { SKEIN_EXECUTABLE: "/bin/skein" }, SOURCE);
  assert.deepEqual(call, { program: "/bin/skein", args: ["run", "--http=1"] });
});

Deno.test("from source it is Deno, with what a launcher would allow", () => {
  for (const environment of [{}, { SKEIN_EXECUTABLE: "" }]) {
    const args = ["run", "--data=d"];
    const readFile = () => assert.fail("no configuration is named");
    const flags = launchFlags({ args, environment, readFile, programFolder: "/opt/skein" });
    assert.deepEqual(callItself(args, environment, SOURCE), {
      program: "/bin/deno",
      args: ["run", "--quiet", ...RUNTIME_FLAGS, ...flags, SOURCE.main, ...args],
    });
  }
});
