/**
 * The cache as its callers see it: HTTP, the command line and embedding programs. Every peer answers from lines
 * of its own, and no answer is stale: see README.md. Lost are at most writes without `durable` whose owner was
 * lost before they were written back; the key then goes back to its last written-back value and never further.
 */
import type { RequestKey } from "../groups/groups.ts";

/** Modified, Exclusive, Shared, Invalid. */
export type LineLetter = "M" | "E" | "S" | "I";

export interface CacheValue {
  /** JSON text in UTF-8, as it will be answered. */
  readonly data: Uint8Array;
  /** An opaque text: names one write of one key, and never comes again, not even after delete. */
  readonly version: string;
  /** ISO 8601, a hint: ttls are in group time; null: for ever. */
  readonly expiresAt: string | null;
}

export interface GetRequest {
  readonly key: string;
  /**
   * Where the key has no value: one caller in the cluster gets a fill token, and is the one to `put`; the others
   * wait for it, up to `waitMs`.
   */
  readonly fill: boolean;
  readonly waitMs: number;
  /** How long the fill token is good for; null: 30 s. It ends with its holder's lease as well. */
  readonly fillTtlMs: number | null;
  /** Aborted: its caller has gone away, and waits for nobody's value any more. */
  readonly signal?: AbortSignal | null;
}

export interface GetAnswer {
  /** `hit`: the line was here; `filled`: it was fetched, or somebody filled it meanwhile; `miss`: no value. */
  readonly status: "hit" | "filled" | "miss";
  /** Of the line at the peer that answered. */
  readonly state: LineLetter;
  /** Null on a miss. */
  readonly value: CacheValue | null;
  /** Where this caller is the one to compute the value. */
  readonly fillToken: string | null;
}

export interface PutRequest {
  readonly key: string;
  readonly data: Uint8Array;
  /** Null: for ever. */
  readonly ttlMs: number | null;
  /** Answered only after the write-back is committed: never lost. */
  readonly durable: boolean;
  /** Writes only over this version; null: only where there is no value; undefined: whatever is there. */
  readonly ifVersion: string | null | undefined;
  /** Fills what `get` with `fill` asked for; CONFLICT where the token is over. */
  readonly fillToken: string | null;
  /** A caller's own id: makes the write durable, and safe to send again. */
  readonly request: RequestKey | null;
}

export type PutAnswer =
  | { readonly ok: true; readonly state: LineLetter; readonly version: string }
  /** `ifVersion` names another version than the key has. @param version null: it has no value */
  | { readonly ok: false; readonly code: "CONFLICT"; readonly version: string | null };

export interface DeleteAnswer {
  /** Whether there was a value. */
  readonly existed: boolean;
}

export interface KeyHolder {
  readonly peer: string;
  /** As the home knows it: an Exclusive line may have become Modified without a message. */
  readonly state: LineLetter;
}

export interface KeyView {
  readonly key: string;
  readonly partition: number;
  /** The peer that keeps the directory; null while the partition has none. */
  readonly home: string | null;
  readonly holders: readonly KeyHolder[];
  /** What is written back; null: no value. */
  readonly version: string | null;
  /** Of the line at the peer that answers. */
  readonly state: LineLetter;
}

/** Counters of one peer since it started, and what it holds now. */
export interface CacheStats {
  readonly lines: number;
  readonly linesMax: number;
  readonly bytes: number;
  readonly dirty: number;
  readonly hits: number;
  readonly misses: number;
  readonly writes: number;
  /** Lines that went to Invalid because of a write or an invalidate elsewhere. */
  readonly invalidations: number;
  readonly recalls: number;
  readonly evictions: number;
  readonly writeBacks: number;
  /** Writes that were answered and then lost, as cache.ts says. */
  readonly lost: number;
  readonly messagesSent: number;
  readonly messagesReceived: number;
  /** Null, or absent: the cache stands in front of nothing. */
  readonly front?: FrontStats | null;
}

/** Of the Redis that this peer's cache stands in front of. */
export interface FrontStats {
  /** When writes come there. */
  readonly write: "back" | "through";
  /** How changes by others are noticed; null: there is no connection. */
  readonly watch: "tracking" | "notifications" | "ttl" | null;
  /** Why there is no connection. */
  readonly reason: string | null;
  /** Keys that were read there. */
  readonly reads: number;
  readonly writes: number;
  /** Writes of homes at this peer that others had followed. */
  readonly refusedByTerm: number;
  /** Changes by others of keys that a home at this peer knew. */
  readonly changes: number;
  readonly reconnects: number;
}

/** All methods reject with `SkeinError` where the cluster could not answer. */
export interface Cache {
  get(request: GetRequest): Promise<GetAnswer>;
  /** OUTCOME_UNKNOWN where a durable write was caught by the loss of its line's lease. */
  put(request: PutRequest): Promise<PutAnswer>;
  /** Removes the value; no copy is left anywhere when this resolves. */
  delete(key: string, request: RequestKey | null): Promise<DeleteAnswer>;
  /** Every copy goes to Invalid everywhere, a dirty one after its write-back; the value stays at home. */
  invalidate(key: string): Promise<void>;
  /** Who holds the line, as its home knows. */
  state(key: string): Promise<KeyView>;
  stats(): CacheStats;
}
