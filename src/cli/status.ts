/**
 * `skein status`: is the peer that is asked healthy, who leads, how far is it, and what should be known about the
 * cluster. An unhealthy peer is exit code 3, with its reasons; with `--check` without a word; `--watch` goes on
 * until it is stopped, which is exit code 0.
 */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import type { ClusterAnswer, HealthAnswer, SkeinClient } from "../client/mod.ts";
import { SkeinError } from "../errors.ts";
import { readTimeout } from "./arguments.ts";
import { addConnectionOptions, connect, namedUrl } from "./connection.ts";
import { connectionsTable } from "./connection_words.ts";
import { EXIT } from "./exit_codes.ts";
import { Exit, UsageError } from "./failure.ts";
import { giveUpRights } from "./give_up_rights.ts";
import { documentText, examples, JSON_FLAG, JSON_HELP, print, table } from "./output.ts";
import { movesTable, partitionsFact, unavailableWarnings } from "./placement_words.ts";
import { settingSources } from "./settings_flags.ts";
import { checkPeer, configuredPeer, namedPeer } from "./status_check.ts";
import { watch } from "./status_watch.ts";

const CHECK_TIMEOUT_MS = 2_000;

export function define() {
  const command = new Command()
    .option("--watch", "look again every second, until stopped; with --json a document a line")
    .option("--check", "say nothing: exit code 0 where the peer is healthy, 3 where not; asks once")
    .option("--ready", "with --check: whether the peer is caught up as well, and not stopping")
    .option("--timeout <SECONDS>", "with --check: for how long (default: 2)", readTimeout)
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      examples(
        "skein status",
        "skein status --url http://10.0.0.1:8001 --json",
        "skein status --watch",
        "skein status --check",
      ) +
        "\n\nWithout --url and SKEIN_URL, --check asks the peer that this environment (HTTP_PORT,\n" +
        "TLS_CERT, CONFIG_FILE) makes of `skein run`.",
    );
  addConnectionOptions(command);
  return command.action(async ({ json = false, watch: goesOn, check, ready, timeout }) => {
    if (check === true) {
      if (goesOn === true) throw new UsageError("--watch is not for --check");
      await checkStatus(command, ready === true, timeout ?? CHECK_TIMEOUT_MS, json);
      return;
    }
    if (ready === true || timeout !== undefined) {
      throw new UsageError("--ready and --timeout are for --check");
    }
    const client = connect(command);
    giveUpRights(["status"], "begun");
    if (goesOn === true) return await watchStatus(client, json);
    const { health, cluster } = await look(client);
    const text = await describe(health, cluster);
    const parts = [text, await connectionsTable(cluster), await describeGroups(cluster)];
    const shown = parts.filter((part) => part !== null && part !== "").join("\n\n");
    print(json, documentOf({ health, cluster }), () => shown);
    if (!health.healthy) throw new Exit(EXIT.unavailable);
  });
}

interface Seen {
  readonly health: HealthAnswer;
  readonly cluster: ClusterAnswer;
}

async function look(client: SkeinClient): Promise<Seen> {
  // First, so that what follows asks the same peer: one that answers.
  const cluster = await client.cluster();
  return { cluster, health: await client.health() };
}

function documentOf({ health, cluster }: Seen): object {
  return { success: true, ...health, ...cluster };
}

async function watchStatus(client: SkeinClient, json: boolean): Promise<void> {
  await watch({
    async look() {
      const seen = await look(client);
      return json ? documentText(documentOf(seen)) : await describe(seen.health, seen.cluster);
    },
    failed({ code, message }) {
      return json ? documentText({ success: false, error: code, message }) : message;
    },
  }, !json && Deno.stdout.isTerminal());
}

async function checkStatus(
  command: CommandUnknownOpts,
  ready: boolean,
  timeoutMs: number,
  json: boolean,
): Promise<void> {
  const url = namedUrl(command);
  const peer = url === null ? configuredPeer(settingSources({})) : namedPeer(url);
  giveUpRights(["status"], "begun");
  const fault = await checkPeer(peer, ready ? "/ready" : "/health", timeoutMs);
  if (fault !== null && json) throw new SkeinError("UNAVAILABLE", fault);
  if (fault !== null) throw new Exit(EXIT.unavailable);
  if (json) console.log(JSON.stringify({ success: true, url: peer.url }));
}

async function describe(health: HealthAnswer, cluster: ClusterAnswer): Promise<string> {
  const { members } = cluster;
  const alive = members.filter(({ state }) => state === "alive").length;
  const facts: [string, string | number][] = [
    ["peer", `${health.name} (skein ${health.version})`],
    ["health", health.healthy ? "healthy" : `not healthy: ${health.reasons.join("; ")}`],
    ["role", health.role ?? "none yet"],
    ["leader", health.leader ?? "none known"],
    ["term", health.term],
    ["cluster", cluster.clusterId ?? "not formed"],
    ["members", `${members.length}, ${alive} alive`],
    ["partitions", partitionsFact(cluster)],
    ["up since", health.startedAt],
  ];
  const width = Math.max(...facts.map(([fact]) => fact.length));
  const lines = facts.map(([fact, value]) => `${fact.padEnd(width)}  ${value}`);
  const warnings = [...cluster.warnings, ...unavailableWarnings(cluster.placement)];
  for (const warning of warnings) lines.push(`warning: ${warning}`);
  const moves = await movesTable(cluster.placement);
  if (moves !== null) lines.push("", moves);
  return lines.join("\n");
}

async function describeGroups({ groups }: ClusterAnswer): Promise<string> {
  if (groups.length === 0) return "";
  const rows = groups.map(({ group, role, leader, term, voters }) => {
    return [group, role, leader ?? "none", term, voters.join(", ")];
  });
  return await table(["group", "role", "leader", "term", "voters"], rows);
}
