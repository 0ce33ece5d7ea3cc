/**
 * From single values to a whole `Config`: the defaults that follow from other settings, and what settings
 * require of each other. Pure.
 */
import { assert } from "../assert.ts";
import { LIMITS } from "../limits.ts";
import { isEveryAddress, isLoopback } from "../loopback.ts";
import type { Address, Advertised, Config, ConfigProblem } from "./config.ts";
import type { Sources } from "./sources.ts";
import type { SettingValues } from "./settings.ts";
import { readPem, readTlsFiles } from "./tls_files.ts";

/** The peer protocol's default port lies so far below the HTTP port. */
const PEER_PORT_BELOW_HTTP = 1000;

/**
 * @param values null where a setting has neither value nor default; where it was refused, its default
 * @param problems what does not fit together is added, unless one of the settings was refused already
 */
export function resolve(
  values: SettingValues,
  { hostName, terminal, readFile }: Sources,
  problems: ConfigProblem[],
): Config {
  const [http] = required(values.http);
  assert(http !== undefined, "a list of HTTP addresses is never empty");
  const listen = values.listen ?? defaultListen(http);
  const name = values.name ?? `${hostName.split(".")[0]}-${http.port}`;
  const [electionTimeoutMinMs, electionTimeoutMaxMs] = required(values.electionTimeout);
  const config: Config = {
    name,
    zone: values.zone ?? "",
    http: required(values.http),
    httpOpen: required(values.httpOpen),
    token: values.token,
    tls: readTls(values, readFile, problems),
    metrics: values.metricsPort,
    listen,
    advertise: values.advertise === null
      ? advertisedByName(listen, http, values.tlsCert === null ? "http" : "https", hostName)
      : advertised(values.advertise),
    peers: values.peers ?? [],
    swarm: swarmPlace(values, problems),
    clusterKey: values.clusterKey,
    expect: values.expect,
    systemVoters: Number(required(values.systemVoters)),
    partitions: required(values.partitions),
    replicas: required(values.replicas),
    deadPeerGraceMs: required(values.deadPeerGrace),
    ...redisOf(values, readFile, problems),
    dataDirectory: values.data ?? `./skein-data/${name}`,
    snapshotEntries: required(values.snapshotEntries),
    snapshotBytes: required(values.snapshotBytes),
    electionTimeoutMinMs,
    electionTimeoutMaxMs,
    heartbeatMs: required(values.heartbeat),
    frameBytesMax: required(values.maxFrame),
    bodyBytesMax: required(values.maxBody),
    cacheBounds: {
      entriesMax: required(values.cacheMaxEntries),
      bytesMax: required(values.cacheMaxBytes),
    },
    cacheFlushIntervalMs: required(values.cacheFlushInterval),
    lockTtlMs: required(values.lockTtl),
    queueBounds: {
      messagesMax: required(values.queueMaxMessages),
      bytesMax: required(values.queueMaxBytes),
      dedupMax: required(values.queueDedupMax),
    },
    eventBounds: {
      identitiesMax: required(values.eventsMaxIdentities),
      retention: {
        ageMs: values.eventsRetainAge,
        count: values.eventsRetainCount,
        bytes: values.eventsRetainBytes,
        forgetAfterMs: values.eventsForgetAfter,
      },
    },
    logLevel: required(values.logLevel),
    logFormat: values.logFormat ?? (terminal && values.logFile === null ? "pretty" : "json"),
    logFile: values.logFile,
    warnings: quorumWarnings(values),
  };
  checkTogether(config, problems);
  return config;
}

/** A row with a default always has a value. */
function required<T>(value: T | null): T {
  assert(value !== null, "a setting's default fits its own format");
  return value;
}

function checkTogether(config: Config, problems: ConfigProblem[]): void {
  const refused = new Set(problems.map(({ setting }) => setting));
  /** Where the file cannot be read, or one of them was refused, nothing can be said of them together. */
  const refuse = (settings: readonly string[], message: string) => {
    const [setting = ""] = settings;
    if (["--config", ...settings].some((each) => refused.has(each))) return;
    problems.push({ setting, message: `${setting}: ${message}` });
  };
  const open = [...config.http, ...(config.metrics === null ? [] : [config.metrics])]
    .find(({ host }) => !isLoopback(host));
  if (open !== undefined && config.token === null && !config.httpOpen) {
    refuse(
      ["--token", "--http", "--http-open", "--metrics-port"],
      `none is given, and ${formatAddress(open)} is reachable from other machines; ` +
        "allowed: a token, --http-open, or a loopback address",
    );
  }
  if (config.listen.port < 0) {
    refuse(
      ["--listen", "--http"],
      `none is given, and the HTTP port ${
        config.http[0]!.port
      } less ${PEER_PORT_BELOW_HTTP} is no port; ` +
        "allowed: [HOST:]PORT",
    );
  }
  const alone = config.peers.length === 0 && config.swarm === null && (config.expect ?? 1) === 1 &&
    isLoopback(config.listen.host);
  if (config.clusterKey === null && !alone) {
    refuse(
      ["--cluster-key", "--peers", "--swarm", "--expect", "--listen", "--http"],
      "none is given, and only a single local peer can do without; " +
        "allowed: 16 to 256 bytes, the same at every peer (skein keygen makes one)",
    );
  }
  const { partitions, replicas } = config;
  if (partitions * replicas > LIMITS.firstReplicasMax) {
    refuse(
      ["--partitions", "--replicas"],
      `cannot use ${partitions} with ${replicas} replicas each; ` +
        `allowed: at most ${LIMITS.firstReplicasMax} replicas of all partitions together`,
    );
  }
  if (config.heartbeatMs * 2 > config.electionTimeoutMinMs) {
    refuse(
      ["--heartbeat", "--election-timeout"],
      `cannot use ${config.heartbeatMs / 1000} with an election timeout from ` +
        `${config.electionTimeoutMinMs / 1000}; allowed: at most half of it`,
    );
  }
}

function readTls(
  { tlsCert, tlsKey }: SettingValues,
  readFile: Sources["readFile"],
  problems: ConfigProblem[],
): Config["tls"] {
  if (tlsCert === null && tlsKey === null) return null;
  if (tlsCert === null || tlsKey === null) {
    const [missing, given] = tlsCert === null
      ? ["--tls-cert", "--tls-key"]
      : ["--tls-key", "--tls-cert"];
    const message = `${missing}: none is given beside ${given}; allowed: both or neither`;
    // A file that cannot be read may name the other one.
    if (problems.every(({ setting }) => setting !== "--config")) {
      problems.push({ setting: missing, message });
    }
    return null;
  }
  const read = readTlsFiles(tlsCert, tlsKey, readFile);
  if (!("problems" in read)) return read;
  problems.push(...read.problems);
  return null;
}

/** What is of no use without another setting is refused, unless that one could not be read. */
function refuseAlone(
  setting: string,
  needed: readonly string[],
  without: string,
  problems: ConfigProblem[],
): void {
  const isKnown = problems.every((one) => !["--config", ...needed].includes(one.setting));
  if (!isKnown) return;
  const allowed = needed.join(" or ");
  const message = `${setting}: cannot be used without ${without}; allowed: beside ${allowed}`;
  problems.push({ setting, message });
}

function swarmPlace(
  { swarm, swarmBootstrap }: SettingValues,
  problems: ConfigProblem[],
): Config["swarm"] {
  if (required(swarm)) return { bootstrap: swarmBootstrap };
  if (swarmBootstrap !== null) {
    refuseAlone("--swarm-bootstrap", ["--swarm"], "a swarm", problems);
  }
  return null;
}

function redisOf(
  values: SettingValues,
  readFile: Sources["readFile"],
  problems: ConfigProblem[],
): Pick<Config, "redis" | "cacheRedis"> {
  const { redis, cacheRedis, redisCa, redisRequireDurable, cacheRedisPrefix } = values;
  const refuse = (setting: string, ...needed: readonly string[]) => {
    refuseAlone(setting, needed, "a Redis", problems);
  };
  const requireDurable = required(redisRequireDurable);
  if (redis === null) {
    if (requireDurable) refuse("--redis-require-durable", "--redis");
    if (redisCa !== null && cacheRedis === null) refuse("--redis-ca", "--redis", "--cache-redis");
  }
  if (cacheRedis === null && cacheRedisPrefix !== null) {
    refuse("--cache-redis-prefix", "--cache-redis");
  }
  let certificates: string | null = null;
  try {
    const isNeeded = redis !== null || cacheRedis !== null;
    if (isNeeded && redisCa !== null) certificates = readPem(readFile, redisCa, "--redis-ca");
  } catch (error) {
    problems.push({ setting: "--redis-ca", message: (error as Error).message });
  }
  return {
    redis: redis === null ? null : { address: redis, requireDurable, certificates },
    cacheRedis: cacheRedis === null ? null : {
      address: cacheRedis,
      certificates,
      prefix: cacheRedisPrefix ?? "",
      write: required(values.cacheRedisWrite),
      lineTtlMs: required(values.cacheRedisLineTtl),
    },
  };
}

function defaultListen(http: Address): Address {
  return { host: "127.0.0.1", port: http.port === 0 ? 0 : http.port - PEER_PORT_BELOW_HTTP };
}

function advertised(url: URL): Advertised {
  return { host: url.hostname.replace(/^\[|\]$/g, ""), httpUrl: url.origin };
}

/** @returns null where it can be dialled where it listens; else the machine's name stands for all its addresses */
function advertisedByName(
  listen: Address,
  http: Address,
  scheme: string,
  hostName: string,
): Advertised | null {
  if (![listen, http].some(({ host }) => isEveryAddress(host))) return null;
  const named = ({ host, port }: Address): Address => ({
    host: isEveryAddress(host) ? hostName : host,
    port,
  });
  return { host: named(listen).host, httpUrl: `${scheme}://${formatAddress(named(http))}` };
}

/** Raft's quorum is the majority, whatever is asked for; who asks for something else should know. */
function quorumWarnings({ quorum, expect, peers }: SettingValues): readonly string[] {
  const peerCount = Math.max(expect ?? 1, peers?.length ?? 1, 1);
  const majority = Math.floor(peerCount / 2) + 1;
  if (quorum === null || quorum === majority) return [];
  const relation = quorum < majority ? "less" : "more";
  return [
    `--quorum ${quorum} is ${relation} than the majority of ${peerCount} peers; ` +
    `the majority, ${majority}, is used`,
  ];
}

/** `host:port`, an IPv6 host in brackets. */
export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
