/**
 * Runs the tests: `deno task test [PATH …] [FLAGS]`, everything under tests/ by default. Flags of `deno test` are
 * handed on. Everything runs in two processes at once: most tests of whole peers wait more than they work.
 */
import { runTests, splitArguments } from "./test_run.ts";

/** Folders that take long, and that nobody beside them disturbs: they build, or wait for peers of one process. */
const BESIDE: readonly string[] = ["build", "peer", "sim"];

const { paths, flags } = splitArguments(Deno.args);
if (paths.length > 0) Deno.exit(await runTests({ paths, flags }));
const all = Array.from(Deno.readDirSync("tests"))
  .filter(({ name, isDirectory }) => isDirectory || name.endsWith("_test.ts"))
  .map(({ name }) => name).sort();
const pathsOf = (names: readonly string[]) => names.map((name) => `tests/${name}`);
const others = all.filter((name) => !BESIDE.includes(name));
Deno.exit(await runTests({ paths: pathsOf(others), flags }, { paths: pathsOf(BESIDE), flags }));
