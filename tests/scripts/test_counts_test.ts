/** The last line of a run of tests: counted from the report, never kinder than the exit code. */
import assert from "node:assert/strict";
import { addCounts, formatCounts, readCounts } from "../../scripts/test_counts.ts";

const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="5" failures="1" errors="0" time="0.131">
  <testsuite name="./a_test.ts" tests="5" disabled="1" errors="0" failures="1">
    <testcase name="plain" classname="./a_test.ts" time="0.000"></testcase>
    <testcase name="self-closing" classname="./a_test.ts" time="0.000" />
    <testcase name="left out" classname="./a_test.ts"><skipped/></testcase>
    <testcase name="a &lt;failure&gt; in a name" classname="./a_test.ts"></testcase>
    <testcase name="broken" classname="./a_test.ts">
      <failure message="Uncaught Error: x">Error: &lt;testcase&gt;</failure>
    </testcase>
  </testsuite>
</testsuites>`;

Deno.test("counts come from the report", () => {
  assert.deepEqual(readCounts(REPORT, 1), { passed: 3, failed: 1, skipped: 1 });
});

Deno.test("a run that failed never shows 0 failed", () => {
  assert.deepEqual(readCounts("", 1), { passed: 0, failed: 1, skipped: 0 });
  assert.deepEqual(readCounts('<testcase name="a"></testcase>', 1).failed, 1);
});

Deno.test("the line is plain, and names what was skipped only where something was", () => {
  assert.equal(formatCounts({ passed: 12, failed: 0, skipped: 0 }), "12 passed, 0 failed");
  assert.equal(formatCounts({ passed: 1, failed: 2, skipped: 3 }), "1 passed, 2 failed, 3 skipped");
});

Deno.test("several runs count as one", () => {
  const counts = [{ passed: 2, failed: 0, skipped: 1 }, { passed: 3, failed: 1, skipped: 0 }];
  assert.deepEqual(addCounts(counts), { passed: 5, failed: 1, skipped: 1 });
});
