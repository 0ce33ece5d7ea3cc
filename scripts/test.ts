/**
 * Runs the tests: `deno task test [PATH …] [FLAGS]`, everything under tests/ by default. Flags of `deno test` are
 * handed on. Everything runs in two processes at once: most tests of whole peers wait more than they work.
 */
import { runTests, splitArguments } from "./test_run.ts";

/** Folders whose tests start whole peers, and mostly wait for them: as long as all the others. */
const WHOLE_PEERS: readonly string[] = ["integration", "e2e"];

const { paths, flags } = splitArguments(Deno.args);
if (paths.length > 0) Deno.exit(await runTests({ paths, flags }));
const others = Array.from(Deno.readDirSync("tests"))
  .filter(({ name, isDirectory }) => isDirectory || name.endsWith("_test.ts"))
  .map(({ name }) => name)
  .filter((name) => !WHOLE_PEERS.includes(name)).sort();
const pathsOf = (names: readonly string[]) => names.map((name) => `tests/${name}`);
const beside = { paths: pathsOf(others), flags };
Deno.exit(await runTests({ paths: pathsOf(WHOLE_PEERS), flags }, beside));
