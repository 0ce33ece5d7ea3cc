/**
 * The unit for systemd: that it starts what there is, with settings that a peer takes, and shuts it in. Where systemd is
 * installed it judges for itself.
 */
import assert from "node:assert/strict";
import { EXIT } from "../../src/cli/exit_codes.ts";
import { LIMITS } from "../../src/limits.ts";
import { skein } from "../cli/skein_process.ts";
import { freePorts } from "../integration/skein_process.ts";

const UNIT = new URL("../../scripts/skein.service", import.meta.url).pathname;
const PROGRAM = "/usr/local/bin/skein";
/** In tenths, of systemd's own measure: 0 would be shut in entirely, services without any of this have 96. */
const EXPOSURE_MAX = 15;

/** Section and name, "Service.User" → its values, in the order of the file. */
const unit = readUnit(await Deno.readTextFile(UNIT));

function readUnit(text: string): ReadonlyMap<string, readonly string[]> {
  const values = new Map<string, string[]>();
  let section = "";
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const header = /^\[(\w+)\]$/.exec(line);
    if (header !== null) {
      section = header[1]!;
      continue;
    }
    const [, name, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    assert.ok(name !== undefined && value !== undefined, `no setting: ${line}`);
    const key = `${section}.${name}`;
    values.set(key, [...values.get(key) ?? [], value]);
  }
  return values;
}

function only(key: string): string {
  const [value, ...others] = unit.get(key) ?? [];
  assert.deepEqual(others, [], `${key} stands there once`);
  assert.ok(value !== undefined, `${key} is there`);
  return value;
}

/** What stands behind the program's name. */
function argumentsOf(key: string): string[] {
  const [program, ...args] = only(key).split(" ");
  assert.equal(program, PROGRAM);
  return args;
}

/** The environment that it sets, where its folders lie below this one. */
function environmentIn(root: string): Record<string, string> {
  const folders: Readonly<Record<string, string>> = { S: "state", C: "cache", d: "credentials" };
  return Object.fromEntries(
    only("Service.Environment").split(" ").map((entry) => {
      const [name = "", value = ""] = entry.split("=");
      const path = value.replace(/%(.)/, (_, letter) => `${root}/${folders[letter]}`);
      assert.notEqual(path, value, `${name} lies in a folder of the unit's own`);
      return [name, path];
    }),
  );
}

Deno.test("what the unit checks before it starts is a peer that can start, and one without a key cannot", async () => {
  const root = await Deno.makeTempDir({ prefix: "skein-service-" });
  try {
    for (const folder of ["state/skein", "cache/skein", "credentials"]) {
      await Deno.mkdir(`${root}/${folder}`, { recursive: true });
    }
    const [httpPort, peerPort] = freePorts(2);
    const environment = {
      ...environmentIn(root),
      HTTP_PORT: `127.0.0.1:${httpPort}`,
      PEER_PORT: `127.0.0.1:${peerPort}`,
    };
    const check = argumentsOf("Service.ExecStartPre");
    assert.deepEqual(check, [...argumentsOf("Service.ExecStart"), "--check"]);
    const without = await skein(check, environment);
    assert.equal(without.code, EXIT.usage, without.stderr);
    assert.match(without.stderr, /cannot read the file .*credentials\/cluster\.key/);
    const { stdout: key } = await skein(["keygen"]);
    await Deno.writeTextFile(`${root}/credentials/cluster.key`, key);
    const { code, stdout, stderr } = await skein(check, environment);
    assert.equal(code, EXIT.ok, stderr);
    assert.ok(stdout.includes(`${root}/state/skein`), stdout);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("its user is made up, owns its two folders, and gets the key handed over", () => {
  assert.equal(only("Service.DynamicUser"), "yes");
  assert.ok(!unit.has("Service.User"));
  assert.equal(only("Service.CapabilityBoundingSet"), "");
  assert.equal(only("Service.ProtectSystem"), "strict");
  assert.ok(!unit.has("Service.ReadWritePaths"));
  const environment = environmentIn("");
  assert.equal(environment["DATA_DIR"], `/state/${only("Service.StateDirectory")}`);
  assert.equal(environment["TMPDIR"], `/cache/${only("Service.CacheDirectory")}`);
  const [credential] = only("Service.LoadCredential").split(":");
  assert.equal(environment["CLUSTER_KEY_FILE"], `/credentials/${credential}`);
});

Deno.test("V8 may write code and execute it", () => {
  assert.equal(only("Service.MemoryDenyWriteExecute"), "no");
});

Deno.test("what a person has to put right is not tried again", () => {
  const codes = only("Service.RestartPreventExitStatus").split(" ").map(Number);
  assert.deepEqual(codes, [EXIT.usage, EXIT.corrupt]);
  assert.equal(only("Service.Restart"), "on-failure");
  // The check before it has exit codes of its own, which that does not look at.
  const tries = Number(only("Unit.StartLimitBurst"));
  const takesSeconds = tries * Number(only("Service.RestartSec"));
  assert.ok(takesSeconds < Number(only("Unit.StartLimitIntervalSec")) / 2);
});

Deno.test("it may have as many open files as it takes connections", () => {
  assert.ok(Number(only("Service.LimitNOFILE")) >= 2 * LIMITS.httpConnectionsMax);
});

Deno.test("reload is SIGHUP", () => {
  assert.equal(only("Service.ExecReload"), "/bin/kill -HUP $MAINPID");
});

/** The first that knows --offline, and %d in units. */
const SYSTEMD_MIN = 250;
const version = Number(/^systemd (\d+)/.exec((await analyze(["--version"]))?.said ?? "")?.[1] ?? 0);
const isLeftOut = version < SYSTEMD_MIN;
const leftOut = isLeftOut ? ` (left out: systemd ${SYSTEMD_MIN} or newer is not installed)` : "";

Deno.test({
  name: `systemd takes the unit without a word, and finds it shut in${leftOut}`,
  ignore: isLeftOut,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "skein-service-" });
    try {
      // It looks for the program too, which is installed nowhere here.
      const path = `${folder}/skein.service`;
      const text = await Deno.readTextFile(UNIT);
      await Deno.writeTextFile(path, text.replaceAll(PROGRAM, Deno.execPath()));
      assert.deepEqual(await analyze(["verify", path]), { code: 0, said: "" });
      const threshold = `--threshold=${EXPOSURE_MAX}`;
      const judged = await analyze(["security", "--offline=true", "--no-pager", threshold, path]);
      assert.equal(judged?.code, 0, judged?.said);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

/** @returns null where there is no systemd-analyze */
async function analyze(args: readonly string[]): Promise<{ code: number; said: string } | null> {
  try {
    const { code, stdout, stderr } = await new Deno.Command("systemd-analyze", { args: [...args] })
      .output();
    const decoder = new TextDecoder();
    return { code, said: decoder.decode(stdout) + decoder.decode(stderr) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}
