/** What people are told where the process was started with too few rights: what was tried, and how it is allowed. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { notAllowed } from "../../src/cli/not_allowed.ts";
import { fixedFlags } from "../../src/cli/rights.ts";

const PROGRAM = fileURLToPath(new URL("../..", import.meta.url));

/** Starts the source with all that it needs but the paths that the command line names. */
async function withoutPaths(args: readonly string[], environment = {}) {
  const rights = [
    ...fixedFlags(["net", "env", "sys"]),
    `--allow-read=${PROGRAM},/etc/alpine-release`,
    `--allow-ffi=${PROGRAM}`,
  ];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--quiet", ...rights, `${PROGRAM}/src/main.ts`, ...args],
    env: environment,
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("a data directory that may not be written is named, and so is the way to allow it", async () => {
  const args = ["run", "--http", "0", "--data", "/nowhere/data"];
  const { code, stderr } = await withoutPaths(args);
  assert.equal(code, 2);
  assert.match(stderr, /^skein: not allowed to write "\/nowhere\/data"; allowed: what a flag, /);
  const json = await withoutPaths([...args, "--json"]);
  assert.equal(JSON.parse(json.stdout).error, "NOT_ALLOWED");
});

Deno.test("a file of a setting that may not be read is wrong configuration", async () => {
  const { code, stderr } = await withoutPaths(["run", "--http", "0"], { TOKEN_FILE: "/no/token" });
  assert.equal(code, 2);
  assert.match(stderr, /"\/no\/token" named by TOKEN_FILE: not allowed to read "\/no\/token"; /);
  assert.doesNotMatch(stderr, /--allow-read/);
});

Deno.test("a refusal is found behind what it caused, and nothing else is taken for one", () => {
  const refusal = new Error('Requires run access to "sh", run again with the --allow-run flag');
  assert.equal(
    notAllowed(new Error("cannot run sh", { cause: refusal })),
    'not allowed (run): "sh"; the command does not ask for it, or has given it up',
  );
  for (const other of [new Error("Requires patience"), "Requires", null, undefined]) {
    assert.equal(notAllowed(other), null);
  }
});
