/**
 * Runs the tests: `deno task test [PATH …] [FLAGS]`, everything under tests/ by default. Flags of `deno test` are
 * handed on. Everything runs in parts, several at once: most tests of whole peers wait more than they work.
 */
import { runTests, runTogether, splitArguments, type TestRun } from "./test_run.ts";

/** So many parts at once, on two cores. */
const TOGETHER = 3;
const PART_FILES_MAX = 8;
/** They take longest: begun last, they would go on alone. */
const FIRST: readonly string[] = ["integration", "build", "e2e", "peer"];

/** @returns the test files of each folder of tests/, in parts */
function allParts(): TestRun[] {
  const files = filesBelow("tests").sort();
  const parts = Map.groupBy(files, (path) => path.split("/")[1]!);
  const rank = (folder: string) => FIRST.includes(folder) ? FIRST.indexOf(folder) : FIRST.length;
  const folders = [...parts.keys()].sort((a, b) => rank(a) - rank(b));
  return folders.flatMap((folder) => {
    const paths = parts.get(folder)!;
    const starts = paths.keys().filter((at) => at % PART_FILES_MAX === 0);
    return [...starts].map((at) => ({ paths: paths.slice(at, at + PART_FILES_MAX), flags }));
  });
}

function filesBelow(directory: string): string[] {
  return Array.from(Deno.readDirSync(directory)).flatMap(({ name, isDirectory }) => {
    const path = `${directory}/${name}`;
    if (isDirectory) return name === "node_modules" ? [] : filesBelow(path);
    return name.endsWith("_test.ts") ? [path] : [];
  });
}

const { paths, flags } = splitArguments(Deno.args);
const code = paths.length > 0
  ? await runTests({ paths, flags })
  : await runTogether(allParts(), TOGETHER);
Deno.exit(code);
