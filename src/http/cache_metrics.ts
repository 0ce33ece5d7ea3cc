/**
 * Metrics of the cache: what this peer holds, and what it did since it started. All are its own, none the cluster's.
 */
import type { Site } from "./endpoint.ts";
import type { MetricSet } from "./metric_set.ts";
import type { CacheStats, FrontStats } from "../cache/cache.ts";

const GAUGES = {
  lines: ["lines", "lines that this peer holds"],
  linesMax: ["lines_max", "lines that it may hold"],
  bytes: ["bytes", "bytes of their values"],
  dirty: ["dirty_lines", "lines whose last write is not written back yet"],
} as const;

const COUNTERS = {
  hits: ["hits", "reads that were answered from a line of this peer"],
  misses: ["misses", "reads that asked a home"],
  writes: ["writes", "writes through this peer"],
  invalidations: ["invalidations", "lines that a write or an invalidate elsewhere made Invalid"],
  recalls: ["recalls", "lines that were asked back of this peer"],
  evictions: ["evictions", "lines that went for want of room"],
  writeBacks: ["write_backs", "writes that this peer brought to their homes"],
  lost: ["lost_writes", "writes that were answered and then lost with their line's lease"],
} as const;

const FRONT_COUNTERS = {
  reads: ["reads", "keys that were read in the Redis behind the cache"],
  writes: ["writes", "values that were written to it, and keys removed from it"],
  refusedByTerm: ["writes_refused", "writes of homes at this peer that others had followed"],
  changes: ["changes", "changes by others of keys that were known here"],
  reconnects: ["reconnects", "connections to it that were made anew"],
} as const;

type Counted = Exclude<keyof CacheStats, "front">;

export function addCache(metrics: MetricSet, { peer }: Site): void {
  const add = (
    kind: "gauge" | "counter",
    [name, help]: readonly [string, string],
    value: (stats: CacheStats) => number,
  ) => metrics[kind]({ name, help, read: (report) => report(value(peer.cache.stats())) });
  for (const [key, [word, help]] of Object.entries(GAUGES)) {
    add("gauge", [`skein_cache_${word}`, help], (stats) => stats[key as Counted]);
  }
  for (const [key, [word, help]] of Object.entries(COUNTERS)) {
    add("counter", [`skein_cache_${word}_total`, help], (stats) => stats[key as Counted]);
  }
  metrics.counter({
    name: "skein_cache_messages_total",
    help: "messages between this peer's lines and homes, and those of others",
    labelNames: ["direction"],
    read(report) {
      const { messagesSent, messagesReceived } = peer.cache.stats();
      report(messagesSent, { direction: "sent" });
      report(messagesReceived, { direction: "received" });
    },
  });
  addFront(metrics, () => peer.cache.stats().front ?? null);
}

/** Only where the cache stands in front of a Redis. */
function addFront(metrics: MetricSet, front: () => FrontStats | null): void {
  for (const [key, [word, help]] of Object.entries(FRONT_COUNTERS)) {
    metrics.counter({
      name: `skein_cache_redis_${word}_total`,
      help,
      read(report) {
        const stats = front();
        if (stats !== null) report(stats[key as keyof typeof FRONT_COUNTERS]);
      },
    });
  }
  metrics.gauge({
    name: "skein_cache_redis_connected",
    help: "1 while the Redis behind the cache is connected, by how it tells of changes",
    labelNames: ["watch"],
    read(report) {
      const stats = front();
      if (stats !== null) report(stats.watch === null ? 0 : 1, { watch: stats.watch ?? "none" });
    },
  });
}
