/**
 * `skein events stats`: what was received, stored and dropped as a duplicate, over all topics, since the cluster came to
 * be. `--json` has the names of GET /stats.
 */
import { Command } from "@commander-js/extra-typings";
import type { EventStatsAnswer } from "../client/mod.ts";
import { eventStatsDocument } from "../http/event_documents.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { examples, JSON_FLAG, JSON_HELP, printWire } from "./output.ts";
import { describeSeconds, STALE_FLAG, STALE_HELP } from "./queue_options.ts";

export function define() {
  const command = new Command()
    .option(STALE_FLAG, STALE_HELP)
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      examples(
        "skein events stats",
        "skein events stats --json | jq .total_duplicate_events_dropped",
      ),
    );
  addConnectionOptions(command);
  return command.action(async ({ stale = false, json }) => {
    const stats = await connect(command).events.stats({ stale });
    const document = { success: true, ...eventStatsDocument(stats, stats.uptimeMs / 1000) };
    printWire(json, document, () => describe(stats));
  });
}

function describe(stats: EventStatsAnswer): string {
  const facts: [string, string | number][] = [
    ["received", stats.received],
    ["stored", `${stats.unique}, each once`],
    ["dropped", `${stats.duplicates} duplicates`],
    ["topics", stats.topics],
    ["left by retention", `${stats.events} events, ${stats.bytes} bytes`],
    ["ids remembered", stats.identities],
    ["this peer is up", describeSeconds(stats.uptimeMs)],
  ];
  const width = Math.max(...facts.map(([fact]) => fact.length));
  return facts.map(([fact, value]) => `${fact.padEnd(width)}  ${value}`).join("\n");
}
