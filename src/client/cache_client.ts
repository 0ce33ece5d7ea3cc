/**
 * The coherent cache, as a program uses it. Reached as `client.cache`; what it guarantees is said in the design,
 * "Cache". A value is any JSON value; times go in and out in milliseconds here, and in seconds on the wire.
 *
 * A write without a `requestId` is sent again only where it certainly was not done: sent twice, it might bring back what
 * somebody has written over meanwhile.
 */
import type { Json } from "./answers.ts";
import {
  type CacheRead,
  type CacheWritten,
  type PeerCacheStats,
  toCacheStats,
  toKeyView,
  toRead,
  toWritten,
} from "./cache_answers.ts";
import type { CallOptions, WriteOptions } from "./lock_client.ts";
import type { Requester } from "./requester.ts";
import type { KeyView } from "../cache/cache.ts";

export interface GetOptions extends CallOptions {
  /** Where there is no value one caller in the cluster gets a `fillToken`, and is to `put` one with it. */
  readonly fill?: boolean;
  /** With `fill`: how long to wait for what another caller computes; 0 where absent. */
  readonly waitMs?: number;
  /** With `fill`: how long the token is good for; 30,000 where absent. */
  readonly fillTtlMs?: number;
}

export interface PutOptions extends WriteOptions {
  /** No value any more after so long; for ever where absent. */
  readonly ttlMs?: number;
  /** Answered only when the write is committed: it is never lost. */
  readonly durable?: boolean;
  /** Written only over this version; null: only where there is no value; absent: whatever there is. */
  readonly ifVersion?: string | null;
  /** Of a `get` with `fill`, whose value this is. */
  readonly fillToken?: string;
}

export class CacheClient {
  readonly #requester: Requester;

  constructor(requester: Requester) {
    this.#requester = requester;
  }

  /**
   * Reads a value: never an older one than was written anywhere before.
   * @throws {SkeinError} by rejection: INVALID, UNAVAILABLE, …; that there is no value is no error
   */
  async get(key: string, options: GetOptions = {}): Promise<CacheRead> {
    const { fill = false, waitMs = 0, fillTtlMs, signal } = options;
    const body = {
      key,
      ...(fill ? { fill } : {}),
      ...(fillTtlMs === undefined ? {} : { fill_ttl: fillTtlMs / 1000 }),
    };
    const wait = fill ? { wait: { field: "wait", ms: waitMs } as const } : {};
    const call = { method: "POST", path: "/cache/get", body, retry: "read", signal } as const;
    return toRead(await this.#requester.json({ ...call, ...wait }));
  }

  /**
   * Writes a value. Once this resolves, no peer reads an older one.
   * @param value any JSON value
   * @throws {SkeinError} by rejection: CONFLICT (with `details.version`) where the key has another version than
   * `ifVersion`, or the fill token is over; TOO_MANY_REQUESTS, PAYLOAD_TOO_LARGE, OUTCOME_UNKNOWN, …
   */
  async put(key: string, value: unknown, options: PutOptions = {}): Promise<CacheWritten> {
    const { ttlMs, durable, ifVersion, fillToken } = options;
    const body = {
      key,
      value,
      ...(ttlMs === undefined ? {} : { ttl: ttlMs / 1000 }),
      ...(durable === undefined ? {} : { durable }),
      ...(ifVersion === undefined ? {} : { if_version: ifVersion }),
      ...(fillToken === undefined ? {} : { fill_token: fillToken }),
    };
    return toWritten(await this.#write("/cache/put", body, options));
  }

  /**
   * Removes a value; no copy is left anywhere once this resolves.
   * @returns whether there was one
   */
  async delete(key: string, options: WriteOptions = {}): Promise<boolean> {
    return (await this.#write("/cache/delete", { key }, options))["status"] === "deleted";
  }

  /** Makes the lines of all peers Invalid; what was written stays at the key's home. */
  async invalidate(key: string, { signal }: CallOptions = {}): Promise<void> {
    const call = { method: "POST", path: "/cache/invalidate", body: { key } } as const;
    await this.#requester.json({ ...call, retry: "read", signal });
  }

  /** Who holds a key's line, as its home knows. Peers are named. */
  async state(key: string, { signal }: CallOptions = {}): Promise<KeyView> {
    const path = `/cache/state?key=${encodeURIComponent(key)}`;
    return toKeyView(await this.#requester.json({ method: "GET", path, retry: "read", signal }));
  }

  /** What the cache of the peer that answers holds, and what it did since that peer started. */
  async stats({ signal }: CallOptions = {}): Promise<PeerCacheStats> {
    const call = { method: "GET", path: "/cache/stats", retry: "read", signal } as const;
    return toCacheStats(await this.#requester.json(call));
  }

  #write(path: string, body: Json, { requestId, signal }: WriteOptions): Promise<Json> {
    const retry = requestId === undefined ? "once" : "write";
    return this.#requester.json({ method: "POST", path, body, retry, requestId, signal });
  }
}
