/** `skein cluster`: real processes that start, are reported when they die, and leave nothing behind. */
import assert from "node:assert/strict";
import { UNBOUNDED_FLAGS } from "../../src/cli/rights.ts";
import { eventually } from "../eventually.ts";
import { testedExecutable } from "../skein_command.ts";
import { freeFirstPort } from "./free_ports.ts";
import { RunningSkein } from "./running_skein.ts";
import { skein } from "./skein_process.ts";

const STOP_TIMEOUT_MS = 20_000;

interface Announced {
  readonly peers: readonly { readonly pid: number; readonly http: readonly string[] }[];
}

class Cluster implements AsyncDisposable {
  readonly port: number;
  readonly directory: string;

  private constructor(port: number, directory: string) {
    this.port = port;
    this.directory = directory;
  }

  static async plan(peers: number): Promise<Cluster> {
    return new Cluster(freeFirstPort(peers), await Deno.makeTempDir({ prefix: "skein-cluster-" }));
  }

  args(peers: number, ...more: readonly string[]): string[] {
    const where = [`--peers=${peers}`, `--port=${this.port}`, `--data=${this.directory}`];
    return ["cluster", ...where, "--election-timeout=0.3,0.6", "--heartbeat=0.05", ...more];
  }

  /** Starts it and waits until it says that all are healthy. */
  async start(peers: number, ...more: readonly string[]) {
    return await this.startIn({}, peers, ...more);
  }

  async startIn(
    environment: Readonly<Record<string, string>>,
    peers: number,
    ...more: readonly string[]
  ) {
    const running = new RunningSkein(this.args(peers, "--json", ...more), environment);
    const [line] = await running.wrote(/^\{"success":.*"peers":.*\}$/m);
    return { running, announced: JSON.parse(line) as Announced };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}

async function isUp(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health`);
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

Deno.test("three peers answer on three ports each, and Ctrl-C leaves nothing behind", async () => {
  await using cluster = await Cluster.plan(3);
  const { running, announced } = await cluster.start(3);
  await using _ = running;
  const urls = announced.peers.flatMap(({ http }) => http);
  assert.equal(urls.length, 9);
  for (const url of urls) assert.ok(await isUp(url), url);
  running.kill("SIGINT");
  running.kill("SIGINT");
  assert.equal(await running.ended(), 0);
  for (const url of urls) assert.ok(!await isUp(url), url);
});

Deno.test("a peer that dies is reported, and the others go on", async () => {
  await using cluster = await Cluster.plan(3);
  const { running, announced: { peers } } = await cluster.start(3);
  await using _ = running;
  Deno.kill(peers[2]!.pid, "SIGKILL");
  await running.wrote(/^skein: peer-3 \(process \d+\) ended with exit code 137$/m);
  assert.ok(await isUp(peers[0]!.http[0]!));
  running.kill("SIGTERM");
  assert.equal(await running.ended(), 0);
});

Deno.test("peers do not outlive a parent that was killed", async () => {
  await using cluster = await Cluster.plan(1);
  const { running, announced: { peers } } = await cluster.start(1);
  await using _ = running;
  running.kill("SIGKILL");
  assert.equal(await running.ended(), 137);
  // It notices that nobody holds its input any more, and stops as if it were asked to.
  await eventually("the peer has stopped", STOP_TIMEOUT_MS, async () => {
    assert.ok(!await isUp(peers[0]!.http[0]!));
  });
});

Deno.test("the key stays with the data, and --fresh begins anew", async () => {
  await using cluster = await Cluster.plan(1);
  const keys: string[] = [];
  for (const more of [[], [], ["--fresh"]]) {
    const { running } = await cluster.start(1, ...more);
    await using _ = running;
    const path = `${cluster.directory}/cluster.key`;
    keys.push(await Deno.readTextFile(path));
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    running.kill("SIGINT");
    assert.equal(await running.ended(), 0);
  }
  assert.equal(keys[0], keys[1]);
  assert.notEqual(keys[1], keys[2]);
});

Deno.test("a port that is taken is named, and nothing is started", async () => {
  await using cluster = await Cluster.plan(2);
  const port = cluster.port + 11;
  using _ = Deno.listen({ hostname: "127.0.0.1", port });
  const { code, stderr } = await skein(cluster.args(2));
  assert.equal(code, 5);
  assert.equal(
    stderr,
    `skein: cannot listen on 127.0.0.1:${port}: port ${port} is in use by another process\n`,
  );
});

Deno.test("bad settings are refused before anything is started", async () => {
  await using cluster = await Cluster.plan(1);
  for (const bad of ["--lock-ttl=0", "--log-level=loud", "--peers=11", "--port=80"]) {
    const { code, stderr } = await skein(cluster.args(1, bad));
    assert.equal(code, 2, stderr);
    assert.match(stderr, /[Aa]llowed: /);
  }
});

Deno.test({
  name: "each peer may write its own data and no other's",
  // What a process was started with is told by Linux; a built file starts its peers in its own way.
  ignore: Deno.build.os !== "linux" || testedExecutable() !== null,
  async fn() {
    await using cluster = await Cluster.plan(2);
    const { running, announced: { peers } } = await cluster.start(2);
    await using _ = running;
    for (const [index, { pid }] of peers.entries()) {
      const words = (await Deno.readTextFile(`/proc/${pid}/cmdline`)).split("\0");
      assert.ok(words.includes(`--allow-write=${cluster.directory}/peer-${index + 1}`));
      assert.ok(words.includes("--no-prompt"));
      assert.ok(!words.some((word) => /^(?:-A|--allow-all|--allow-run.*)$/.test(word)));
    }
    running.kill("SIGTERM");
    assert.equal(await running.ended(), 0);
  },
});

Deno.test({
  name: "peers are started by the launcher that started the cluster",
  ignore: Deno.build.os === "windows" || testedExecutable() !== null,
  async fn() {
    await using cluster = await Cluster.plan(1);
    const launcher = `${cluster.directory}/launcher`;
    const main = new URL("../../src/main.ts", import.meta.url).pathname;
    const deno = [Deno.execPath(), "run", "--no-check", "--quiet", ...UNBOUNDED_FLAGS, main];
    const words = deno.map((word) => `'${word}'`).join(" ");
    const script = `#!/bin/sh\necho "launched: $*" >&2\nexec ${words} "$@"\n`;
    await Deno.writeTextFile(launcher, script, { mode: 0o755 });
    const { running } = await cluster.startIn({ SKEIN_EXECUTABLE: launcher }, 1);
    await using _ = running;
    await running.wrote(/launched: run --parent-pipe --name=peer-1 /);
    running.kill("SIGTERM");
    assert.equal(await running.ended(), 0);
  },
});
