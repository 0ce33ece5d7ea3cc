/**
 * `deno task test:compiled [PATH …] [FLAGS]`: the tests that start Skein as a process, run against a built
 * executable. It is the one that SKEIN_TEST_EXECUTABLE names, or else that of `deno task compile`, built where it is
 * missing or older than what it is made of. Paths and flags are those of `deno task test`.
 */
import { resolve } from "node:path";
import { hostTarget } from "./build/targets.ts";
import { findTests, STARTS_SKEIN } from "./skein_tests.ts";
import { runTests, splitArguments, type TestArguments } from "./test_run.ts";

const REPOSITORY = resolve(`${import.meta.dirname}/..`);
const FOLDERS = ["tests/integration", "tests/e2e", "tests/cli"];
/** What an executable is made of; a newer file means another executable. */
const SOURCES = ["src", "scripts/build", "scripts/compile.ts", "deno.json", "deno.lock"];

async function main(): Promise<number> {
  try {
    return await testExecutable(splitArguments(Deno.args));
  } catch (error) {
    console.error(`test:compiled: ${error instanceof Error ? error.message : error}`);
    return 1;
  }
}

/** @throws {Error} when there is nothing to run the tests against */
async function testExecutable({ paths, flags }: TestArguments): Promise<number> {
  const tests = await findTests(paths.length > 0 ? paths : FOLDERS, STARTS_SKEIN);
  if (tests.length === 0) throw new Error(`no test in ${paths.join(", ")} starts Skein`);
  const named = Deno.env.get("SKEIN_TEST_EXECUTABLE");
  const executable = named === undefined ? await builtExecutable() : resolve(named);
  // Whatever it unpacks is this run's own: nothing of an earlier one is tested, and nothing stays.
  const cache = await Deno.makeTempDir({ prefix: "skein-test-cache-" });
  // Ctrl-C reaches the tests themselves; here it only must not end what removes the cache.
  Deno.addSignalListener("SIGINT", () => {});
  try {
    const environment = { SKEIN_TEST_EXECUTABLE: executable, XDG_CACHE_HOME: cache };
    console.log(await describe(executable, environment));
    return await runTests({ paths: tests, flags, environment });
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

/** @throws {Error} when it cannot be built */
async function builtExecutable(): Promise<string> {
  const { version } = JSON.parse(await Deno.readTextFile(`${REPOSITORY}/deno.json`));
  const { triple, executableSuffix } = hostTarget();
  const path = `${REPOSITORY}/dist/skein-${version}-${triple}${executableSuffix}`;
  if (await changedMs(path) > await newestChangeMs()) return path;
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "compile", "--output", path],
    cwd: REPOSITORY,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  if (code !== 0) throw new Error(`there is no executable to test: exit code ${code}`);
  return path;
}

async function newestChangeMs(): Promise<number> {
  let newestMs = 0;
  const visit = async (path: string): Promise<void> => {
    newestMs = Math.max(newestMs, await changedMs(path));
    if (!(await Deno.stat(path)).isDirectory) return;
    for await (const { name } of Deno.readDir(path)) await visit(`${path}/${name}`);
  };
  for (const source of SOURCES) await visit(`${REPOSITORY}/${source}`);
  return newestMs;
}

/** @returns 0 for what is not there */
async function changedMs(path: string): Promise<number> {
  try {
    return (await Deno.stat(path)).mtime!.getTime();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return 0;
    throw error;
  }
}

/** One line on what is tested. @throws {Error} when it does not run */
async function describe(
  executable: string,
  environment: Readonly<Record<string, string>>,
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(executable, {
    args: ["version", "--json"],
    env: { ...environment },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  if (code !== 0) {
    throw new Error(`${executable} does not run: exit code ${code}, ${decoder.decode(stderr)}`);
  }
  const { form, version, commit, deno } = JSON.parse(decoder.decode(stdout));
  const { size } = await Deno.stat(executable);
  const megabytes = (size / 1_000_000).toFixed(1);
  return `testing ${executable}: ${form}, ${megabytes} MB, ` +
    `skein ${version} of commit ${commit ?? "unknown"}, deno ${deno}`;
}

Deno.exit(await main());
