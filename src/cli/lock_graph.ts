/**
 * `skein lock graph`: the wait-for graph, an edge a waiter: who waits for which lock, and because of whom. A cycle
 * in it would be a deadlock; the cluster breaks one when it arises, so none is ever seen here.
 */
import { Command } from "@commander-js/extra-typings";
import { addConnectionOptions, connect } from "./connection.ts";
import { examples, JSON_FLAG, JSON_HELP, print, table } from "./output.ts";

export function define() {
  const command = new Command()
    .option("--stale", "answer from the asked peer's own state, which may lag")
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText("after", examples("skein lock graph"));
  addConnectionOptions(command);
  return command.action(async ({ stale = false, json }) => {
    const edges = await connect(command).locks.graph({ stale });
    const rows = edges.map(({ owner, resource, holders }) => [owner, resource, holders.join(", ")]);
    const text = edges.length === 0
      ? "nobody waits"
      : await table(["owner", "waits for", "because of"], rows);
    print(json, { success: true, edges }, () => text);
  });
}
