/** The cache's part of a simulation: the clients that use it, what is checked after every step, and the end. */
import type { Random } from "../../src/random.ts";
import { CacheClient } from "./cache_client.ts";
import { type CacheJudgement, judgeCache } from "./cache_checker.ts";
import type { CacheOperation } from "./cache_history.ts";
import { CacheLineChecker } from "./cache_line_checker.ts";
import type { CallerEdges } from "./caller.ts";
import type { Until } from "./convergence.ts";
import type { VirtualCluster } from "./virtual_cluster.ts";

const KEYS = ["apple", "pear", "plum"];
/** From healing until every peer reads every key: leases that end, elections, the clients' own patience. */
const SERVES_MS = 120_000;

export class CacheWorkload {
  readonly history: CacheOperation[] = [];
  readonly #cluster: VirtualCluster;
  readonly #edges: CallerEdges;
  readonly #clients: readonly CacheClient[];
  readonly #marks = new Map<string, string>();
  readonly #lines: CacheLineChecker;
  readonly #random: Random;

  /** @param count of clients; 0: nobody uses the cache */
  constructor(
    cluster: VirtualCluster,
    random: Random,
    { count, thinkMs }: { readonly count: number; readonly thinkMs: number },
    edges: CallerEdges,
  ) {
    this.#cluster = cluster;
    this.#edges = edges;
    this.#random = random;
    this.#lines = new CacheLineChecker(KEYS);
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
      keys: KEYS,
      marks: this.#marks,
      thinkMs,
    });
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
    this.#lines.check(this.#cluster.peers, this.#cluster.scheduler.nowMs);
  }

  /** Every peer reads every key in the end. */
  async finish(until: Until): Promise<void> {
    if (this.#clients.length === 0) return;
    for (const peer of this.#cluster.peers) {
      if (!peer.running || peer.removing) continue;
      const reader = this.#client(`last-${peer.name}`, 0, () => peer.access());
      for (const key of KEYS) {
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
  judge(): (CacheJudgement & { readonly shared: number; readonly owned: number }) | null {
    if (this.#clients.length === 0) return null;
    const { losses, shared, owned } = this.#lines;
    return { ...judgeCache(this.history, losses), shared, owned };
  }
}
