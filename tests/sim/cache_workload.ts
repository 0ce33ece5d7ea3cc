/** The cache's part of a simulation: the clients that use it, what is checked after every step, and the end. */
import type { Random } from "../../src/random.ts";
import { partitionOf } from "../../src/ring/partition_of.ts";
import { CacheClient } from "./cache_client.ts";
import { type CacheJudgement, judgeCache } from "./cache_checker.ts";
import { CacheFillChecker } from "./cache_fill_checker.ts";
import type { CacheOperation } from "./cache_history.ts";
import { CacheLedger } from "./cache_ledger.ts";
import { CacheLineChecker } from "./cache_line_checker.ts";
import type { CallerEdges } from "./caller.ts";
import type { Until } from "./convergence.ts";
import { CACHE_FLUSH_INTERVAL_MS } from "./core_under_test.ts";
import type { LogFields } from "./simulation_log.ts";
import type { VirtualCluster } from "./virtual_cluster.ts";
import type { VirtualPeer } from "./virtual_peer.ts";

/** Few, so that peers meet at them. */
export const CACHE_KEYS = ["apple", "pear", "plum"];
/** From healing until every peer reads every key: leases that end, elections, the clients' own patience. */
const SERVES_MS = 120_000;

export class CacheWorkload {
  readonly history: CacheOperation[] = [];
  readonly #cluster: VirtualCluster;
  readonly #edges: CallerEdges;
  readonly #clients: readonly CacheClient[];
  readonly #marks = new Map<string, string>();
  readonly #lines = new CacheLineChecker(CACHE_KEYS);
  readonly #ledger = new CacheLedger(CACHE_KEYS);
  readonly #fills: CacheFillChecker;
  readonly #writes: number;
  readonly #latestMs = new Map<string, number>();
  readonly #random: Random;

  /**
   * @param use.count of clients; 0: nobody uses the cache
   * @param use.writes how many of their operations write
   */
  constructor(
    cluster: VirtualCluster,
    random: Random,
    { count, thinkMs, writes }: {
      readonly count: number;
      readonly thinkMs: number;
      readonly writes: number;
    },
    edges: CallerEdges,
  ) {
    this.#cluster = cluster;
    this.#edges = edges;
    this.#random = random;
    this.#writes = writes;
    this.#fills = new CacheFillChecker(cluster.timing.electionTimeoutMinMs);
    if (count > 0) {
      cluster.onCacheFrame = (_from, to, messages) => {
        this.#fills.sent(to, messages, cluster.scheduler.nowMs);
      };
    }
    this.#clients = Array.from(
      { length: count },
      (_, place) => this.#client(`c${place + 1}`, thinkMs, edges.access),
    );
  }

  #client(name: string, thinkMs: number, access: CallerEdges["access"]): CacheClient {
    return new CacheClient(name, {
      ...this.#edges,
      random: this.#random,
      access,
      history: this.history,
      keys: CACHE_KEYS,
      marks: this.#marks,
      fills: this.#fills,
      thinkMs,
      writes: this.#writes,
      partitionOf: (key) => this.#partitionOf(key),
      homeTimeMs: (key) => {
        return this.#cluster.leader(this.#partitionOf(key))?.groupTimeMs(key) ?? 0;
      },
      latestTimeMs: (key) => this.#latestTimeMs(key),
    });
  }

  #partitionOf(key: string): number {
    return partitionOf("cache", key, this.#cluster.timing.partitions);
  }

  #latestTimeMs(key: string): number {
    const times = this.#cluster.peers.map((peer) => peer.groupTimeMs(key) ?? 0);
    const latestMs = Math.max(this.#latestMs.get(key) ?? 0, ...times);
    this.#latestMs.set(key, latestMs);
    return latestMs;
  }

  /** Resolves after `stop`, when all operations under way have ended. */
  async run(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.run()));
  }

  stop(): void {
    for (const client of this.#clients) client.stop();
  }

  /** After every step. @throws {SafetyViolation} */
  check(): void {
    if (this.#clients.length === 0) return;
    const { peers, scheduler } = this.#cluster;
    this.#ledger.look(peers, scheduler.nowMs);
    this.#lines.check(peers);
  }

  /** A peer logged something. */
  logged(name: string, message: string, fields: LogFields): void {
    const life = this.#cluster.peers.find((peer) => peer.name === name)?.life ?? null;
    if (life !== null) this.#ledger.logged(life, message, fields);
  }

  /** A peer is asked to stop: it may end its leases long before its process is over. */
  stopping(peer: VirtualPeer): void {
    const { life } = peer;
    if (life !== null) this.#ledger.stopping(life, this.#cluster.scheduler.nowMs);
  }

  /** Every peer reads every key in the end. */
  async finish(until: Until): Promise<void> {
    if (this.#clients.length === 0) return;
    for (const peer of this.#cluster.peers) {
      if (!peer.running || peer.removing) continue;
      const reader = this.#client(`last-${peer.name}`, 0, () => peer.access());
      for (const key of CACHE_KEYS) {
        const before = this.history.length;
        let isOver = true;
        await until(
          () => {
            if (!peer.running || this.history.length > before) return true;
            if (isOver) {
              isOver = false;
              reader.get(key).then(() => isOver = true, (error) => this.#edges.fail(error));
            }
            return false;
          },
          SERVES_MS,
          `${peer.name} reads ${key}`,
        );
      }
    }
  }

  /** Null where nobody used the cache. */
  judge(): (CacheJudgement & Record<"shared" | "owned" | "fills", number>) | null {
    if (this.#clients.length === 0) return null;
    const { shared, owned } = this.#lines;
    const { electionTimeoutMinMs } = this.#cluster.timing;
    const judgement = judgeCache(this.history, this.#ledger, this.#marks, {
      electionTimeoutMs: electionTimeoutMinMs,
      flushIntervalMs: CACHE_FLUSH_INTERVAL_MS,
    });
    const violations = [...judgement.violations, ...this.#fills.judge()];
    return { ...judgement, violations, shared, owned, fills: this.#fills.count };
  }
}
