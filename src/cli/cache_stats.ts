/**
 * `skein cache stats`: what the cache of one peer holds, and what it did since the peer started.
 */
import { Command } from "@commander-js/extra-typings";
import type { PeerCacheStats } from "../client/mod.ts";
import type { FrontStats } from "../cache/cache.ts";
import { statsDocument } from "../http/cache_documents.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { examples, JSON_FLAG, JSON_HELP, printWire } from "./output.ts";

export function define() {
  const command = new Command()
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      examples(
        "skein cache stats --url http://10.0.0.1:8001",
        "skein cache stats --json | jq .hits",
      ),
    );
  addConnectionOptions(command);
  return command.action(async ({ json }) => {
    const stats = await connect(command).cache.stats();
    const document = { success: true, peer: stats.peer, ...statsDocument(stats) };
    printWire(json, document, () => describe(stats));
  });
}

function describe(stats: PeerCacheStats): string {
  const { hits, misses } = stats;
  const ratio = hits + misses === 0 ? "" : `, ${(100 * hits / (hits + misses)).toFixed(1)} % hits`;
  const facts: [string, string | number][] = [
    ["peer", stats.peer],
    ["lines", `${stats.lines} of at most ${stats.linesMax}`],
    ["bytes", stats.bytes],
    ["not written back yet", stats.dirty],
    ["reads", `${hits + misses}${ratio}`],
    ["writes", stats.writes],
    ["invalidated from elsewhere", stats.invalidations],
    ["recalled", stats.recalls],
    ["evicted", stats.evictions],
    ["written back", stats.writeBacks],
    ["writes lost", stats.lost],
    ["messages", `${stats.messagesSent} sent, ${stats.messagesReceived} received`],
    ...frontFacts(stats.front ?? null),
  ];
  const width = Math.max(...facts.map(([fact]) => fact.length));
  return facts.map(([fact, value]) => `${fact.padEnd(width)}  ${value}`).join("\n");
}

function frontFacts(front: FrontStats | null): [string, string | number][] {
  if (front === null) return [];
  const { write, watch, reason, reads, writes, refusedByTerm, changes, reconnects } = front;
  const told = watch === null ? reason ?? "not connected" : TOLD[watch];
  return [
    ["Redis behind it", `write-${write}; ${told}`],
    ["read there", reads],
    ["written there", writes],
    ["refused there, by term", refusedByTerm],
    ["changed there by others", changes],
    ["connected anew", reconnects],
  ];
}

/** How changes by others are noticed. */
const TOLD = {
  tracking: "changes are tracked",
  notifications: "changes are notified of",
  ttl: "changes are not told of",
} as const;
