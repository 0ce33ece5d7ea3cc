/**
 * The executable as whoever gets it meets it: it needs nothing beside it, starts fast, and is not too large. Runs
 * where SKEIN_TEST_EXECUTABLE names one, as `deno task test:compiled` does.
 */
import assert from "node:assert/strict";
import { skeinCommand, testedExecutable } from "../skein_command.ts";
import { LoneMachine, whyNoLoneMachine } from "./lone_machine.ts";
import { freePorts } from "./skein_process.ts";

/** What is aimed at, on a machine that does nothing else. */
const START_MS: Readonly<Record<string, number>> = { "compiled": 300, "self-extracting": 500 };
const FIRST_START_MS = 3_000;
/** Tests share their cores, with each other and with whatever else CI does: so much later is no failure yet. */
const CI_MARGIN = 3;
const COMPILED_BYTES_MAX = 125_000_000;
const WARM_STARTS = 7;
const FIRST_STARTS = 3;
const ROUNDS_MAX = 3;
const DEADLINE_MS = 30_000;

const executable = testedExecutable();
const noMachine = executable === null ? null : whyNoLoneMachine();

function executableTest(name: string, test: (executable: string) => Promise<void>): void {
  const reason = executable === null ? " (left out: SKEIN_TEST_EXECUTABLE is not set)" : "";
  Deno.test({ name: name + reason, ignore: executable === null, fn: () => test(executable!) });
}

async function formOf(): Promise<string> {
  const { stdout } = await skeinCommand(["version", "--json"]).output();
  return JSON.parse(new TextDecoder().decode(stdout)).form;
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1]!;
}

/** @returns the time from exec until it says that it is healthy; it is killed then */
async function startMs(environment: Readonly<Record<string, string>>): Promise<number> {
  const [httpPort, peerPort] = freePorts(2) as [number, number];
  const beganMs = performance.now();
  const child = skeinCommand(
    ["run", "--name=p", `--http=${httpPort}`, `--listen=127.0.0.1:${peerPort}`],
    { environment, stdout: "null" },
  ).spawn();
  const said = child.stderr.text();
  try {
    while (!await isHealthy(httpPort)) {
      if (performance.now() - beganMs > DEADLINE_MS) child.kill("SIGKILL");
      const ended = await Promise.race([child.status, pause()]);
      if (ended !== undefined) assert.fail(`it ended with ${ended.code}: ${await said}`);
    }
    return Math.round(performance.now() - beganMs);
  } finally {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await child.status;
    await said;
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 3));
}

async function isHealthy(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/health`);
    await response.body?.cancel();
    return response.ok;
  } catch (error) {
    // Not listening yet.
    if (error instanceof TypeError) return false;
    throw error;
  }
}

/**
 * Measures until a median is as good as it should be, a few times at most: others may keep the cores busy for a while.
 * @param start one start, which says how long it took
 */
async function assertStarts(
  what: string,
  count: number,
  limitMs: number,
  start: (number: number) => Promise<number>,
): Promise<void> {
  let bestMs = Infinity;
  for (let round = 0; round < ROUNDS_MAX && bestMs >= limitMs; round++) {
    const times: number[] = [];
    while (times.length < count) times.push(await start(round * count + times.length));
    console.log(`${what}: ${median(times)} ms, median of ${times.join(", ")}`);
    bestMs = Math.min(bestMs, median(times));
  }
  const allowedMs = limitMs * CI_MARGIN;
  console.log(
    `${what}: ${bestMs} ms from exec to healthy; aimed at ${limitMs}, allowed ${allowedMs}`,
  );
  assert.ok(bestMs < allowedMs, `${what}: ${bestMs} ms`);
}

executableTest("the executable is no larger than it should be", async (path) => {
  const { size } = await Deno.stat(path);
  const form = await formOf();
  console.log(`${form}: ${(size / 1_000_000).toFixed(1)} MB`);
  if (form === "compiled") assert.ok(size <= COMPILED_BYTES_MAX, `${size} bytes`);
});

executableTest("it starts fast, the first time and later", async () => {
  const limitMs = START_MS[await formOf()];
  assert.ok(limitMs !== undefined, "an executable of either form");
  const root = await Deno.makeTempDir({ prefix: "skein-starts-" });
  const environment = (place: string) => ({
    HOME: `${root}/${place}`,
    XDG_CACHE_HOME: `${root}/${place}/cache`,
    TMPDIR: root,
    DATA_DIR: `${root}/${place}/data`,
  });
  try {
    const first = (number: number) => startMs(environment(`home-${number}`));
    await assertStarts("first start", FIRST_STARTS, FIRST_START_MS, first);
    const warm = () => startMs(environment("home-0"));
    await assertStarts("warm start", WARM_STARTS, limitMs, warm);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

const leftOut = noMachine === null ? "" : ` (left out: ${noMachine})`;
Deno.test({
  name: `it needs no network, no home, no Deno and no Node${leftOut}`,
  ignore: executable === null || noMachine !== null,
  async fn() {
    await using machine = await LoneMachine.make();
    const inside = new URL("executable_alone.ts", import.meta.url).pathname;
    // Both are the test's: the executable under test gets neither this folder nor a Deno that calls itself node.
    const cache = await Deno.makeTempDir({ prefix: "skein-alone-deno-" });
    try {
      const { code, output } = await machine.run(
        Deno.execPath(),
        ["run", "--allow-all", "--no-check", "--quiet", inside],
        { SKEIN_TEST_EXECUTABLE: executable!, DENO_DIR: cache, DENO_DISABLE_NODE_SHIM: "1" },
      );
      console.log(output.trimEnd());
      assert.equal(code, 0);
      // Only what it unpacked.
      const left = [...Deno.readDirSync(machine.home)].map(({ name }) => name);
      assert.deepEqual(left, await formOf() === "compiled" ? [] : [".cache"]);
    } finally {
      await Deno.remove(cache, { recursive: true });
    }
  },
});
