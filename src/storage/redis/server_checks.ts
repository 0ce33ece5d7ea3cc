/**
 * What a Redis server says of itself, and what that means for a peer: whether it can be used at all, and what could be
 * lost. Pure: the answers of INFO and CONFIG GET are handed in.
 */
export interface ServerFacts {
  /** The answer of INFO. */
  readonly info: string;
  /** Names and values of CONFIG GET; null where the server does not tell. */
  readonly settings: ReadonlyMap<string, string> | null;
}

export interface ServerVerdict {
  /** Why a peer cannot work with it; null: it can. */
  readonly refusal: string | null;
  /** What could be lost, one sentence each. None: what is confirmed is on its disk. */
  readonly warnings: readonly string[];
}

/** Of CONFIG GET. */
export const ASKED_SETTINGS = [
  "appendonly",
  "appendfsync",
  "no-appendfsync-on-rewrite",
  "maxmemory",
  "maxmemory-policy",
] as const;

const VERSION_MIN = [6, 2] as const;

export function judgeServer({ info, settings }: ServerFacts): ServerVerdict {
  const fields = infoFields(info);
  const refusal = refusalOf(fields);
  if (refusal !== null) return { refusal, warnings: [] };
  if (settings === null) {
    const warning = "the Redis server does not tell how it persists (CONFIG GET is not allowed): " +
      "unless it fsyncs every write, what was acknowledged can be lost when it crashes";
    return { refusal: null, warnings: [warning] };
  }
  return { refusal: null, warnings: [...durability(settings), ...eviction(settings)] };
}

function refusalOf(fields: ReadonlyMap<string, string>): string | null {
  const version = fields.get("valkey_version") ?? fields.get("redis_version") ?? "";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [majorMin, minorMin] = VERSION_MIN;
  const isOld = major < majorMin || (major === majorMin && minor < minorMin);
  if (version !== "" && isOld) {
    return `is version ${version}, and a peer needs ${VERSION_MIN.join(".")} or later`;
  }
  const { role, primary } = { role: fields.get("role"), primary: fields.get("master_host") };
  if (role !== "slave") return null;
  return `is a read-only replica of ${
    primary ?? "another server"
  }: a peer writes, and needs the primary`;
}

/** What could be lost of what it confirmed. None: nothing. */
export function durability(settings: ReadonlyMap<string, string>): string[] {
  if (settings.get("appendonly") !== "yes") {
    return [
      "the Redis server keeps no append-only file (appendonly no): when it stops, everything since " +
      "its last snapshot is lost, whatever was acknowledged; let it run with appendonly yes and " +
      "appendfsync always",
    ];
  }
  const fsync = settings.get("appendfsync");
  if (fsync !== "always") {
    const lost = fsync === "everysec" ? "up to two seconds" : "half a minute";
    return [
      `the Redis server does not fsync every write (appendfsync ${fsync}): when its machine ` +
      `crashes, ${lost} of what was acknowledged can be lost; let it run with appendfsync always`,
    ];
  }
  if (settings.get("no-appendfsync-on-rewrite") === "yes") {
    return [
      "the Redis server does not fsync while it rewrites its append-only file " +
      "(no-appendfsync-on-rewrite yes): when its machine crashes then, what was acknowledged " +
      "meanwhile can be lost; set it to no",
    ];
  }
  return [];
}

function eviction(settings: ReadonlyMap<string, string>): string[] {
  const policy = settings.get("maxmemory-policy") ?? "noeviction";
  const isBounded = (settings.get("maxmemory") ?? "0") !== "0";
  if (!isBounded || !policy.startsWith("allkeys-")) return [];
  return [
    `the Redis server throws keys away when its memory is full (maxmemory-policy ${policy}), this ` +
    "peer's among them: its state is then damaged for good; set it to noeviction",
  ];
}

/** Names and values of INFO's answer. */
export function infoFields(info: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of info.split(/\r?\n/)) {
    const at = line.indexOf(":");
    if (at > 0) fields.set(line.slice(0, at), line.slice(at + 1));
  }
  return fields;
}
