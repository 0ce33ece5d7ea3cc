/**
 * `skein status`: is the peer that is asked healthy, who leads, how far is it, and what should be known about the
 * cluster. An unhealthy peer is exit code 3, with its reasons.
 */
import { Command } from "@commander-js/extra-typings";
import type { ClusterAnswer, HealthAnswer } from "../client/mod.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { EXIT } from "./exit_codes.ts";
import { Exit } from "./failure.ts";
import { examples, JSON_FLAG, JSON_HELP, print, table } from "./output.ts";

export function define() {
  const command = new Command()
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      examples("skein status", "skein status --url http://10.0.0.1:8001 --json"),
    );
  addConnectionOptions(command);
  return command.action(async ({ json }) => {
    const client = connect(command);
    // First, so that what follows asks the same peer: one that answers.
    const cluster = await client.cluster();
    const health = await client.health();
    const text = await describe(health, cluster);
    print(json, { success: true, ...health, ...cluster }, () => text);
    if (!health.healthy) throw new Exit(EXIT.unavailable);
  });
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
