/**
 * `skein cluster`: several peers on this machine, each a process of its own, with a generated key and their data
 * under one directory. Once all answer that they are healthy it prints where they are; Ctrl-C stops all of them.
 * A peer that dies is reported, and the others go on: kill one and watch.
 */
import { Command } from "@commander-js/extra-typings";
import { type Config, loadConfig } from "../config/mod.ts";
import { readInteger } from "./arguments.ts";
import { peerEnvironment, peerFlags, PEERS_MAX, planPeers, sharedFlags } from "./cluster_plan.ts";
import type { PlannedPeer } from "./cluster_plan.ts";
import { EXIT } from "./exit_codes.ts";
import { Exit } from "./failure.ts";
import { giveUpRights } from "./give_up_rights.ts";
import { callItself } from "./itself.ts";
import { generateClusterKey } from "./keygen.ts";
import { LocalPeer } from "./local_peer.ts";
import { examples, JSON_FLAG, JSON_HELP, print, table } from "./output.ts";
import { requireFree } from "./ports.ts";
import { addSettingFlags, processSources, settingFlags } from "./settings_flags.ts";
import { onStopSignals } from "./stop_signals.ts";

const PEERS_DEFAULT = 3;
const FIRST_PORT_DEFAULT = 8001;
const DIRECTORY_DEFAULT = "./skein-data/cluster";
const HEALTH_POLL_MS = 20;
/** After this somebody should be told why the cluster is not healthy yet; it goes on trying. */
const SLOW_START_MS = 15_000;
const COLOURS = [36, 33, 35, 32, 34, 31];

interface ClusterOptions {
  readonly peers: number;
  readonly port: number;
  readonly data: string;
  readonly fresh?: boolean | undefined;
  readonly json?: boolean | undefined;
}

export function define() {
  const command = new Command()
    .option("--peers <N>", "how many peers", readInteger(1, PEERS_MAX), PEERS_DEFAULT)
    .option(
      "--port <PORT>",
      "HTTP port of the first",
      readInteger(1025, 65_000),
      FIRST_PORT_DEFAULT,
    )
    .option("--data <DIR>", "where the peers keep their data", DIRECTORY_DEFAULT)
    .option("--fresh", "remove that data first")
    .option(JSON_FLAG, `${JSON_HELP}, once all peers are healthy`)
    .addHelpText("after", examples("skein cluster", "skein cluster --peers 5 --fresh"));
  addSettingFlags(command, ({ shared }) => shared === true);
  return command.action(async (options) => {
    throw new Exit(await runCluster(options, settingFlags(command.opts())));
  });
}

/** @returns the exit code */
async function runCluster(
  options: ClusterOptions,
  given: ReturnType<typeof settingFlags>,
): Promise<number> {
  const startedMs = performance.now();
  // These two mean the cluster here, and one peer in the table of settings.
  const { peers: _peers, data: _data, ...flags } = given;
  const plan = planPeers(options.peers, options.port, options.data);
  const keyFile = `${options.data}/cluster.key`;
  const sources = processSources({ ...flags, name: plan[0]!.name });
  const added = peerEnvironment(Deno.env.toObject(), flags, keyFile);
  const environment = { ...Deno.env.toObject(), ...added };
  requireFree(plan.flatMap(({ addresses }) => addresses));
  if (options.fresh === true) await removeData(options.data);
  await ensureKey(options.data, keyFile);
  const config = loadConfig({ ...sources, environment });

  const peers = plan.map((peer, index) => {
    const own = [
      ...peerFlags(peer, plan),
      ...sharedFlags({ ...flags, "log-format": config.logFormat }),
    ];
    return new LocalPeer({
      name: peer.name,
      call: callItself(["run", "--parent-pipe", ...own], environment),
      environment: added,
      url: `http://127.0.0.1:${peer.httpPorts[0]}`,
      writeLine: lineWriter(peer.name, index, config.logFormat),
    });
  });
  giveUpRights(["cluster"], "begun");
  let stopping = false;
  const stopAll = () => {
    stopping = true;
    for (const peer of peers) void peer.stop();
  };
  const stopListening = onStopSignals({
    stop: stopAll,
    stopNow: () => peers.forEach((peer) => peer.kill()),
  });
  const exitCodes = peers.map(async (peer) => {
    const code = await peer.ended;
    if (!stopping) say(`${peer.name} (process ${peer.pid}) ended with exit code ${code}`);
    return code;
  });

  const outcome = await Promise.race([
    allHealthy(peers, config.token, () => stopping),
    Promise.race(exitCodes),
  ]);
  if (typeof outcome === "number" && !stopping) {
    stopAll();
    await Promise.all(exitCodes);
    return outcome === EXIT.ok ? EXIT.unavailable : outcome;
  }
  if (!stopping) await announce(plan, peers, options, performance.now() - startedMs);
  const codes = await Promise.all(exitCodes);
  stopListening();
  // Whoever was killed while the cluster ran has been reported; this is how the stop itself went.
  return stopping ? EXIT.ok : Math.max(...codes);
}

/** Resolves once every peer is healthy, or nobody wants to know any more. */
async function allHealthy(
  peers: readonly LocalPeer[],
  token: string | null,
  stopping: () => boolean,
): Promise<"healthy"> {
  const slowAtMs = performance.now() + SLOW_START_MS;
  let warned = false;
  let waiting = [...peers];
  while (waiting.length > 0 && !stopping()) {
    const healthy = await Promise.all(waiting.map((peer) => peer.isHealthy(token)));
    waiting = waiting.filter((_, index) => !healthy[index]);
    if (waiting.length === 0) break;
    if (!warned && performance.now() > slowAtMs) {
      warned = true;
      say(`still waiting for ${waiting.map(({ name }) => name).join(", ")}`);
    }
    await new Promise((resolve) => setTimeout(resolve, HEALTH_POLL_MS));
  }
  return "healthy";
}

async function announce(
  plan: readonly PlannedPeer[],
  peers: readonly LocalPeer[],
  { json, data }: ClusterOptions,
  tookMs: number,
): Promise<void> {
  const rows = plan.map(({ name, httpPorts, peerPort, dataDirectory }, index) => ({
    name,
    pid: peers[index]!.pid,
    http: httpPorts.map((port) => `http://127.0.0.1:${port}`),
    listen: `127.0.0.1:${peerPort}`,
    data: dataDirectory,
  }));
  const text = await table(
    ["peer", "http", "also", "peers", "process", "data"],
    rows.map(({ name, pid, http: [first = "", ...also], listen, data }) => {
      const ports = also.map((url) => url.slice(url.lastIndexOf(":"))).join(" ");
      return [name, first, ports, listen, pid, data];
    }),
  );
  const document = { success: true, ready_ms: Math.round(tookMs), key_file: `${data}/cluster.key` };
  print(
    json,
    { ...document, peers: rows },
    () =>
      `${text}\n\n${rows.length} peers are healthy after ${(tookMs / 1000).toFixed(2)} s. ` +
      "Ctrl-C stops them.",
  );
}

/** Prefixed for people; JSON lines are left whole, for they name their peer themselves. */
function lineWriter(name: string, index: number, format: Config["logFormat"]) {
  if (format === "json") return (line: string) => console.error(line);
  const colour = COLOURS[index % COLOURS.length];
  const prefix = Deno.noColor ? `${name} | ` : `\x1b[${colour}m${name} |\x1b[0m `;
  return (line: string) => console.error(prefix + line);
}

/** Removes what an earlier cluster left, and nothing that it did not make. */
async function removeData(directory: string): Promise<void> {
  try {
    for await (const { name } of Deno.readDir(directory)) {
      if (/^(?:peer-\d+|cluster\.key)$/.test(name)) {
        await Deno.remove(`${directory}/${name}`, { recursive: true });
      }
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** The key lies beside the data, so that the same cluster comes up again. */
async function ensureKey(directory: string, keyFile: string): Promise<void> {
  await Deno.mkdir(directory, { recursive: true });
  try {
    await Deno.writeTextFile(keyFile, generateClusterKey(), { createNew: true, mode: 0o600 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
}

function say(line: string): void {
  console.error(`skein: ${line}`);
}
