/**
 * What one peer is started with: typed, complete and immutable. Every field is decided here or in
 * `load.ts`, so nothing behind it knows of flags, environment names or defaults. Times are milliseconds and
 * sizes bytes, whatever people wrote them in.
 */
import type { LogLevel } from "../logger.ts";
import type { RedisAddress } from "../storage/redis/redis_address.ts";

export interface Address {
  /** A name or an IP address, without brackets. */
  readonly host: string;
  /** 0 where any free port will do. */
  readonly port: number;
}

export interface HttpAddress extends Address {
  /** The IPv6 twin of a port given alone: a machine without IPv6 goes on without it. */
  readonly optional: boolean;
}

/** One entry of `--peers`. */
export interface PeerAddress extends Address {
  /** As it was written. */
  readonly written: string;
  /** `http`: a peer's admin endpoint, which tells where its peer protocol listens. */
  readonly kind: "peer" | "http";
}

/** What HTTPS is served with, and where that was read. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  /** Certificate chain in PEM. */
  readonly cert: string;
  /** Its private key in PEM. */
  readonly key: string;
}

/** Where a state in Redis is, and what is asked of that. */
export interface RedisPlace {
  readonly address: RedisAddress;
  /** A server that could lose what it confirmed is refused. */
  readonly requireDurable: boolean;
  /** Certificates in PEM that TLS trusts in place of the system's; null: those. */
  readonly certificates: string | null;
}

/** A Redis that the cache stands in front of. */
export interface CacheRedis {
  readonly address: RedisAddress;
  /** Certificates in PEM that TLS trusts in place of the system's; null: those. */
  readonly certificates: string | null;
  /** What the Redis keys of the cache's keys begin with. */
  readonly prefix: string;
  readonly write: "back" | "through";
  /** How long a line is used while nobody tells of changes. */
  readonly lineTtlMs: number;
}

/** What one topic of the queue may hold. */
export interface QueueBounds {
  readonly messagesMax: number;
  readonly bytesMax: number;
  /** Ids in the deduplication window. */
  readonly dedupMax: number;
}

/** What the event log remembers and keeps; null: everything. */
export interface EventBounds {
  /** Ids that one partition remembers. */
  readonly identitiesMax: number;
  /** What is left of a topic. */
  readonly retention: {
    readonly ageMs: number | null;
    readonly count: number | null;
    readonly bytes: number | null;
    readonly forgetAfterMs: number | null;
  };
}

/** What one peer's lines of the cache may come to. */
export interface CacheBounds {
  readonly entriesMax: number;
  readonly bytesMax: number;
}

/** Where peers meet without knowing each other's addresses. */
export interface SwarmPlace {
  /** First nodes of a DHT of one's own; null: the public one. */
  readonly bootstrap: readonly Address[] | null;
}

/** Where others reach this peer, if that differs from where it listens. */
export interface Advertised {
  readonly host: string;
  readonly httpUrl: string;
}

export interface Config {
  readonly name: string;
  readonly zone: string;
  /** The HTTP listeners; at least one. */
  readonly http: readonly HttpAddress[];
  /** True: listening off loopback without a token was asked for. */
  readonly httpOpen: boolean;
  readonly token: string | null;
  readonly tls: TlsFiles | null;
  readonly metrics: Address | null;
  /** The peer protocol. */
  readonly listen: Address;
  readonly advertise: Advertised | null;
  readonly peers: readonly PeerAddress[];
  /** Null: only `peers` says where others are. */
  readonly swarm: SwarmPlace | null;
  /** Any 16 to 256 bytes, to be hashed; null: a single local peer. */
  readonly clusterKey: string | null;
  /** How many empty peers form a cluster, 0 = only join; null: derived from `peers`. */
  readonly expect: number | null;
  readonly systemVoters: number;
  /** P: counts only where this peer proposes the cluster, as R does. */
  readonly partitions: number;
  /** R: replicas of a partition. */
  readonly replicas: number;
  readonly deadPeerGraceMs: number;
  /** Null: the embedded log in `dataDirectory`. */
  readonly redis: RedisPlace | null;
  readonly dataDirectory: string;
  readonly snapshotEntries: number;
  readonly snapshotBytes: number;
  readonly electionTimeoutMinMs: number;
  readonly electionTimeoutMaxMs: number;
  readonly heartbeatMs: number;
  readonly frameBytesMax: number;
  readonly bodyBytesMax: number;
  readonly cacheBounds: CacheBounds;
  readonly cacheFlushIntervalMs: number;
  /** Null: the peers replicate the cache's values themselves. */
  readonly cacheRedis: CacheRedis | null;
  readonly lockTtlMs: number;
  readonly queueBounds: QueueBounds;
  readonly eventBounds: EventBounds;
  readonly logLevel: LogLevel;
  readonly logFormat: "pretty" | "json";
  /** Null: standard error. */
  readonly logFile: string | null;
  /** What was asked for and is not done; one sentence each, for the log. */
  readonly warnings: readonly string[];
}

/** One setting that cannot be used. `message` says which, its value, and what is allowed. */
export interface ConfigProblem {
  /** The flag that the setting goes by, or the place of an unknown key. */
  readonly setting: string;
  readonly message: string;
}

/** The configuration was refused; all that is wrong with it at once. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(({ message }) => message).join("\n"));
    this.problems = problems;
  }
}
