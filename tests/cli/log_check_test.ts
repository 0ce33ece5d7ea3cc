/** `skein log check`: its verdicts on a real peer's directory, and that starting the peer comes to the same. */
import assert from "node:assert/strict";
import { freeFirstPort } from "./free_ports.ts";
import { RunningSkein } from "./running_skein.ts";
import { skein } from "./skein_process.ts";
import { logTest } from "../tested_state.ts";

const WHY_LOG = "the command reads a data directory";

/** Runs a peer on the directory until it leads. */
async function withPeer(directory: string, use: () => Promise<void> = async () => {}) {
  await using peer = new RunningSkein(runArgs(directory));
  const [, url = ""] = await peer.wrote(/answers on (http:\/\/127\.0\.0\.1:\d+)/);
  await skein(["lock", "acquire", "report", "--url", url]);
  await use();
  peer.kill("SIGTERM");
  assert.equal(await peer.ended(), 0);
}

function runArgs(directory: string): string[] {
  return ["run", `--http=${freeFirstPort(1)}`, `--data=${directory}`];
}

async function withDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "skein-log-" });
  try {
    await use(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

logTest(
  "a sound directory is told, as text and as JSON; one in use cannot be judged",
  WHY_LOG,
  async () => {
    await withDirectory(async (directory) => {
      await withPeer(directory, async () => {
        const inUse = await skein(["log", "check", directory]);
        assert.equal(inUse.code, 5, inUse.stdout);
      });
      const { code, stdout } = await skein(["log", "check", directory]);
      assert.equal(code, 0);
      assert.ok(stdout.startsWith(`${directory} is sound: `), stdout);
      assert.match(stdout, /\nwal\/0000000000000001\.seg +\d+ +\d+ +\d+\n/);
      assert.match(stdout, /\nGROUP .*\n0 +1 +\d+ +\d+ +2\.\.\d+ +none +0\n/);
      const report = JSON.parse((await skein(["log", "check", directory, "--json"])).stdout);
      assert.deepEqual([report.success, report.verdict], [true, "sound"]);
      assert.equal(report.groups[0].first_index, 2);
      assert.match(report.store_id, /^[0-9a-f]{32}$/);
    });
  },
);

logTest(
  "a flipped byte is exit code 4 with file and offset, and the peer says the same",
  WHY_LOG,
  async () => {
    await withDirectory(async (directory) => {
      await withPeer(directory);
      await withPeer(directory);
      const segment = `${directory}/wal/0000000000000001.seg`;
      const bytes = await Deno.readFile(segment);
      bytes[200]! ^= 1;
      await Deno.writeFile(segment, bytes);
      const check = await skein(["log", "check", directory]);
      assert.equal(check.code, 4, check.stdout);
      assert.ok(check.stderr.includes(segment), check.stderr);
      const json = await skein(["log", "check", directory, "--json"]);
      const { success, error, file, offset } = JSON.parse(json.stdout);
      assert.deepEqual([success, error, file], [false, "STORAGE_CORRUPT", segment]);
      assert.ok(Number.isSafeInteger(offset) && offset <= 200, String(offset));
      const start = await skein(runArgs(directory));
      assert.equal(start.code, 4);
      assert.equal(start.stderr, check.stderr);
    });
  },
);

Deno.test("an empty directory is sound, and no directory is wrong usage", async () => {
  await withDirectory(async (directory) => {
    const { code, stdout } = await skein(["log", "check", directory]);
    assert.equal(code, 0);
    assert.match(stdout, /is sound: empty/);
    assert.equal((await skein(["log", "check", `${directory}/none`])).code, 2);
  });
});
