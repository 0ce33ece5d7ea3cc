/**
 * `deno task bench:peers`: Skein and other systems in turn on this one machine, under the same closed-loop load
 * with the same number of clients. Prints ratios of one run, which mean more than its figures, and keeps them
 * with machine and date in `bench/results.md` where that is asked for.
 */
import { parseArgs } from "node:util";
import { EVENTS } from "./events_suite.ts";
import { LOCKS } from "./locks_suite.ts";
import { QUEUES } from "./queues_suite.ts";
import { dateAndMachine, renderAims, renderComparison, saveSection } from "./report.ts";
import { type Measured, measureSystem, type Suite, type SystemUnderTest } from "./suite.ts";

const REFERENCE = "skein";
const SUITES = ["locks", "queues", "events"];

const HELP = `deno task bench:peers [FLAGS]
  --suite NAME,…    ${SUITES.join(", ")}; all by default
  --only NAME,…     these systems alone: skein, etcd, nats, nats.js, beanstalkd, bullmq
  --load TEXT       only loads whose name contains it
  --seconds N       of each load, after 2 s of warming up; 8 by default
  --json            the results as JSON instead of tables
  --save            writes bench/results.md; of whole suites
`;

const { values } = parseArgs({
  options: {
    suite: { type: "string", default: SUITES.join(",") },
    only: { type: "string", default: "" },
    load: { type: "string", default: "" },
    seconds: { type: "string", default: "8" },
    json: { type: "boolean", default: false },
    save: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
if (values.help) {
  console.log(HELP);
  Deno.exit(0);
}
const durationMs = Number(values.seconds) * 1_000;
if (!(durationMs > 0)) fail(`--seconds must be a number above 0, not ${values.seconds}`);
if (values.save && (values.only !== "" || values.load !== "")) {
  fail("--save keeps all of a suite: leave out --only and --load");
}
const wanted = values.suite.split(",");
for (const name of wanted) {
  if (!SUITES.includes(name)) fail(`there is no suite ${name}, only ${SUITES.join(", ")}`);
}
if (wanted.includes("locks")) await runSuite(LOCKS);
if (wanted.includes("queues")) await runSuite(QUEUES);
if (wanted.includes("events")) await runSuite(EVENTS);
// Clients of other systems may leave timers behind.
Deno.exit(0);

async function runSuite<S extends SystemUnderTest>(suite: Suite<S>): Promise<void> {
  const only = values.only === "" ? null : values.only.split(",");
  const loads = suite.loads.filter(({ name }) => name.includes(values.load));
  const measured: Measured[] = [];
  const notes: string[] = [];
  for (const { name, start } of suite.starts) {
    if (only !== null && !only.includes(name)) continue;
    const system = await start();
    if (system === null) continue;
    try {
      measured.push(...await measureSystem(system, loads, durationMs));
      notes.push(...system.notes);
    } finally {
      await system.stop();
    }
  }
  const aims = renderAims(suite.aims, measured);
  const listed = notes.map((note) => `- ${note}`).join("\n");
  const report = [renderComparison(loads, measured, REFERENCE), listed, aims]
    .filter((part) => part !== "").join("\n\n");
  console.log(
    values.json
      ? JSON.stringify({ suite: suite.name, machine: dateAndMachine(), measured, notes })
      : report,
  );
  if (values.save) saveSection(suite.name, suite.title, report);
}

function fail(reason: string): never {
  console.error(`${reason}\n\n${HELP}`);
  Deno.exit(2);
}
