/**
 * `skein members`: who belongs to the cluster, as the peer that is asked knows it. The state (alive, suspect,
 * dead) is that peer's opinion.
 */
import { Command } from "@commander-js/extra-typings";
import { addConnectionOptions, connect } from "./connection.ts";
import { examples, JSON_FLAG, JSON_HELP, print, table } from "./output.ts";

export function define() {
  const command = new Command()
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText("after", examples("skein members", "skein members --url http://10.0.0.1:8001"));
  addConnectionOptions(command);
  return command.action(async ({ json }) => {
    const { members } = await connect(command).cluster();
    const text = members.length === 0 ? "no members: the cluster is not formed" : await table(
      ["name", "state", "role", "leads", "replicas", "http", "peer", "zone", "id"],
      members.map(({ name, state, draining, role, leads, replicas, ...member }) => [
        name,
        draining ? `${state}, draining` : state,
        role,
        leads.length,
        replicas ?? "?",
        member.httpUrl,
        member.addresses.join(", "),
        member.zone,
        member.id.slice(0, 8),
      ]),
    );
    print(json, { success: true, members }, () => text);
  });
}
