/**
 * A peer in this process from its start to its end. SIGTERM, Ctrl-C and, where its parent holds its standard input, the
 * closing of that stop it cleanly: leadership is handed over, and within five seconds it is gone, quorum or not,
 * and whether it had started or not. SIGHUP reloads what `reload.ts` says.
 */
import { type Config, ConfigError } from "../config/mod.ts";
import { type HttpServer, startHttp } from "../http/server.ts";
import { requireUsable, validityWarning } from "../http/tls.ts";
import { LIMITS } from "../limits.ts";
import { type Log, loggingOptions, openLog } from "../peer/logging.ts";
import type { Peer } from "../peer/peer.ts";
import { REAL_CLOCK } from "../peer/real_clock.ts";
import { startPeer } from "../peer/start_peer.ts";
import { EXIT } from "./exit_codes.ts";
import { failureOf, reportFailure } from "./failure.ts";
import type { HangUps } from "./hang_ups.ts";
import { notAllowed } from "./not_allowed.ts";
import { probe, requireFree } from "./ports.ts";
import { Reloader } from "./reload.ts";

const STOP_TIMEOUT_MS = 5_000;
/** How long requests in flight may go on: what is not committed by then has no quorum. */
const HTTP_GRACE_MS = 1_000;
/** How long the last answers may take to reach their callers. */
const LAST_ANSWERS_MS = 500;
/** How long a client may take to send a request's body. */
const BODY_TIMEOUT_MS = 30_000;

export interface RunOptions {
  readonly json: boolean;
  /** Resolves with the reason once somebody asks for a stop. */
  readonly asked: Promise<string>;
  readonly hangUps: HangUps;
}

interface Started {
  readonly peer: Peer;
  readonly http: HttpServer;
}

/**
 * @returns the exit code, once the peer has stopped
 * @throws {ConfigError} by rejection, for a log file that cannot be opened, or a certificate without its key
 */
export async function runPeer(
  config: Config,
  { json, asked, hangUps }: RunOptions,
): Promise<number> {
  requireTls(config);
  const log = openLogOf(config);
  const end = (error: unknown) => Deno.exit(reportEverywhere(error, json, config, log));
  endOnBug(end);
  let isAsked = false;
  const late = asked.then(() => {
    isAsked = true;
    return after(STOP_TIMEOUT_MS);
  });
  // It may have come while this was loaded.
  await Promise.resolve();
  if (isAsked) return EXIT.ok;

  let started: Started | null;
  try {
    started = await Promise.race([start(config, log, end), late.then(() => null)]);
  } catch (error) {
    if (config.logFile !== null) log.logger.log("error", failureOf(error).message);
    throw error;
  }
  if (started === null) {
    log.logger.log("warn", `${config.name} was not started when it had to stop: ${await asked}`);
    return EXIT.unavailable;
  }
  const { peer, http } = started;
  serveHangUps(hangUps, config, log, http);
  announce(config, started, json);

  log.logger.log("info", `${peer.name} stops: ${await asked}`);
  const inTime = await Promise.race([stop(peer, http), late.then(() => false)]);
  if (!inTime) {
    log.logger.log("warn", `${peer.name} did not stop cleanly in ${STOP_TIMEOUT_MS} ms`);
  }
  return inTime ? EXIT.ok : EXIT.unavailable;
}

/** @throws {ConfigError} where there is a certificate that cannot be served with */
export function requireTls({ tls }: Config): void {
  try {
    if (tls !== null) requireUsable(tls);
  } catch (error) {
    throw refusal("--tls-cert", (error as Error).message);
  }
}

/** @throws {ConfigError} */
function openLogOf(config: Config): Log {
  try {
    return openLog(loggingOptions(config));
  } catch (error) {
    throw refusal("--log-file", notAllowed(error) ?? (error as Error).message);
  }
}

function refusal(setting: string, message: string): ConfigError {
  return new ConfigError([{ setting, message: `${setting}: ${message}` }]);
}

/** The peer and its HTTP side, both or none. */
async function start(
  config: Config,
  { logger }: Log,
  fatal: (error: unknown) => void,
): Promise<Started> {
  const peer = await listening(() => startPeer(config, { logger, fatal }), [config.listen]);
  const options = httpOptions(config);
  try {
    const addresses = [...options.listeners, ...config.metrics === null ? [] : [config.metrics]];
    return { peer, http: await listening(() => startHttp(peer, options), addresses) };
  } catch (error) {
    await peer.stop();
    throw error;
  }
}

/** @returns true, once all is over; what is durable is durable all the same */
async function stop(peer: Peer, http: HttpServer): Promise<true> {
  await peer.drain();
  await http.drain({ graceMs: HTTP_GRACE_MS });
  await peer.stop();
  await http.stop({ graceMs: LAST_ANSWERS_MS });
  return true;
}

function serveHangUps(hangUps: HangUps, { tls }: Config, log: Log, http: HttpServer): void {
  const reloader = new Reloader({
    log,
    tls,
    readFile: (path) => Deno.readTextFileSync(path),
    renewTls: (pair) => http.renewTls(pair),
    nowMs: () => Date.now(),
  });
  hangUps.serve(() => reloader.reload());
}

function announce(config: Config, { peer, http }: Started, json: boolean): void {
  const urls = http.addresses.map(({ host, port }) => urlOf(config, host, port));
  peer.logger.log("info", `${peer.name} answers on ${urls.join(", ")}`);
  const warning = config.tls === null ? null : validityWarning(config.tls, Date.now());
  if (warning !== null) peer.logger.log("warn", warning);
  if (json) {
    console.log(JSON.stringify({ success: true, name: peer.name, id: peer.id, http: urls }));
  }
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
async function listening<T>(
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
function endOnBug(end: (error: unknown) => void): void {
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    end(event.error);
  });
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    end(event.reason);
  });
}

/** @returns the exit code */
function reportEverywhere(error: unknown, json: boolean, { logFile }: Config, log: Log): number {
  if (logFile !== null) log.logger.log("error", failureOf(error).message);
  return reportFailure(error, json);
}

function after(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

function urlOf({ tls }: Config, host: string, port: number): string {
  return `${tls === null ? "http" : "https"}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
