/**
 * The cache's JSON answers as the types that programs work with: values as the JSON that they are, names in camelCase,
 * times in milliseconds. One function for each shape.
 */
import type { Json } from "./answers.ts";
import type { CacheStats, FrontStats, KeyView, LineLetter } from "../cache/cache.ts";

export interface CacheRead {
  /** `hit`: the peer had it; `filled`: it was fetched, or somebody computed it meanwhile; `miss`: there is no value. */
  readonly status: "hit" | "filled" | "miss";
  /** Of the line at the peer that answered. */
  readonly state: LineLetter;
  /** Any JSON value, as it was put; null as well on a miss. */
  readonly value: unknown;
  /** For `ifVersion`; null on a miss. */
  readonly version: string | null;
  /** ISO 8601, a hint; null: for ever, or a miss. */
  readonly expiresAt: string | null;
  /** Only on a miss with `fill`: this caller is the one to compute the value, and puts it with this. */
  readonly fillToken: string | null;
}

export interface CacheWritten {
  /** Names this write, for `ifVersion`. */
  readonly version: string;
  /** Of the line at the peer that answered. */
  readonly state: LineLetter;
}

export interface PeerCacheStats extends CacheStats {
  /** Whose cache it is. */
  readonly peer: string;
}

export function toRead(json: Json): CacheRead {
  return {
    status: json["status"],
    state: json["state"],
    value: json["value"],
    version: json["version"],
    expiresAt: json["expires_at"],
    fillToken: json["fill_token"] ?? null,
  };
}

export function toWritten(json: Json): CacheWritten {
  return { version: json["version"], state: json["state"] };
}

export function toKeyView(json: Json): KeyView {
  return {
    key: json["key"],
    partition: json["partition"],
    home: json["home"],
    holders: json["holders"],
    version: json["version"],
    state: json["state"],
  };
}

export function toCacheStats(json: Json): PeerCacheStats {
  return {
    peer: json["peer"],
    lines: json["lines"],
    linesMax: json["lines_max"],
    bytes: json["bytes"],
    dirty: json["dirty"],
    hits: json["hits"],
    misses: json["misses"],
    writes: json["writes"],
    invalidations: json["invalidations"],
    recalls: json["recalls"],
    evictions: json["evictions"],
    writeBacks: json["write_backs"],
    lost: json["lost"],
    messagesSent: json["messages_sent"],
    messagesReceived: json["messages_received"],
    ...json["redis"] === undefined ? {} : { front: toFrontStats(json["redis"]) },
  };
}

function toFrontStats(json: Json): FrontStats {
  return {
    write: json["write"],
    watch: json["watch"],
    reason: json["reason"],
    reads: json["reads"],
    writes: json["writes"],
    refusedByTerm: json["refused_by_term"],
    changes: json["changes"],
    reconnects: json["reconnects"],
  };
}
