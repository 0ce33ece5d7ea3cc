/**
 * `skein lock ls`: every lock that is held or waited for, with its holders and its queue; empty when there is
 * none, which is no error.
 */
import { Command } from "@commander-js/extra-typings";
import { addConnectionOptions, connect } from "./connection.ts";
import { LOCK_HEADS, lockRows } from "./lock_options.ts";
import { examples, JSON_FLAG, JSON_HELP, print, table } from "./output.ts";

export function define() {
  const command = new Command()
    .option("--stale", "answer from the asked peer's own state, which may lag")
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      examples("skein lock ls", "skein lock ls --json | jq '.locks[].resource'"),
    );
  addConnectionOptions(command);
  return command.action(async ({ stale = false, json }) => {
    const locks = await connect(command).locks.list({ stale });
    const text = locks.length === 0 ? "no locks" : await table(LOCK_HEADS, lockRows(locks));
    print(json, { success: true, locks }, () => text);
  });
}
