/**
 * `skein run`: one peer in this process, until somebody asks it to stop. SIGTERM, Ctrl-C and, where its parent holds
 * its standard input, the closing of that stop it cleanly: leadership is handed over, and within five seconds it
 * is gone, quorum or not. Asking again more than half a second later ends it at once.
 */
import { Command, type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { type Config, loadConfig } from "../config/mod.ts";
import { type HttpServer, startHttp } from "../http/server.ts";
import { LIMITS } from "../limits.ts";
import type { Peer } from "../peer/peer.ts";
import { REAL_CLOCK } from "../peer/real_clock.ts";
import { startPeer } from "../peer/start_peer.ts";
import { EXIT, SIGNAL_OFFSET } from "./exit_codes.ts";
import { Exit, reportFailure } from "./failure.ts";
import { giveUpRights } from "./give_up_rights.ts";
import { examples, JSON_FLAG } from "./output.ts";
import { probe, requireFree } from "./ports.ts";
import { addSettingFlags, processSources, settingFlags } from "./settings_flags.ts";
import { onStopSignals, SIGNAL_NUMBERS } from "./stop_signals.ts";

const STOP_TIMEOUT_MS = 5_000;
/** How long requests in flight may go on: what is not committed by then has no quorum. */
const HTTP_GRACE_MS = 1_000;
/** How long the last answers may take to reach their callers. */
const LAST_ANSWERS_MS = 500;
/** How long a client may take to send a request's body. */
const BODY_TIMEOUT_MS = 30_000;

export function define() {
  const command: CommandUnknownOpts = new Command()
    .option(JSON_FLAG, "print one JSON document once it listens")
    .addOption(
      new Option("--parent-pipe", "stop when standard input closes").hideHelp(),
    )
    .addHelpText(
      "after",
      examples(
        "skein run",
        "CLUSTER_KEY_FILE=cluster.key skein run --http 0.0.0.0:8001 --listen 0.0.0.0:7001 \\\n" +
          "      --advertise http://10.0.0.1:8001 --peers 10.0.0.1:7001,10.0.0.2:7001,10.0.0.3:7001",
      ),
    );
  addSettingFlags(command, () => true);
  return command.action(async () => {
    const options = command.opts();
    const config = loadConfig(processSources(settingFlags(options)));
    giveUpRights(["run"], "begun");
    throw new Exit(await run(config, options["json"] === true, options["parentPipe"] === true));
  });
}

/** @returns the exit code, once the peer has stopped */
async function run(config: Config, json: boolean, parentPipe: boolean): Promise<number> {
  endOnBug(json);
  const asked = Promise.withResolvers<string>();
  const stopListening = onStopSignals({
    stop: (signal) => asked.resolve(signal),
    stopNow: (signal) => Deno.exit(SIGNAL_OFFSET + SIGNAL_NUMBERS[signal]!),
  });
  if (parentPipe) void standardInputClosed().then(() => asked.resolve("the parent's pipe closed"));

  const peer = await start(() => startPeer(config, { fatal: (error) => endNow(error, json) }), [
    config.listen,
  ]);
  const options = httpOptions(config);
  let http: HttpServer;
  try {
    const addresses = [...options.listeners, ...config.metrics === null ? [] : [config.metrics]];
    http = await start(() => startHttp(peer, options), addresses);
  } catch (error) {
    await peer.stop();
    throw error;
  }
  const urls = http.addresses.map(({ host, port }) => urlOf(config, host, port));
  peer.logger.log("info", `${peer.name} answers on ${urls.join(", ")}`);
  if (json) {
    console.log(JSON.stringify({ success: true, name: peer.name, id: peer.id, http: urls }));
  }

  peer.logger.log("info", `${peer.name} stops: ${await asked.promise}`);
  const stopped = await stopWithin(STOP_TIMEOUT_MS, peer, http);
  stopListening();
  return stopped ? EXIT.ok : EXIT.unavailable;
}

/** @returns false where it took longer than allowed; what is durable is durable all the same */
async function stopWithin(timeoutMs: number, peer: Peer, http: HttpServer): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const timer = setTimeout(() => late.resolve(false), timeoutMs);
  const stopped = (async () => {
    await peer.drain();
    await http.drain({ graceMs: HTTP_GRACE_MS });
    await peer.stop();
    await http.stop({ graceMs: LAST_ANSWERS_MS });
    return true;
  })();
  const inTime = await Promise.race([stopped, late.promise]);
  clearTimeout(timer);
  if (!inTime) peer.logger.log("warn", `${peer.name} did not stop cleanly in ${timeoutMs} ms`);
  return inTime;
}

function httpOptions(config: Config): Parameters<typeof startHttp>[1] {
  return {
    listeners: config.http.filter((address) => !address.optional || probe(address) !== "absent"),
    metricsListener: config.metrics,
    token: config.token,
    tls: config.tls,
    bodyBytesMax: config.bodyBytesMax,
    bodyTimeoutMs: BODY_TIMEOUT_MS,
    headersTimeoutMs: LIMITS.httpHeadersTimeoutMs,
    connectionsMax: LIMITS.httpConnectionsMax,
    lockTtlMs: config.lockTtlMs,
    clock: REAL_CLOCK,
  };
}

/** Where listening fails, says which address is in the way. */
async function start<T>(
  begin: () => Promise<T>,
  addresses: Parameters<typeof requireFree>[0],
): Promise<T> {
  try {
    return await begin();
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    if (code === "EADDRINUSE" || error instanceof Deno.errors.AddrInUse) requireFree(addresses);
    throw error;
  }
}

/** A bug anywhere in the process: what the program believes is no longer sure, so it ends. */
function endOnBug(json: boolean): void {
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    endNow(event.error, json);
  });
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    endNow(event.reason, json);
  });
}

function endNow(error: unknown, json: boolean): never {
  Deno.exit(reportFailure(error, json));
}

async function standardInputClosed(): Promise<void> {
  const buffer = new Uint8Array(256);
  while (await Deno.stdin.read(buffer) !== null);
}

function urlOf({ tls }: Config, host: string, port: number): string {
  return `${tls === null ? "http" : "https"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
