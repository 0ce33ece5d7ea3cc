/**
 * Where a Redis is, as operators write it: one URL for a single server, for the sentinels that know it, or for nodes
 * of a cluster. Pure. What is shown of it never has the password.
 *
 *     redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]
 *     redis-sentinel://[USER:PASSWORD@]HOST[:PORT],…/NAME[/DATABASE]
 *     redis-cluster://[USER:PASSWORD@]HOST[:PORT],…
 *
 * With rediss in place of redis the connections are TLS.
 */
export interface RedisHost {
  readonly host: string;
  readonly port: number;
}

export interface RedisAddress {
  readonly kind: "single" | "sentinel" | "cluster";
  /** At least one: the server, sentinels, or nodes that know the others. */
  readonly hosts: readonly RedisHost[];
  /** What sentinels call the server; "" elsewhere. */
  readonly sentinelName: string;
  readonly user: string | null;
  readonly password: string | null;
  readonly database: number;
  readonly tls: boolean;
}

export const REDIS_URL_ALLOWED = "redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], " +
  "redis-sentinel://HOST[:PORT],…/NAME[/DATABASE] or redis-cluster://HOST[:PORT],…, " +
  "with rediss for TLS";

/** Where all keys must be on one server. */
export const REDIS_PRIMARY_URL_ALLOWED = "redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE] or " +
  "redis-sentinel://HOST[:PORT],…/NAME[/DATABASE], with rediss for TLS; no Redis Cluster";

const REDIS_PORT = 6379;
const SENTINEL_PORT = 26_379;
const DATABASE_MAX = 1_000_000;

const URL_FORM = /^redis(s?)(?:-(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^/@]+)(?:\/(.*))?$/;
const HOST_FORM = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9_.-]+))(?::(\d{1,5}))?$/;

/** @returns null where the text is no such URL */
export function parseRedisUrl(text: string): RedisAddress | null {
  const match = URL_FORM.exec(text);
  if (match === null) return null;
  const [, secure, kind = "single", credentials, hostList = "", path = ""] = match;
  const isSentinel = kind === "sentinel";
  const hosts = parseHosts(hostList, isSentinel ? SENTINEL_PORT : REDIS_PORT);
  const login = parseCredentials(credentials);
  const place = parsePath(path, isSentinel);
  if (hosts === null || login === null || place === null) return null;
  if (kind === "single" && hosts.length > 1) return null;
  if (kind === "cluster" && place.database !== 0) return null;
  return {
    kind: kind as RedisAddress["kind"],
    hosts,
    ...login,
    ...place,
    tls: secure === "s",
  };
}

/** Without user and password, for people. */
export function describeRedis(address: RedisAddress): string {
  const { kind, hosts, sentinelName, database, tls } = address;
  const scheme = `redis${tls ? "s" : ""}${kind === "single" ? "" : `-${kind}`}`;
  const list = hosts.map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}`);
  const path = [sentinelName, database === 0 ? "" : String(database)].filter((part) => part !== "");
  return [`${scheme}://${list.join(",")}`, ...path].join("/");
}

function parseHosts(text: string, defaultPort: number): RedisHost[] | null {
  const hosts: RedisHost[] = [];
  for (const part of text.split(",")) {
    const match = HOST_FORM.exec(part);
    const host = match?.[1] ?? match?.[2];
    const port = Number(match?.[3] ?? defaultPort);
    if (host === undefined || port < 1 || port > 65_535) return null;
    hosts.push({ host, port });
  }
  return hosts;
}

function parseCredentials(
  text: string | undefined,
): Pick<RedisAddress, "user" | "password"> | null {
  if (text === undefined) return { user: null, password: null };
  const [user = "", ...rest] = text.split(":");
  try {
    const password = decodeURIComponent(rest.join(":"));
    if (password === "") return null;
    return { user: user === "" ? null : decodeURIComponent(user), password };
  } catch {
    return null;
  }
}

function parsePath(
  text: string,
  isSentinel: boolean,
): Pick<RedisAddress, "sentinelName" | "database"> | null {
  const parts = text.split("/").filter((part) => part !== "");
  const sentinelName = isSentinel ? parts.shift() : "";
  const [database = "0", ...rest] = parts;
  const isNumber = /^\d{1,7}$/.test(database) && Number(database) <= DATABASE_MAX;
  if (sentinelName === undefined || !isNumber || rest.length > 0) return null;
  return { sentinelName, database: Number(database) };
}
