/**
 * The whole self-extracting executable, with Deno and the real stage: it runs where there is neither Deno nor Node nor
 * npm nor a network, and whatever lies around it or is set does not matter to it.
 */
import assert from "node:assert/strict";
import { launchFlags } from "../../src/cli/launch_flags.ts";
import { freeFirstPort } from "../cli/free_ports.ts";
import { freePorts } from "../integration/skein_process.ts";
import { TextLineStream } from "../integration/text_lines.ts";
import { InstalledPeer } from "./installed_peer.ts";
import { command, copiesIn, install, type Installed } from "./self_extracting_installation.ts";
import { ORIGIN, run, succeed } from "./self_extracting_installation.ts";
import { isRoot, OTHER_USER } from "./tiny_executable.ts";

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
      await t.step("the peers of a cluster run from the same copy", () => cluster(installed));
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
  await using peer = new InstalledPeer(command(installed, args), http, data);
  peer.start();
  await peer.ready();
  assert.equal(peer.peerPid, peer.startedPid);

  const theirs = { NODE_OPTIONS: "--theirs", DENO_DIR: "/theirs", OTEL_DENO: "false" };
  const lock = ["lock", "run", "name", "--url", peer.url, "--", "env", "-0"];
  const { stdout } = await succeed(installed, lock, theirs);
  const found = new Set(stdout.split("\0"));
  for (const [name, value] of Object.entries({ ...installed.environment, ...theirs })) {
    assert.ok(found.has(`${name}=${value}`), name);
  }
  const ours = /^(?:SKEIN_(?:OUTER|EXECUTABLE)|DENO_(?:NO_|DISABLE_))/;
  const left = [...found].filter((line) => ours.test(line));
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
  await using peer = new InstalledPeer(command(installed, args), http, file);
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

async function cluster(installed: Installed): Promise<void> {
  const before = copiesIn(`${installed.home}/.cache/skein`);
  const data = `${installed.directory}/cluster`;
  const port = freeFirstPort(2);
  const args = ["cluster", "--json", "--peers=2", `--port=${port}`, `--data=${data}`];
  await using child = command(installed, args).spawn();
  const said = child.stderr.text();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
  for await (const line of lines) {
    const { peers } = JSON.parse(line);
    assert.equal(peers.length, 2);
    for (const { pid } of peers) {
      const words = await Deno.readTextFile(`/proc/${pid}/cmdline`);
      assert.ok(words.startsWith(`${before[0]}/program/deno\0`), words);
    }
    child.kill("SIGTERM");
  }
  assert.equal((await child.status).code, 0, await said);
  assert.deepEqual(copiesIn(`${installed.home}/.cache/skein`), before);
  await succeed(installed, ["version"]);
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
