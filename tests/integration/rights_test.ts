/**
 * What a peer can do no more once it serves, tried from inside its own process, and what it can do all the same: serve
 * over loopback, the network and TLS, form a cluster, take locks, tell its metrics, open its store anew. The same
 * however it was started: by a launcher, as a compiled executable is, by the task.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { launchFlags } from "../../src/cli/launch_flags.ts";
import { UNBOUNDED_FLAGS } from "../../src/cli/rights.ts";
import { makeCertificate } from "../certificates.ts";
import { intrusionsFor, type Loot } from "./intrusions.ts";
import { IntrudedPeer } from "./intruded_peer.ts";
import type { Outcome } from "./peer_with_intruder.ts";
import { eventually, freePorts, SkeinCluster } from "./skein_process.ts";

const PROGRAM = fileURLToPath(new URL("../..", import.meta.url)).replace(/[\\/]$/, "");
const FAST = ["--election-timeout", "0.3,0.6", "--heartbeat", "0.05"];
const SECRET = "CLUSTER_KEY";

interface Start {
  readonly as: string;
  /** Then files of others are out of reach too. */
  readonly narrowsFiles: boolean;
  flags(
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
  ): readonly string[];
}

const STARTS: readonly Start[] = [
  {
    as: "a launcher",
    narrowsFiles: true,
    flags: (args, environment) =>
      launchFlags({
        args,
        environment,
        readFile: (path) => assert.fail(`no configuration is named, and not ${path}`),
        programFolder: PROGRAM,
      }),
  },
  { as: "an executable that is compiled", narrowsFiles: false, flags: () => UNBOUNDED_FLAGS },
  {
    as: "the task",
    narrowsFiles: false,
    flags() {
      const { tasks } = JSON.parse(Deno.readTextFileSync(`${PROGRAM}/deno.json`));
      return tasks.skein.command.split(" ").filter((word: string) => word.startsWith("--"));
    },
  },
];

/**
 * Programs, native code and files are refused; of the environment there is nothing to be had.
 * @param looksEmpty the environment does not refuse: libraries that look there go on
 */
function assertRefused(outcomes: readonly Outcome[], loot: Loot, looksEmpty: boolean): void {
  assert.deepEqual(outcomes.map(({ what }) => what), intrusionsFor(loot).map(({ what }) => what));
  for (const { kind, what, got, refused } of outcomes) {
    if (got === undefined) {
      assert.match(refused!, /NotCapable|Command failed|escalate/, what);
      assert.ok(!looksEmpty || kind !== "env" || what.includes("worker"), `${what}: ${refused}`);
    } else {
      assert.ok(kind === "env" || kind === "ask", `${what} got ${got}`);
      assert.ok(["", "{}", "false"].includes(got), `${what} got ${got}`);
    }
  }
  assert.deepEqual([...Deno.readDirSync(loot.traces)], [], "a program was started");
}

for (const { as, narrowsFiles, flags } of STARTS) {
  Deno.test(`a peer has given up what it needs no more, and serves all the same: started by ${as}`, async () => {
    await SkeinCluster.with({ flags: FAST, started: 0 }, async (cluster) => {
      const [first, second] = cluster.peers;
      const { options } = cluster.peers[2]!;
      const [networkPort = 0, metricsPort = 0] = freePorts(2);
      const { cert, key } = await makeCertificate("localhost");
      const files = `${cluster.directory}/files`;
      const traces = `${cluster.directory}/traces`;
      for (const directory of [files, traces]) await Deno.mkdir(directory);
      await Deno.writeTextFile(`${files}/cert.pem`, cert);
      await Deno.writeTextFile(`${files}/key.pem`, key);
      // deno-fmt-ignore
      const args = [
        "run", "--json", "--name", options.name, "--data", options.directory,
        "--http", `127.0.0.1:${options.httpPort}`, "--http", `0.0.0.0:${networkPort}`, "--http-open",
        "--metrics-port", String(metricsPort), "--listen", `127.0.0.1:${options.peerPort}`,
        "--peers", options.peers.join(","), ...FAST, "--log-format", "json",
        "--tls-cert", `${files}/cert.pem`, "--tls-key", `${files}/key.pem`,
      ];
      const environment = { [SECRET]: options.clusterKey, LOG_LEVEL: "debug" };
      first!.start();
      second!.start();
      const loot = {
        traces,
        variable: SECRET,
        data: options.directory,
        foreign: files,
        program: PROGRAM,
        triesFiles: narrowsFiles,
      };
      const rights = flags(args, environment);
      await using peer = new IntrudedPeer({ flags: rights, loot, args, environment });
      using trusting = Deno.createHttpClient({ caCerts: [cert] });
      const get = async (port: number, path: string) => {
        const url = `https://127.0.0.1:${port}${path}`;
        const signal = AbortSignal.timeout(10_000);
        const response = await fetch(url, { client: trusting, signal });
        return { status: response.status, text: await response.text() };
      };

      assert.equal((await peer.printed()).success, true);
      assertRefused(await peer.printed(), loot, rights.includes("--ignore-env"));

      await cluster.ready([first!, second!]);
      const ready = () =>
        eventually("it is ready", 20_000, async () => {
          for (const port of [options.httpPort, networkPort]) {
            const { status, text } = await get(port, "/ready");
            assert.equal(status, 200, text);
          }
        });
      await ready();
      const lock = { resource: "r", owner: "o", ttl: 60 };
      assert.equal((await first!.post("/lock/acquire", lock)).status, 200);
      assert.match((await get(networkPort, "/lock/status?resource=r")).text, /"owner":"o"/);
      assert.match((await get(metricsPort, "/metrics")).text, /^process_cpu_seconds_total \d/m);
      assert.equal((await get(options.httpPort, "/docs")).status, 200);

      peer.failNextFsync();
      await eventually("its store fails", 20_000, async () => {
        // It is the next write that finds out, whichever file it was.
        await first!.post("/lock/acquire", lock);
        peer.logged(/the disk is gone/);
      });
      // The one that leads may be the one whose disk fails.
      const request = { "x-request-id": crypto.randomUUID() };
      await eventually("the lock is released", 20_000, async () => {
        assert.equal((await first!.post("/lock/release", lock, request)).status, 200);
      });
      await eventually("it is opened", 20_000, () => peer.logged(/the storage is open again/));
      await ready();
      await eventually("it has what happened meanwhile", 20_000, async () => {
        assert.match((await get(options.httpPort, "/locks?stale=true")).text, /"locks":\[\]/);
      });
      assert.equal(await peer.stop(), 0);
    });
  });
}
