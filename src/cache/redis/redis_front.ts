/**
 * A Redis that one peer's cache stands in front of: lends each home of this peer what lies behind it, and tells it what
 * others change there.
 */
import { assert } from "../../assert.ts";
import type { RedisAddress } from "../../storage/redis/redis_address.ts";
import type { Backing, BackingEdges } from "../backing.ts";
import type { FrontStats } from "../cache.ts";
import { groupOfKey } from "../cache_edges.ts";
import type { CacheFront, CacheFrontEdges, MakeCacheFront } from "../cache_front.ts";
import { FrontCounters } from "./front_counters.ts";
import { checkFrontKey, FrontKeys, keyOfRedis } from "./front_keys.ts";
import { FrontLink, type LinkTimeouts } from "./front_link.ts";
import { RedisBacking } from "./redis_backing.ts";
import { TermStore } from "./term_store.ts";

export interface RedisFrontOptions {
  readonly address: RedisAddress;
  /** Certificates in PEM that TLS trusts in place of the system's; null: those. */
  readonly certificates: string | null;
  /** What the Redis keys of the cache's keys begin with. */
  readonly prefix: string;
  readonly write: "back" | "through";
  /** How long a line may be used while nobody tells of changes. */
  readonly lineTtlMs: number;
  readonly timeouts?: Partial<LinkTimeouts>;
}

export function redisFront(options: RedisFrontOptions): MakeCacheFront {
  return (edges) => new RedisFront(options, edges);
}

class RedisFront implements CacheFront {
  readonly writesThrough: boolean;
  readonly #options: RedisFrontOptions;
  readonly #edges: CacheFrontEdges;
  readonly #link: FrontLink;
  readonly #counters = new FrontCounters();
  readonly #backings = new Map<number, RedisBacking>();
  #hasWarned = false;

  constructor(options: RedisFrontOptions, edges: CacheFrontEdges) {
    const { clock, random, logger } = edges;
    this.writesThrough = options.write === "through";
    this.#options = options;
    this.#edges = edges;
    this.#link = new FrontLink({ ...options, clock, random, logger }, {
      changed: (redisKey) => this.#changed(redisKey),
      lost: () => this.#each((backing) => backing.lost()),
      stale: () => this.#each((backing) => backing.stale()),
    });
  }

  readonly makeBacking = (edges: BackingEdges): Backing => {
    const { group, term } = edges;
    const link = this.#link;
    const counters = this.#counters;
    const clusterId = this.#edges.clusterId();
    assert(clusterId !== null, "who is a home belongs to a cluster");
    if (edges.replica.cache.usage.keys > 0) this.#warnOfOthers();
    const keys = new FrontKeys(this.#options.prefix, clusterId);
    const mayGrant = () => edges.mayGrant();
    const store = new TermStore({ link, keys, counters, partition: group, term, mayGrant });
    const { lineTtlMs } = this.#options;
    const backing = new RedisBacking(edges, {
      link,
      store,
      lineTtlMs,
      counted: () => void counters.changes++,
      ended: () => {
        if (this.#backings.get(group) === backing) this.#backings.delete(group);
      },
    });
    this.#backings.set(group, backing);
    return backing;
  };

  #warnOfOthers(): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const what =
      "the cache has values from before it stood in front of a Redis, or from peers that " +
      "do not (--cache-redis is to be alike at every peer): nobody reads them any more";
    this.#edges.logger.log("warn", what);
  }

  #each(tell: (backing: RedisBacking) => void): void {
    for (const backing of [...this.#backings.values()]) tell(backing);
  }

  #changed(redisKey: string): void {
    const key = keyOfRedis(this.#options.prefix, redisKey);
    // Who is no home does not ask how many partitions there are, which may not be known yet.
    if (key === null || this.#backings.size === 0) return;
    this.#backings.get(groupOfKey(this.#edges, key))?.heard(key);
  }

  checkKey(key: string): void {
    checkFrontKey(key);
  }

  stats(): FrontStats {
    const { reads, writes, refusedByTerm, changes } = this.#counters;
    return {
      write: this.#options.write,
      watch: this.#link.watch,
      reason: this.#link.reason,
      reads,
      writes,
      refusedByTerm,
      changes,
      reconnects: Math.max(0, this.#link.connects - 1),
    };
  }

  close(): void {
    this.#link.close();
  }
}
