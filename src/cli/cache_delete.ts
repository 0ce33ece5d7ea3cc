/**
 * `skein cache delete`: removes a value everywhere. That there was none is no failure.
 */
import { Command } from "@commander-js/extra-typings";
import { KEY_ARGUMENT, KEY_HELP } from "./cache_options.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { examples, JSON_FLAG, JSON_HELP, printWire } from "./output.ts";

export function define() {
  const command = new Command()
    .argument(KEY_ARGUMENT, KEY_HELP)
    .option("--request-id <ID>", "so that the same removal can be sent again")
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText("after", examples("skein cache delete user:7"));
  addConnectionOptions(command);
  return command.action(async (key, { requestId, json }) => {
    const options = requestId === undefined ? {} : { requestId };
    const existed = await connect(command).cache.delete(key, options);
    const document = { success: true, key, status: existed ? "deleted" : "miss" };
    printWire(json, document, () => existed ? `deleted ${key}` : `${key} had no value`);
  });
}
