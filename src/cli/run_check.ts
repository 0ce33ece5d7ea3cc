/**
 * `skein run --check`: whether a peer could start here, and all that is in its way. It loads what a peer loads, and reads
 * what it would read; it writes nothing, and listens only for the moment that it takes to see that it could. A peer that
 * runs with the same data is no fault: then its data and its addresses are taken, and are not looked at.
 */
import { type Config, ConfigError, type ConfigProblem, examineConfig } from "../config/mod.ts";
import { formatAddress, type HttpAddress, type Sources } from "../config/mod.ts";
import { validityWarning } from "../http/tls.ts";
import { SILENT } from "../logger.ts";
import { REAL_CLOCK } from "../peer/real_clock.ts";
import { redisOptions } from "../peer/storage_of.ts";
import { Random } from "../random.ts";
import { checkLog } from "../storage/log/check.ts";
import { describeRedis } from "../storage/redis/redis_address.ts";
import { EXIT } from "./exit_codes.ts";
import { Exit } from "./failure.ts";
import { notAllowed } from "./not_allowed.ts";
import { print } from "./output.ts";
import { tryListening } from "./ports.ts";
import { requireTls } from "./run_peer.ts";
import { obstacleToDirectory, obstacleToFile } from "./writable.ts";

/** What is to be said of a peer that was not started. */
export interface RunCheck {
  readonly config: Config;
  /** None: it could start. */
  readonly problems: readonly ConfigProblem[];
  readonly warnings: readonly string[];
  readonly data: FoundData;
}

export interface FoundData {
  /** `unknown`: which directory, or what is in it, is not known. */
  readonly state: "new" | "sound" | "running" | "unknown";
  readonly sizeBytes: number;
  readonly problem: ConfigProblem | null;
  /** What could be lost there. */
  readonly warnings: readonly string[];
}

const UNKNOWN: FoundData = { state: "unknown", sizeBytes: 0, problem: null, warnings: [] };

/**
 * Looks, and says what it found.
 * @throws {Exit} by rejection, with exit code 2, where the peer could not start
 */
export async function printRunCheck(sources: Sources, json: boolean): Promise<void> {
  const found = await checkRun(sources);
  const { config: { name, dataDirectory }, problems, warnings, data } = found;
  const facts = { name, dataDirectory, data: data.state, problems, warnings };
  if (problems.length === 0) {
    print(json, { success: true, ...facts }, () => describe(found));
    return;
  }
  const messages = problems.map(({ message }) => message);
  if (json) {
    const failure = { success: false, error: "BAD_CONFIGURATION", message: messages.join("\n") };
    print(json, { ...failure, ...facts }, () => "");
  } else {
    for (const message of messages) console.error(`skein: ${message}`);
    for (const warning of warnings) console.error(`skein: warning: ${warning}`);
  }
  throw new Exit(EXIT.usage);
}

export async function checkRun(sources: Sources): Promise<RunCheck> {
  const { config, problems: refused } = examineConfig(sources);
  const settings = new Set(refused.map(({ setting }) => setting));
  /** In the place of what was refused stands a default, of which nothing need be said. */
  const isUsable = (...names: string[]) =>
    !["--config", ...names].some((name) => settings.has(name));
  const data = await examine(config, isUsable);
  const front = await examineFront(config, isUsable);
  const problems = [
    ...refused,
    ...refusalOf("--tls-cert", () => requireTls(config)),
    ...data.problem === null ? [] : [data.problem],
    ...front.problem === null ? [] : [front.problem],
    ...logFileProblems(config),
    ...data.state === "running" ? [] : addressProblems(config, isUsable),
  ];
  const outdated = config.tls === null ? null : validityWarning(config.tls, Date.now());
  const warnings = [
    ...config.warnings,
    ...data.warnings,
    ...front.warnings,
    ...outdated === null ? [] : [outdated],
  ];
  return { config, problems, data, warnings };
}

function problem(setting: string, message: string): ConfigProblem {
  return { setting, message: `${setting}: ${message}` };
}

/** What a start would be refused with. */
function refusalOf(setting: string, start: () => void): readonly ConfigProblem[] {
  try {
    start();
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    return [problem(setting, (error as Error).message)];
  }
}

async function examine(
  config: Config,
  isUsable: (...settings: string[]) => boolean,
): Promise<FoundData> {
  if (!isUsable("--name", "--redis")) return UNKNOWN;
  if (config.redis !== null) return isUsable("--redis-ca") ? await examineRedis(config) : UNKNOWN;
  return isUsable("--data") ? await examineData(config.dataDirectory) : UNKNOWN;
}

async function examineRedis(config: Config): Promise<FoundData> {
  try {
    const { checkRedis } = await import("../storage/redis/check.ts");
    const { state, sizeBytes, warnings } = await checkRedis(await redisOptions(config, SILENT));
    return { state, sizeBytes, warnings, problem: null };
  } catch (error) {
    const message = `cannot keep data there: ${(error as Error).message}`;
    return { ...UNKNOWN, problem: problem("--redis", message) };
  }
}

/** What the cache is to stand in front of. */
async function examineFront(
  { cacheRedis }: Config,
  isUsable: (...settings: string[]) => boolean,
): Promise<Pick<FoundData, "problem" | "warnings">> {
  const none = { problem: null, warnings: [] };
  if (cacheRedis === null || !isUsable("--cache-redis", "--redis-ca")) return none;
  try {
    const { checkFront } = await import("../cache/redis/check.ts");
    const random = new Random(...crypto.getRandomValues(new Uint32Array(3)));
    const { warnings } = await checkFront(cacheRedis, { clock: REAL_CLOCK, random });
    return { ...none, warnings };
  } catch (error) {
    const message = `the cache cannot stand in front of it: ${(error as Error).message}`;
    return { ...none, problem: problem("--cache-redis", message) };
  }
}

async function examineData(directory: string): Promise<FoundData> {
  const faulty = (reason: string): FoundData => ({
    ...UNKNOWN,
    problem: problem("--data", `cannot keep data in ${directory}: ${reason}`),
  });
  const obstacle = obstacleToDirectory(directory);
  if (obstacle !== null) return faulty(obstacle);
  try {
    const report = await checkLog(directory);
    switch (report.verdict) {
      case "inUse":
        return { ...UNKNOWN, state: "running" };
      case "sound": {
        const state = report.storeId === null ? "new" : "sound";
        return { ...UNKNOWN, state, sizeBytes: report.sizeBytes };
      }
      default:
        return faulty(report.message);
    }
  } catch (error) {
    return faulty(notAllowed(error) ?? (error as Error).message);
  }
}

function logFileProblems({ logFile }: Config): readonly ConfigProblem[] {
  const obstacle = logFile === null ? null : obstacleToFile(logFile);
  return obstacle === null ? [] : [problem("--log-file", `cannot write there: ${obstacle}`)];
}

function addressProblems(
  { http, metrics, listen }: Config,
  isUsable: (...settings: string[]) => boolean,
): readonly ConfigProblem[] {
  const settings = new Map<HttpAddress, string>();
  if (isUsable("--http")) { for (const address of http) settings.set(address, "--http"); }
  if (metrics !== null) settings.set({ ...metrics, optional: false }, "--metrics-port");
  if (isUsable("--listen", "--http")) settings.set({ ...listen, optional: false }, "--listen");
  return tryListening([...settings.keys()]).map(({ address, reason }) =>
    problem(settings.get(address)!, `cannot listen on ${formatAddress(address)}: ${reason}`)
  );
}

function describe({ config, data, warnings }: RunCheck): string {
  const { name, dataDirectory, redis, cacheRedis, http, listen, tls, logFile } = config;
  const scheme = tls === null ? "http" : "https";
  const facts = [
    ["peer", `${name} could start`],
    [
      "data",
      `${redis === null ? dataDirectory : describeRedis(redis.address)}: ${dataInWords(data)}`,
    ],
    ...cacheRedis === null ? [] : [["cache", `in front of ${describeRedis(cacheRedis.address)}`]],
    ["http", http.map((address) => `${scheme}://${formatAddress(address)}`).join(", ")],
    ["peers", formatAddress(listen)],
    ["log", logFile ?? "standard error"],
    ...warnings.map((warning) => ["warning", warning]),
  ];
  return facts.map(([fact = "", value]) => `${fact.padEnd("warning".length)}  ${value}`).join("\n");
}

function dataInWords({ state, sizeBytes }: FoundData): string {
  if (state === "running") return "a peer is running with it; its addresses were not looked at";
  return state === "sound" ? `sound, ${sizeBytes} bytes` : "empty, a new peer";
}
