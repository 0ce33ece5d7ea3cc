/**
 * How a self-extracting executable unpacks itself: many at once, interrupted and killed at every step, from a damaged
 * file; and which copies it removes later.
 */
import assert from "node:assert/strict";
import { eventually } from "../eventually.ts";
import { TinyExecutable, TOOLS, which } from "./tiny_executable.ts";

const TOGETHER = 10;
const DEADLINE_MS = 20_000;
const WITHOUT_FLOCK = TOOLS.filter((name) => name !== "flock");

/** Of all that lies in its folder, what says which copy counts, and the copies. */
async function namesIn(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) if (name !== "lock") names.push(name);
  return names.sort();
}

for (const tools of [TOOLS, WITHOUT_FLOCK]) {
  const how = tools === TOOLS ? "with flock" : "without flock";
  Deno.test(`${how}, many first starts at once all run, and one copy remains`, async () => {
    await using executable = await TinyExecutable.build();
    await executable.useTools(tools);
    const started = await Promise.all(
      Array.from({ length: TOGETHER }, () => executable.startsQuietly()),
    );
    assert.equal(started.length, TOGETHER);
    const [pointer, copy, ...others] = await namesIn(executable.folder);
    assert.deepEqual(others, []);
    assert.ok(copy!.startsWith(`${pointer}.`));
    assert.ok(started.every((words) => words.includes(`/${copy}/program/src/main.ts\0`)));
  });
}

Deno.test("many starts at once that find a bad copy all run, from a sound one", async () => {
  await using executable = await TinyExecutable.build();
  await executable.startsQuietly();
  const bad = await executable.copy();
  await Deno.writeTextFile(`${bad}/program/src/main.ts`, "evil");
  const started = await Promise.all(Array.from({ length: TOGETHER }, () => executable.start()));
  assert.ok(started.every(({ code }) => code === 0));
  assert.ok(started.every(({ stdout }) => !stdout.includes(bad)));
  const said = started.filter(({ stderr }) => stderr !== "");
  assert.equal(said.length, 1, "one of them has replaced it");
});

/** A tool that tells that it was reached, by a file with its process id, and goes on once that file is gone. */
async function stopAt(executable: TinyExecutable, tool: string): Promise<string> {
  const reached = `${executable.directory}/reached-${tool}`;
  // By their whole paths: a tool of these names may be this script itself.
  const [sleep, mv] = [await which("sleep"), await which("mv")];
  const script = `#!/bin/sh
echo $$ > ${reached}.new && ${mv} ${reached}.new ${reached}
while [ -e ${reached} ]; do ${sleep} 0.02; done
exec ${await which(tool)} "$@"
`;
  await executable.useTools(TOOLS, { [tool]: script });
  return reached;
}

async function processAt(reached: string): Promise<number> {
  return await eventually("the tool is reached", DEADLINE_MS, async () => {
    return Number(await Deno.readTextFile(reached));
  });
}

for (const tool of ["mktemp", "tail", "gzip", "tar", "stat", "sha256sum", "ln"]) {
  Deno.test(`killed at ${tool}, it leaves nothing that stops the next start, which cleans up`, async () => {
    await using executable = await TinyExecutable.build();
    const reached = await stopAt(executable, tool);
    const child = executable.command().spawn();
    const output = child.output();
    const pid = await processAt(reached);
    child.kill("SIGKILL");
    await child.status;
    // What it had started is gone as well, as after a loss of power.
    Deno.kill(pid, "SIGKILL");
    await output;

    await executable.useTools(TOOLS);
    await executable.startsQuietly();
    const copy = await executable.copy();
    assert.deepEqual(await namesIn(executable.folder), [
      copy.split("/").at(-1)!.replace(/\.\w+$/, ""),
      copy.split("/").at(-1)!,
    ]);
  });
}

for (const [signal, code] of [["SIGTERM", 143], ["SIGINT", 130], ["SIGHUP", 129]] as const) {
  Deno.test(`${signal} while it unpacks ends it with ${code}, and it leaves nothing`, async () => {
    await using executable = await TinyExecutable.build();
    const reached = await stopAt(executable, "tar");
    const child = executable.command().spawn();
    const output = child.output();
    await processAt(reached);
    child.kill(signal);
    await Deno.remove(reached);
    assert.equal((await output).code, code);
    assert.deepEqual(await namesIn(executable.folder), []);
  });
}

Deno.test("whoever comes while another unpacks waits for it", async () => {
  await using executable = await TinyExecutable.build();
  const unpacking = await stopAt(executable, "tar");
  const first = executable.start();
  await processAt(unpacking);
  const waiting = await stopAt(executable, "sleep");
  const second = executable.start();
  await processAt(waiting);
  assert.equal((await executable.copies()).length, 1);
  await Deno.remove(unpacking);
  assert.equal((await first).code, 0);
  await Deno.remove(waiting);
  assert.equal((await second).code, 0);
  await executable.copy();
});

Deno.test("killed at any moment, again and again, it starts afterwards and one copy remains", async () => {
  await using executable = await TinyExecutable.build();
  for (let delayMs = 0; delayMs < 40; delayMs++) {
    const child = executable.command().spawn();
    const output = child.output();
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    try {
      child.kill("SIGKILL");
    } catch {
      // It was faster.
    }
    await output;
  }
  await executable.startsQuietly();
  // Whatever was left is removed by whoever unpacks next.
  await executable.rebuild("1.2.4");
  await executable.startsQuietly();
  assert.equal((await executable.copies()).length, 2);
});

Deno.test("a file that is cut short or damaged is refused, and leaves nothing", async () => {
  await using executable = await TinyExecutable.build();
  const whole = await Deno.readFile(executable.path);
  const damaged = whole.slice();
  damaged[whole.length - 200]! ^= 0xff;
  for (const bytes of [whole.slice(0, -100), whole.slice(0, -600), damaged]) {
    await Deno.writeFile(executable.path, bytes);
    const { code, stderr } = await executable.start();
    assert.equal(stderr, `skein: ${executable.path} is damaged or cut short; fetch it again\n`);
    assert.equal(code, 126);
    assert.deepEqual(await namesIn(executable.folder), []);
  }
});

Deno.test("where the runtime does not start it says which machine it is for", async () => {
  await using executable = await TinyExecutable.build();
  const environment = { FAKE_VERSION_CODE: "1" };
  const { code, stderr } = await executable.start({ environment });
  assert.match(stderr, new RegExp(`made for ${Deno.build.target}`));
  assert.equal(code, 126);
  assert.deepEqual(await namesIn(executable.folder), []);
});

Deno.test("of other versions the one started last stays, and every one that runs", async () => {
  await using executable = await TinyExecutable.build();
  const copies = new Map<string, string>();
  const keep = async (version: string) => {
    const known = new Set(copies.values());
    const present = await executable.copies();
    copies.set(version, present.find((copy) => !known.has(copy))!);
    return present.map((copy) => [...copies].find(([, each]) => each === copy)?.[0]);
  };
  const build = async (version: string) => {
    await executable.rebuild(version);
    await executable.startsQuietly();
    return await keep(version);
  };
  assert.deepEqual(await build("1.0.0"), ["1.0.0"]);
  assert.deepEqual(await build("1.1.0"), ["1.0.0", "1.1.0"]);
  await executable.rebuild("1.0.0");
  await executable.startsQuietly();
  // 1.0.0 was started last, so 1.1.0 goes.
  assert.deepEqual(await build("1.2.0"), ["1.0.0", "1.2.0"]);

  await executable.rebuild("1.0.0");
  const running = executable.command({ environment: { FAKE_RUNTIME: "wait" } }).spawn();
  const output = running.output();
  await eventually("it runs", DEADLINE_MS, async () => {
    assert.match(await Deno.readTextFile(`/proc/${running.pid}/cmdline`), /program\/deno/);
  });
  await executable.rebuild("1.2.0");
  await executable.startsQuietly();
  // 1.2.0 was started last, and 1.0.0 runs.
  assert.deepEqual(await build("1.3.0"), ["1.0.0", "1.2.0", "1.3.0"]);
  running.kill("SIGTERM");
  assert.equal((await output).code, 7);
  assert.deepEqual(await build("1.4.0"), ["1.3.0", "1.4.0"]);
});

Deno.test("without flock nobody knows what runs, so copies stay for 30 days", async () => {
  await using executable = await TinyExecutable.build();
  await executable.useTools(WITHOUT_FLOCK);
  for (const version of ["1.0.0", "1.1.0", "1.2.0", "1.3.0"]) {
    await executable.rebuild(version);
    await executable.startsQuietly();
  }
  const copies = await executable.copies();
  assert.equal(copies.length, 4);
  for (const [index, daysAgo] of [[0, 31], [1, 29], [2, 1]] as const) {
    const then = new Date(Date.now() - daysAgo * 86_400_000);
    await Deno.utime(`${copies[index]}/used`, then, then);
  }
  await executable.rebuild("1.4.0");
  await executable.startsQuietly();
  assert.deepEqual((await executable.copies()).slice(0, 3), copies.slice(1));
});
