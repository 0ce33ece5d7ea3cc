/**
 * Runs the tests: `deno task test [PATH …] [FLAGS]`, everything under tests/ by default. The runner's output
 * streams through as it is; the counts come from its JUnit report, and the last line is always the
 * plain `N passed, N failed`, alone, for scripts and people. Flags of `deno test` are handed on.
 * Types are the business of `deno task check`, so that a test starts at once.
 */
import { formatCounts, readCounts } from "./test_counts.ts";

const paths = Deno.args.filter((argument) => !argument.startsWith("-"));
const flags = Deno.args.filter((argument) => argument.startsWith("-"));
const reportPath = await Deno.makeTempFile({ prefix: "skein-tests-", suffix: ".xml" });

const { code } = await new Deno.Command(Deno.execPath(), {
  args: [
    "test",
    "--allow-all",
    "--no-check",
    `--junit-path=${reportPath}`,
    ...flags,
    ...(paths.length > 0 ? paths : ["tests"]),
  ],
  stdin: "inherit",
  stdout: "inherit",
  stderr: "inherit",
}).output();

console.log(formatCounts(readCounts(await Deno.readTextFile(reportPath), code)));
await Deno.remove(reportPath);
Deno.exit(code);
