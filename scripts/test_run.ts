/**
 * One run of `deno test`. The runner's output streams through as it is; the counts come from its JUnit report, and
 * the last line is always the plain `N passed, N failed`, alone, for scripts and people. Types are the
 * business of `deno task check`, so that a test starts at once.
 */
import { formatCounts, readCounts } from "./test_counts.ts";

export interface TestRun {
  readonly paths: readonly string[];
  /** Handed on to `deno test`. */
  readonly flags: readonly string[];
  /** Beside the variables that are set already. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** @returns the runner's exit code */
export async function runTests({ paths, flags, environment = {} }: TestRun): Promise<number> {
  const reportPath = await Deno.makeTempFile({ prefix: "skein-tests-", suffix: ".xml" });
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "--allow-all", "--no-check", `--junit-path=${reportPath}`, ...flags, ...paths],
    env: { ...environment },
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  console.log(formatCounts(readCounts(await Deno.readTextFile(reportPath), code)));
  await Deno.remove(reportPath);
  return code;
}

export interface TestArguments {
  readonly paths: readonly string[];
  readonly flags: readonly string[];
}

/** What begins with a dash is a flag of `deno test`, anything else a path. */
export function splitArguments(args: readonly string[]): TestArguments {
  return {
    paths: args.filter((argument) => !argument.startsWith("-")),
    flags: args.filter((argument) => argument.startsWith("-")),
  };
}
