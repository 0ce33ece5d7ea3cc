/**
 * `skein status`: is the peer that is asked healthy, who leads, how far is it, and what should be known about the
 * cluster. An unhealthy peer is exit code 3, with its reasons; with `--check` without a word.
 */
import { Command, type CommandUnknownOpts } from "@commander-js/extra-typings";
import type { ClusterAnswer, HealthAnswer } from "../client/mod.ts";
import { SkeinError } from "../errors.ts";
import { readTimeout } from "./arguments.ts";
import { addConnectionOptions, connect, namedUrl } from "./connection.ts";
import { EXIT } from "./exit_codes.ts";
import { Exit, UsageError } from "./failure.ts";
import { giveUpRights } from "./give_up_rights.ts";
import { examples, JSON_FLAG, JSON_HELP, print, table } from "./output.ts";
import { settingSources } from "./settings_flags.ts";
import { checkPeer, configuredPeer, namedPeer } from "./status_check.ts";

const CHECK_TIMEOUT_MS = 2_000;

export function define() {
  const command = new Command()
    .option("--check", "say nothing: exit code 0 where the peer is healthy, 3 where not; asks once")
    .option("--ready", "with --check: whether the peer is caught up as well, and not stopping")
    .option("--timeout <SECONDS>", "with --check: for how long (default: 2)", readTimeout)
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      examples(
        "skein status",
        "skein status --url http://10.0.0.1:8001 --json",
        "skein status --check",
      ) +
        "\n\nWithout --url and SKEIN_URL, --check asks the peer that this environment (HTTP_PORT,\n" +
        "TLS_CERT, CONFIG_FILE) makes of `skein run`.",
    );
  addConnectionOptions(command);
  return command.action(async ({ json, check, ready, timeout }) => {
    if (check === true) {
      await checkStatus(command, ready === true, timeout ?? CHECK_TIMEOUT_MS, json === true);
      return;
    }
    if (ready === true || timeout !== undefined) {
      throw new UsageError("--ready and --timeout are for --check");
    }
    const client = connect(command);
    giveUpRights(["status"], "begun");
    // First, so that what follows asks the same peer: one that answers.
    const cluster = await client.cluster();
    const health = await client.health();
    const text = await describe(health, cluster);
    print(json, { success: true, ...health, ...cluster }, () => text);
    if (!health.healthy) throw new Exit(EXIT.unavailable);
  });
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
    ["up since", health.startedAt],
  ];
  const width = Math.max(...facts.map(([fact]) => fact.length));
  const lines = facts.map(([fact, value]) => `${fact.padEnd(width)}  ${value}`);
  for (const warning of cluster.warnings) lines.push(`warning: ${warning}`);
  if (cluster.groups.length > 0) {
    const rows = cluster.groups.map(({ group, role, leader, term, voters }) => [
      group,
      role,
      leader ?? "none",
      term,
      voters.join(", "),
    ]);
    lines.push("", await table(["group", "role", "leader", "term", "voters"], rows));
  }
  return lines.join("\n");
}
