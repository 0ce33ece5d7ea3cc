/**
 * A key's lines and a peer's counters as HTTP answers and the command line's `--json` show them. Apart from the routes,
 * so that the command line need not load them.
 */
import type { CacheStats, FrontStats, KeyView } from "../cache/cache.ts";

/** @param view its peers are named as they are to be shown */
export function keyDocument(view: KeyView) {
  const { key, partition, home, holders, version, state } = view;
  return {
    key,
    status: statusOf(view),
    state,
    version,
    partition,
    home,
    holders: holders.map((holder) => ({ peer: holder.peer, state: holder.state })),
  };
}

/** What a read at this peer would be answered with. */
function statusOf({ state, version }: KeyView): "hit" | "filled" | "miss" {
  if (state !== "I") return "hit";
  return version === null ? "miss" : "filled";
}

export function statsDocument(stats: CacheStats) {
  return {
    lines: stats.lines,
    lines_max: stats.linesMax,
    bytes: stats.bytes,
    dirty: stats.dirty,
    hits: stats.hits,
    misses: stats.misses,
    writes: stats.writes,
    invalidations: stats.invalidations,
    recalls: stats.recalls,
    evictions: stats.evictions,
    write_backs: stats.writeBacks,
    lost: stats.lost,
    messages_sent: stats.messagesSent,
    messages_received: stats.messagesReceived,
    ...stats.front ? { redis: frontDocument(stats.front) } : {},
  };
}

function frontDocument(front: FrontStats) {
  return {
    write: front.write,
    watch: front.watch,
    reason: front.reason,
    reads: front.reads,
    writes: front.writes,
    refused_by_term: front.refusedByTerm,
    changes: front.changes,
    reconnects: front.reconnects,
  };
}
