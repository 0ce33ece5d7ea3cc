/**
 * `skein lock status`: who holds one lock and who waits for it, in the order of the queue. A lock that nobody
 * holds or waits for is not found: exit code 1.
 */
import { Command } from "@commander-js/extra-typings";
import { SkeinError } from "../errors.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { LOCK_HEADS, lockRows } from "./lock_options.ts";
import { examples, JSON_FLAG, JSON_HELP, print, table } from "./output.ts";

export function define() {
  const command = new Command()
    .argument("<RESOURCE>", "what is locked")
    .option("--stale", "answer from the asked peer's own state, which may lag")
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText("after", examples("skein lock status nightly-report"));
  addConnectionOptions(command);
  return command.action(async (resource, { stale = false, json }) => {
    const lock = await connect(command).locks.status(resource, { stale });
    if (lock === null) throw new SkeinError("NOT_FOUND", `nobody holds the lock "${resource}"`);
    const text = await table(LOCK_HEADS, lockRows([lock]));
    print(json, { success: true, ...lock }, () => text);
  });
}
