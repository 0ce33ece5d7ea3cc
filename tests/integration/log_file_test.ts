/**
 * The log file of real peers under load: moved away and opened anew, as logrotate does it; kept where that fails; and
 * one that nothing can be written to.
 */
import assert from "node:assert/strict";
import { countDeadlocks, makeDeadlock } from "./deadlocks.ts";
import { eventually, SkeinCluster, type SkeinProcess } from "./skein_process.ts";

const ROTATIONS = 30;
const CLIENTS = 8;
/** Windows has neither SIGHUP nor pipes with a name. */
const ignore = Deno.build.os === "windows";

/** One peer that logs to a file in a directory of its own. */
async function withLogFile(
  test: (peer: SkeinProcess, file: string, directory: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "skein-log-file-" });
  const file = `${directory}/peer.log`;
  try {
    await SkeinCluster.with(
      { peers: 1, flags: ["--log-file", file] },
      async ({ peers: [peer] }) => {
        await test(peer!, file, directory);
      },
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function linesOf(file: string): string[] {
  const lines = Deno.readTextFileSync(file).split("\n");
  assert.equal(lines.pop(), "", `the last line of ${file} ends`);
  return lines;
}

function lastMessage(file: string): string {
  return JSON.parse(linesOf(file).at(-1) ?? "{}").message ?? "";
}

Deno.test(
  "a log that is rotated under load has every line once, and whole",
  { ignore },
  async () => {
    await withLogFile(async (peer, file, directory) => {
      let made = 0;
      let isOver = false;
      const clients = Array.from({ length: CLIENTS }, async () => {
        while (!isOver) await makeDeadlock(peer, made++);
      });
      for (let rotation = 0; rotation < ROTATIONS; rotation++) {
        const before = made;
        Deno.renameSync(file, `${file}.${rotation}`);
        peer.signal("SIGHUP");
        await eventually("it logs to a new file", 20_000, () => Deno.statSync(file));
        await eventually("load", 20_000, () => assert.ok(made > before + CLIENTS));
      }
      isOver = true;
      await Promise.all(clients);
      assert.equal(await peer.metric("skein_log_lines_lost_total"), 0);
      assert.equal((await peer.end("SIGTERM"))?.code, 0);
      const files = [...Deno.readDirSync(directory)].map(({ name }) => `${directory}/${name}`);
      assert.equal(files.length, ROTATIONS + 1);
      const counts = countDeadlocks(files.flatMap(linesOf));
      const expected = Array.from({ length: made }, (_, number) => [number, 1]);
      assert.deepEqual([...counts].toSorted(([left], [right]) => left - right), expected);
      assert.match(lastMessage(file), /stops: SIGTERM$/);
      assert.deepEqual(peer.log, [], "nothing goes to standard error");
      console.log(`${made} lines in ${files.length} files`);
    });
  },
);

Deno.test(
  "where the file cannot be opened anew the former one is kept, and says so",
  { ignore },
  async () => {
    await withLogFile(async (peer, file) => {
      Deno.renameSync(file, `${file}.1`);
      Deno.mkdirSync(file);
      peer.signal("SIGHUP");
      await eventually("it says so", 20_000, () => {
        const expected = /^SIGHUP: the log goes on in its former file: cannot open the log file /;
        assert.match(lastMessage(`${file}.1`), expected);
      });
      await makeDeadlock(peer, 1);
      assert.deepEqual([...countDeadlocks(linesOf(`${file}.1`))], [[1, 1]]);
      Deno.removeSync(file);
      peer.signal("SIGHUP");
      await eventually("the next one succeeds", 20_000, () => {
        assert.match(lastMessage(file), /^SIGHUP: the log goes on in a file opened anew$/);
      });
      assert.equal(await peer.metric("skein_log_lines_lost_total"), 0);
    });
  },
);

Deno.test("lines that nobody takes are counted, told once, and missed when they are taken again", {
  ignore,
}, async () => {
  const directory = await Deno.makeTempDir({ prefix: "skein-log-pipe-" });
  const pipe = `${directory}/pipe`;
  const made = await new Deno.Command("mkfifo", { args: [pipe] }).output();
  assert.ok(made.success);
  let reader = Deno.open(pipe, { read: true });
  try {
    await SkeinCluster.with(
      { peers: 1, flags: ["--log-file", pipe] },
      async ({ peers: [peer] }) => {
        assert.ok(peer !== undefined);
        (await reader).close();
        for (const number of [1, 2, 3]) await makeDeadlock(peer, number);
        assert.equal(await peer.metric("skein_log_lines_lost_total"), 3);
        assert.equal(peer.logged(/^skein: cannot write the log to .*; until it can, lines are/), 1);
        reader = Deno.open(pipe, { read: true });
        using opened = await reader;
        await makeDeadlock(peer, 4);
        const bytes = new Uint8Array(4096);
        const size = await opened.read(bytes);
        const lines = new TextDecoder().decode(bytes.subarray(0, size ?? 0)).trimEnd().split("\n");
        const lost = lines.map((line) => JSON.parse(line).message as string).at(-1) ?? "";
        assert.deepEqual([...countDeadlocks(lines)], [[4, 1]]);
        assert.match(lost, /^3 lines of the log are lost: Broken pipe/);
        assert.equal((await peer.end("SIGTERM"))?.code, 0);
        assert.equal(peer.log.length, 1);
      },
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
