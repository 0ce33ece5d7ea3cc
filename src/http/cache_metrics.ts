/**
 * Metrics of the cache: what this peer holds, and what it did since it started. All are its own, none the cluster's.
 */
import type { Site } from "./endpoint.ts";
import type { MetricSet } from "./metric_set.ts";
import type { CacheStats } from "../cache/cache.ts";

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

export function addCache(metrics: MetricSet, { peer }: Site): void {
  const add = (
    kind: "gauge" | "counter",
    [name, help]: readonly [string, string],
    value: (stats: CacheStats) => number,
  ) => metrics[kind]({ name, help, read: (report) => report(value(peer.cache.stats())) });
  for (const [key, [word, help]] of Object.entries(GAUGES)) {
    add("gauge", [`skein_cache_${word}`, help], (stats) => stats[key as keyof CacheStats]);
  }
  for (const [key, [word, help]] of Object.entries(COUNTERS)) {
    add("counter", [`skein_cache_${word}_total`, help], (stats) => stats[key as keyof CacheStats]);
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
}
