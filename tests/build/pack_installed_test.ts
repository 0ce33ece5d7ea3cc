/**
 * The npm package as its users have it: installed by npm, three peers by `npx`, killed and started again; signals,
 * exit codes, arguments. Once with this machine's Node and once with one that replaces its process.
 */
import assert from "node:assert/strict";
import { COMMANDS } from "../../src/cli/program.ts";
import { eventually } from "../eventually.ts";
import { freePorts } from "../integration/skein_process.ts";
import { freeFirstPort } from "../cli/free_ports.ts";
import {
  denoProcesses,
  HOSTILE_ENVIRONMENT,
  installedCommand,
  InstalledPeer,
  kill,
} from "./installed_peer.ts";
import { NpmInstallation, obstacle, type Way } from "./npm_installation.ts";
import { withDirectory } from "../with_directory.ts";

const hindrance = await obstacle();
if (hindrance !== null) console.error(`the npm package is not tried here: ${hindrance}`);

/** A name that every layer between a shell and the program could break. */
const RESOURCE = `it's "quoted", 100% $HOME; \\ and *`;

Deno.test({
  name: "the npm package, installed",
  ignore: hindrance !== null,
  async fn(t) {
    await using installation = await NpmInstallation.make();
    // What lies around in a project must not matter to a program that is started in it.
    await Deno.writeTextFile(`${installation.directory}/deno.json`, "{ nonsense");
    await Deno.writeTextFile(`${installation.directory}/deno.lock`, "nonsense");
    for (const way of installation.ways) {
      await t.step(
        `${way.name}: version, exit codes and arguments`,
        () => answers(installation, way),
      );
      await t.step(
        `${way.name}: three peers by npx, one killed and started again`,
        () => withDirectory((directory) => threePeers(installation, way, directory)),
      );
      await t.step(
        `${way.name}: signals to the launcher`,
        () => withDirectory((directory) => signals(installation, way, directory)),
      );
      await t.step(
        `${way.name}: skein cluster`,
        () => withDirectory((directory) => cluster(installation, way, directory)),
      );
    }
  },
});

async function answers(installation: NpmInstallation, way: Way): Promise<void> {
  const version = await run(installation, way, "npx", "skein", "version", "--json");
  assert.equal(version.code, 0, version.err);
  const { form, commit } = JSON.parse(version.out);
  assert.equal(form, "npm");
  assert.match(commit, /^[0-9a-f]{40}(?:-dirty)?$/);

  const unknown = await run(installation, way, installation.skein, "no such command");
  assert.equal(unknown.code, 2);
  assert.match(unknown.err, /unknown command 'no such command'/);

  for (const { words } of COMMANDS) {
    const help = await run(installation, way, installation.skein, ...words, "--help");
    assert.equal(help.code, 0, help.err);
    assert.match(help.out, new RegExp(`^Usage: skein ${words.join(" ")} `));
  }
}

/** Runs a command to its end. */
async function run({ directory }: NpmInstallation, way: Way, ...words: readonly string[]) {
  const { code, stdout, stderr } = await installedCommand(way, directory, words).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out: out!, err: err! };
}

async function threePeers(
  installation: NpmInstallation,
  way: Way,
  data: string,
): Promise<void> {
  const ports = freePorts(6);
  const list = ports.slice(3).map((port) => `127.0.0.1:${port}`).join(",");
  await using stack = new AsyncDisposableStack();
  const peers = [1, 2, 3].map((number) => {
    const own = `${data}/data of "p${number}"`;
    // deno-fmt-ignore
    const command = installedCommand(way, installation.directory, [
      "npx", "skein", "run", "--name", `p${number}`, "--data", own, "--log-format", "json",
      "--http", String(ports[number - 1]), "--listen", `127.0.0.1:${ports[number + 2]}`,
      "--peers", list, "--cluster-key", "three of us, by npx",
    ]);
    return stack.use(new InstalledPeer(command, ports[number - 1]!, own));
  });
  const [first, second, third] = peers as [InstalledPeer, InstalledPeer, InstalledPeer];
  for (const peer of peers) peer.start();
  for (const peer of peers) await peer.ready();

  // deno-fmt-ignore
  const acquired = await run(
    installation, way,
    "npx", "skein", "lock", "acquire", RESOURCE, "--owner", "a", "--url", first.url, "--json",
  );
  assert.equal(acquired.code, 0, acquired.err);
  const { fencing_token: token } = JSON.parse(acquired.out);
  const path = `/lock/status?resource=${encodeURIComponent(RESOURCE)}`;
  const holders = async (peer: InstalledPeer) => {
    const { body } = await peer.get(path);
    return body.holders.map((each: { owner: string; fencing_token: number }) => [
      each.owner,
      each.fencing_token,
    ]);
  };
  assert.deepEqual(await holders(second), [["a", token]]);

  // deno-fmt-ignore
  const under = await run(
    installation, way, installation.skein, "lock", "run", "other", "--url", second.url, "--",
    "sh", "-c", 'echo "$1 $DENO_SERVE_ADDRESS"; exit 7', "sh", RESOURCE,
  );
  assert.equal(under.code, 7, under.err);
  const { DENO_SERVE_ADDRESS: address } = HOSTILE_ENVIRONMENT;
  assert.equal(under.out, `${RESOURCE} ${address}\n`, "its command has the user's environment");

  kill(third.peerPid, "SIGKILL");
  const { code } = await third.ended();
  assert.equal(code, 137, "npx ends as the peer did");
  assert.deepEqual(await holders(second), [["a", token]]);

  third.start();
  await third.ready();
  assert.deepEqual(await holders(third), [["a", token]]);
  // deno-fmt-ignore
  const refused = await run(
    installation, way, "npx", "skein", "lock", "acquire", RESOURCE, "--owner", "b", "--url", third.url,
  );
  assert.equal(refused.code, 1, refused.err);
}

async function signals(
  { directory, skein }: NpmInstallation,
  way: Way,
  data: string,
): Promise<void> {
  const [port, peerPort] = freePorts(2) as [number, number];
  // deno-fmt-ignore
  const command = installedCommand(way, directory, [
    skein, "run", "--name", "alone", "--data", data, "--http", String(port),
    "--listen", `127.0.0.1:${peerPort}`, "--log-format", "json",
  ]);
  await using peer = new InstalledPeer(command, port, data);
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    peer.start();
    await peer.ready();
    assert.equal(peer.peerPid === peer.startedPid, way.replaces, "one process or two");
    kill(peer.startedPid, signal);
    const { code, log } = await peer.ended();
    assert.equal(code, 0, log);
    assert.match(log, new RegExp(`alone stops: ${signal}`));
  }
  peer.start();
  await peer.ready();
  kill(peer.peerPid, "SIGKILL");
  assert.equal((await peer.ended()).signal, "SIGKILL", "the launcher ends by the same signal");
}

async function cluster(
  { directory, skein }: NpmInstallation,
  way: Way,
  data: string,
): Promise<void> {
  const port = freeFirstPort(3);
  const words = [skein, "cluster", "--port", String(port), "--data", data, "--json"];
  const child = installedCommand(way, directory, words).spawn();
  const errors = new Response(child.stderr).text();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    const { value } = await reader.read();
    assert.ok(value !== undefined, "it says where its peers are");
    const { peers } = JSON.parse(value);
    const pids = peers.map(({ pid }: { pid: number }) => pid);
    assert.deepEqual(
      denoProcesses(`${data}/peer-`).sort(),
      [...pids].sort(),
      "each process that it names is a peer itself",
    );
    kill(pids[0], "SIGKILL");
    kill(child.pid, "SIGINT");
    const { code } = await child.status;
    assert.equal(code, 0, await errors);
    await eventually("all peers are gone", 10_000, () => {
      assert.deepEqual(denoProcesses(data), []);
    });
  } finally {
    for (const pid of denoProcesses(data)) kill(pid, "SIGKILL");
    await child.status;
    await reader.cancel();
    await errors;
  }
}
