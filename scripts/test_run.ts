/**
 * Runs of `deno test`. The output of a single one streams through as it is; of several at once it follows when each has
 * ended. The counts come from their JUnit reports, and the last line is always the plain `N passed, N failed`,
 * alone, for scripts and people. Types are the business of `deno task check`, so that a test starts at once.
 */
import { addCounts, formatCounts, readCounts, type TestCounts } from "./test_counts.ts";
import { failureText } from "./test_failures.ts";

export interface TestRun {
  readonly paths: readonly string[];
  /** Handed on to `deno test`. */
  readonly flags: readonly string[];
  /** Beside the variables that are set already. */
  readonly environment?: Readonly<Record<string, string>>;
}

interface Ended {
  readonly code: number;
  readonly counts: TestCounts;
  /** What it said, where that was kept back. */
  readonly output: Deno.CommandOutput | null;
}

/** @returns the exit code */
export async function runTests(run: TestRun): Promise<number> {
  const { code, counts } = await runOne(run, "inherit");
  console.log(formatCounts(counts));
  return code;
}

/**
 * Runs them each in a process of its own, in this order, and shows what each said once it has ended; last, once more,
 * what failed.
 * @param together so many at once
 * @returns the exit code: that of the first that failed
 */
export async function runTogether(runs: readonly TestRun[], together: number): Promise<number> {
  const ended: Ended[] = [];
  const waiting = runs.values();
  const company = { SKEIN_TESTS_TOGETHER: String(together) };
  let shown = Promise.resolve();
  await Promise.all(Array.from({ length: together }, async () => {
    for (const run of waiting) {
      const environment = { ...run.environment, ...company };
      const one = await runOne({ ...run, environment }, "piped");
      ended.push(one);
      shown = shown.then(() => show(one.output!));
    }
  }));
  await shown;
  for (const { code, output } of ended) {
    if (code !== 0) console.log(failureText(decode(output!.stdout), decode(output!.stderr)));
  }
  console.log(formatCounts(addCounts(ended.map(({ counts }) => counts))));
  return ended.find(({ code }) => code !== 0)?.code ?? 0;
}

/**
 * Runs them one after the other.
 * @param runs by what they are called in the lines of counts that come last
 * @returns as `runTests`
 */
export async function runInTurn(runs: ReadonlyMap<string, TestRun>): Promise<number> {
  const ended = new Map<string, Ended>();
  for (const [name, run] of runs) ended.set(name, await runOne(run, "inherit"));
  for (const [name, { counts }] of ended) console.log(`${name}: ${formatCounts(counts)}`);
  const all = [...ended.values()];
  console.log(formatCounts(addCounts(all.map(({ counts }) => counts))));
  return all.find(({ code }) => code !== 0)?.code ?? 0;
}

async function runOne(
  { paths, flags, environment = {} }: TestRun,
  output: "inherit" | "piped",
): Promise<Ended> {
  const reportPath = await Deno.makeTempFile({ prefix: "skein-tests-", suffix: ".xml" });
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", "--allow-all", "--no-check", `--junit-path=${reportPath}`, ...flags, ...paths],
    env: { ...environment },
    stdin: output === "inherit" ? "inherit" : "null",
    stdout: output,
    stderr: output,
  }).spawn();
  const kept = output === "piped" ? await child.output() : null;
  const { code } = await child.status;
  const counts = readCounts(await Deno.readTextFile(reportPath), code);
  await Deno.remove(reportPath);
  return { code, counts, output: kept };
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

async function show({ stdout, stderr }: Deno.CommandOutput): Promise<void> {
  const whole = { preventClose: true };
  await new Blob([stdout]).stream().pipeTo(Deno.stdout.writable, whole);
  await new Blob([stderr]).stream().pipeTo(Deno.stderr.writable, whole);
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
