/**
 * The whole self-extracting executable, with Deno and the real stage: it runs where there is neither Deno nor Node nor
 * npm nor a network, and whatever lies around it or is set does not matter to it.
 */
import assert from "node:assert/strict";
import { buildSelfExtracting } from "../../scripts/build/self_extracting.ts";
import { stage } from "../../scripts/build/stage.ts";
import { hostTarget } from "../../scripts/build/targets.ts";
import { launchFlags } from "../../src/cli/launch_flags.ts";
import { freePorts } from "../integration/skein_process.ts";
import { InstalledPeer } from "./installed_peer.ts";
import { isRoot, OTHER_USER, TOOLS, which, writeTree } from "./tiny_executable.ts";

const ORIGIN = { commit: "0123456789abcdef", date: new Date("2026-01-02T03:04:05Z") };
const EVIL = "throw new Error('evil was loaded');\n";
/**
 * What must not count, neither where it is nor in a folder below.
 * @param imports of the program
 */
function planted(imports: Readonly<Record<string, string>>): Record<string, string> {
  const files: Record<string, string> = {
    "deno.json": '{ "imports": { "hono": "./evil.cjs" }, "workspace": ["./skein"], nonsense',
    "deno.lock": "nonsense",
    ".npmrc": "@evil:registry=nonsense\n",
    "evil.cjs": EVIL,
  };
  const dependencies: Record<string, string> = {};
  for (const specifier of Object.values(imports)) {
    const [, name = "", version = ""] = /^npm:(.+)@([^@]+)$/.exec(specifier)!;
    dependencies[name] = version;
    files[`node_modules/${name}/package.json`] = JSON.stringify({ name, version });
    files[`node_modules/${name}/index.js`] = EVIL;
  }
  return { ...files, "package.json": JSON.stringify({ type: "commonjs", dependencies }) };
}

interface Installed {
  readonly directory: string;
  readonly path: string;
  /** Holds the planted files, and in .cache/skein the copy. */
  readonly home: string;
  readonly environment: Readonly<Record<string, string>>;
}

Deno.test({
  name: "the program, unpacked from one file",
  ignore: Deno.build.os !== "linux",
  async fn(t) {
    const directory = await Deno.realPath(await Deno.makeTempDir({ prefix: "skein-test-" }));
    try {
      await Deno.chmod(directory, 0o755);
      const installed = await install(directory);
      await t.step("it tells what it is, on a machine with nothing but a shell", async () => {
        const { stdout } = await succeed(installed, ["version", "--json"]);
        assert.equal(JSON.parse(stdout).form, "self-extracting");
        assert.equal(JSON.parse(stdout).commit, ORIGIN.commit);
      });
      await t.step("its exit codes are the program's", async () => {
        const { code, stderr } = await run(installed, ["run", "--no-such-flag"]);
        assert.match(stderr, /no-such-flag/);
        assert.equal(code, 2);
      });
      await t.step({
        name: "without a network it unpacks and runs",
        ignore: !await canUnshare(),
        fn: () => withoutNetwork(installed),
      });
      await t.step("a peer runs, and its lock's command has its caller's environment", () => {
        return peerAndLock(installed);
      });
      await t.step("a peer has the rights of its command line and configuration", () => {
        return configured(installed);
      });
      await t.step("a byte of the runtime is changed", () => changedRuntime(installed));
      await t.step({
        name: "somebody who cannot write there runs from root's copy",
        ignore: !isRoot(),
        fn: () => sharedCopy(installed),
      });
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});

async function install(directory: string): Promise<Installed> {
  const staged = `${directory}/stage`;
  const target = hostTarget();
  await stage({ target, form: "self-extracting", directory: staged, origin: ORIGIN });
  const output = `${directory}/skein`;
  const { path } = await buildSelfExtracting({
    stage: staged,
    deno: Deno.execPath(),
    output,
    version: "0.0.0",
  });
  const home = `${directory}/home`;
  const { imports } = JSON.parse(await Deno.readTextFile(`${staged}/deno.json`));
  await Deno.mkdir(`${home}/.cache`, { recursive: true });
  await Deno.mkdir(`${home}/.cache/skein`, { mode: 0o700 });
  for (const folder of [home, `${home}/.cache`, `${home}/.cache/skein`]) {
    await writeTree(folder, planted(imports));
  }
  const tools = `${directory}/tools`;
  await Deno.mkdir(tools);
  for (const tool of ["sh", "env", ...TOOLS]) {
    await Deno.symlink(await which(tool), `${tools}/${tool}`);
  }
  const environment = {
    PATH: tools,
    HOME: home,
    DENO_DIR: "/nonexistent/theirs",
    DENO_V8_FLAGS: "--no-such-flag",
    DENO_SERVE_ADDRESS: "tcp:127.0.0.1:1",
    NODE_OPTIONS: `--require ${home}/evil.cjs`,
    NODE_PATH: `${home}/node_modules`,
    NPM_CONFIG_REGISTRY: "nonsense",
    NO_COLOR: "1",
  };
  return { directory, path, home, environment };
}

function command(
  { path, home, environment }: Installed,
  [program = "", ...args]: readonly string[],
  others: Readonly<Record<string, string>> = {},
  uid?: number,
): Deno.Command {
  return new Deno.Command(program === "" ? path : program, {
    args,
    cwd: home,
    env: { ...environment, ...others },
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...uid === undefined ? {} : { uid, gid: uid },
  });
}

async function run(
  installed: Installed,
  args: readonly string[],
  others: Readonly<Record<string, string>> = {},
  uid?: number,
) {
  const { code, stdout, stderr } = await command(installed, ["", ...args], others, uid).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

async function succeed(...call: Parameters<typeof run>) {
  const ended = await run(...call);
  assert.equal(ended.stderr, "");
  assert.equal(ended.code, 0);
  return ended;
}

/** A first start with a peer, in a network namespace where there is nothing but itself. */
async function withoutNetwork(installed: Installed): Promise<void> {
  const script = `
    ip link set lo up
    "$1" run --http 8001 --data "$2" --log-level error & peer=$!
    "$1" status --url http://127.0.0.1:8001 --retry 20 --json
    kill -TERM $peer
    wait $peer && echo stopped`;
  const data = `${installed.directory}/alone`;
  const { stdout, stderr } = await new Deno.Command("unshare", {
    args: ["--net", "sh", "-c", script, "sh", installed.path, data],
    cwd: installed.home,
    env: { PATH: Deno.env.get("PATH")!, HOME: installed.home, XDG_CACHE_HOME: installed.directory },
    clearEnv: true,
    stdin: "null",
  }).output();
  const said = new TextDecoder().decode(stdout);
  assert.equal(new TextDecoder().decode(stderr), "");
  assert.match(said, /^\{.*"success":true.*\}\nstopped\n$/);
}

async function canUnshare(): Promise<boolean> {
  try {
    const args = ["--net", "ip", "link", "set", "lo", "up"];
    const { success } = await new Deno.Command("unshare", { args }).output();
    if (success) return true;
  } catch {
    // There is no such program.
  }
  console.log("SKIPPED, the network cannot be taken away here");
  return false;
}

async function peerAndLock(installed: Installed): Promise<void> {
  const [http = 0, listen = 0] = freePorts(2);
  const data = `${installed.directory}/data`;
  const args = ["run", `--http=${http}`, `--listen=${listen}`, `--data=${data}`];
  await using peer = new InstalledPeer(command(installed, ["", ...args]), http, data);
  peer.start();
  await peer.ready();
  assert.equal(peer.peerPid, peer.startedPid);

  const theirs = { NODE_OPTIONS: "--theirs", DENO_DIR: "/theirs" };
  const lock = ["lock", "run", "name", "--url", peer.url, "--", "env", "-0"];
  const { stdout } = await succeed(installed, lock, theirs);
  const found = new Set(stdout.split("\0"));
  for (const [name, value] of Object.entries({ ...installed.environment, ...theirs })) {
    assert.ok(found.has(`${name}=${value}`), name);
  }
  const left = [...found].filter((line) => /^(?:SKEIN_OUTER|DENO_(?:NO_|DISABLE_))/.test(line));
  assert.deepEqual(left, []);

  Deno.kill(peer.startedPid, "SIGTERM");
  const { code, signal } = await peer.ended();
  assert.deepEqual({ code, signal }, { code: 0, signal: null });
}

async function configured(installed: Installed): Promise<void> {
  const [http = 0, listen = 0] = freePorts(2);
  const file = `${installed.directory}/configuration, it's.json`;
  const data = `${installed.directory}/configured data`;
  await Deno.writeTextFile(
    file,
    JSON.stringify({ data, http: `127.0.0.1:${http}`, listen: `${listen}` }),
  );
  const args = ["run", "--config", file];
  await using peer = new InstalledPeer(command(installed, ["", ...args]), http, file);
  peer.start();
  await peer.ready();
  const words = (await Deno.readTextFile(`/proc/${peer.startedPid}/cmdline`)).split("\0").slice(
    0,
    -1,
  );
  const main = words.findIndex((word) => word.endsWith("/program/src/main.ts"));
  assert.deepEqual(words.slice(main + 1), args);
  const programFolder = words[main]!.replace(/\/src\/main\.ts$/, "");
  const expected = launchFlags({
    args,
    environment: installed.environment,
    readFile: (path) => Deno.readTextFileSync(path),
    programFolder,
  });
  assert.deepEqual(words.slice(main - expected.length, main), expected);
  assert.ok(expected.includes(`--allow-write=${data}`));
}

async function changedRuntime(installed: Installed): Promise<void> {
  const [copy = ""] = copiesIn(`${installed.home}/.cache/skein`);
  const path = `${copy}/program/deno`;
  const { mtime } = await Deno.stat(path);
  {
    using file = await Deno.open(path, { read: true, write: true });
    const byte = new Uint8Array(1);
    await file.seek(50_000_000, Deno.SeekMode.Start);
    await file.read(byte);
    await file.seek(50_000_000, Deno.SeekMode.Start);
    await file.write(byte.map((value) => value ^ 1));
  }
  await Deno.utime(path, mtime!, mtime!);
  const { code, stderr } = await run(installed, ["version"]);
  assert.equal(
    stderr,
    `skein: ${copy} is not as it was built, and is replaced: deno was changed\n`,
  );
  assert.equal(code, 0);
  await succeed(installed, ["version"]);
  const [left, ...others] = copiesIn(`${installed.home}/.cache/skein`);
  assert.notEqual(left, copy);
  assert.deepEqual(others, []);
}

async function sharedCopy(installed: Installed): Promise<void> {
  const folder = `${installed.directory}/shared`;
  await Deno.mkdir(folder);
  await Deno.chmod(folder, 0o755);
  const others = { SKEIN_CACHE_DIR: folder };
  await succeed(installed, ["version"], others);
  await succeed(installed, ["version"], others, OTHER_USER);
  assert.equal(copiesIn(folder).length, 1);
}

function copiesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) =>
    isDirectory && name.startsWith("skein-") ? [`${folder}/${name}`] : []
  );
}
