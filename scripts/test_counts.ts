/**
 * What a run of the tests amounts to, from the JUnit report that `deno test` writes. A step counts as a test
 * of its own. A module that fails to load appears in no report, so the exit code has the last word:
 * a run that failed never shows as `0 failed`.
 */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

const TEST_CASE = /<testcase\b[^>]*?(?:\/>|>([\s\S]*?)<\/testcase>)/g;

/**
 * @param report JUnit XML; empty where the run ended before it could be written
 * @param exitCode how the run ended
 */
export function readCounts(report: string, exitCode: number): TestCounts {
  let [passed, failed, skipped] = [0, 0, 0];
  for (const [, outcome = ""] of report.matchAll(TEST_CASE)) {
    if (/<(failure|error)\b/.test(outcome)) failed++;
    else if (/<skipped\b/.test(outcome)) skipped++;
    else passed++;
  }
  if (exitCode !== 0 && failed === 0) failed = 1;
  return { passed, failed, skipped };
}

/** Of several runs together. */
export function addCounts(counts: readonly TestCounts[]): TestCounts {
  const sum = (of: keyof TestCounts) => counts.reduce((total, each) => total + each[of], 0);
  return { passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped") };
}

/** `N passed, N failed`, and `, N skipped` where there are any. */
export function formatCounts({ passed, failed, skipped }: TestCounts): string {
  return `${passed} passed, ${failed} failed` + (skipped > 0 ? `, ${skipped} skipped` : "");
}
