/**
 * A cache for tests of the HTTP face: one map, which keeps what a cache promises to one peer alone (versions that never
 * come again, conditions, fill tokens), and remembers what it was asked.
 */
import type {
  Cache,
  CacheStats,
  CacheValue,
  GetAnswer,
  GetRequest,
  KeyView,
  PutAnswer,
  PutRequest,
} from "../../src/cache/cache.ts";
import type { RequestKey } from "../../src/groups/groups.ts";
import { OTHER_ID, SELF_ID } from "./peer_ids.ts";

export const EXPIRES_AT = "2026-01-01T00:05:00.000Z";

export const CACHE_STATS: CacheStats = {
  lines: 7,
  linesMax: 1_000,
  bytes: 1_234,
  dirty: 2,
  hits: 30,
  misses: 10,
  writes: 5,
  invalidations: 4,
  recalls: 3,
  evictions: 6,
  writeBacks: 8,
  lost: 1,
  messagesSent: 40,
  messagesReceived: 39,
};

/** The same as documents have them. */
export const CACHE_STATS_FIELDS = {
  lines: 7,
  lines_max: 1_000,
  bytes: 1_234,
  dirty: 2,
  hits: 30,
  misses: 10,
  writes: 5,
  invalidations: 4,
  recalls: 3,
  evictions: 6,
  write_backs: 8,
  lost: 1,
  messages_sent: 40,
  messages_received: 39,
};

export class FakeCache implements Cache {
  readonly gets: GetRequest[] = [];
  readonly puts: PutRequest[] = [];
  readonly removals: (readonly [string, string, RequestKey | null])[] = [];
  readonly values = new Map<string, CacheValue>();
  readonly #tokens = new Map<string, string>();
  #writes = 0;
  /** In the place of every answer. */
  failure: unknown = null;
  getWith: ((request: GetRequest) => Promise<GetAnswer>) | null = null;

  async get(request: GetRequest): Promise<GetAnswer> {
    this.#asked(this.gets, request);
    if (this.getWith !== null) return await this.getWith(request);
    const value = this.values.get(request.key) ?? null;
    if (value !== null) return { status: "hit", state: "S", value, fillToken: null };
    return {
      status: "miss",
      state: "I",
      value,
      fillToken: request.fill ? this.#fill(request) : null,
    };
  }

  async put(request: PutRequest): Promise<PutAnswer> {
    this.#asked(this.puts, request);
    const { key, data, ttlMs, ifVersion, fillToken } = request;
    const found = this.values.get(key)?.version ?? null;
    const isOver = fillToken !== null && this.#tokens.get(key) !== fillToken;
    if (isOver || (ifVersion !== undefined && ifVersion !== found)) {
      return await Promise.resolve({ ok: false, code: "CONFLICT", version: found });
    }
    this.#tokens.delete(key);
    const version = `3.1.${++this.#writes}`;
    this.values.set(key, { data, version, expiresAt: ttlMs === null ? null : EXPIRES_AT });
    return { ok: true, state: "M", version };
  }

  async delete(key: string, request: RequestKey | null): Promise<{ readonly existed: boolean }> {
    this.#asked(this.removals, ["delete", key, request]);
    return await Promise.resolve({ existed: this.values.delete(key) });
  }

  async invalidate(key: string): Promise<void> {
    this.#asked(this.removals, ["invalidate", key, null]);
    return await Promise.resolve();
  }

  async state(key: string): Promise<KeyView> {
    if (this.failure !== null) throw this.failure;
    const version = this.values.get(key)?.version ?? null;
    return await Promise.resolve({
      key,
      partition: 9,
      home: OTHER_ID,
      holders: version === null ? [] : [
        { peer: SELF_ID, state: "S" },
        { peer: OTHER_ID, state: "S" },
      ],
      version,
      state: version === null ? "I" : "S",
    });
  }

  stats(): CacheStats {
    return CACHE_STATS;
  }

  #fill({ key }: GetRequest): string | null {
    if (this.#tokens.has(key)) return null;
    this.#tokens.set(key, `fill-${key}`);
    return this.#tokens.get(key)!;
  }

  #asked<T>(asked: T[], request: T): void {
    asked.push(request);
    if (this.failure !== null) throw this.failure;
  }
}
