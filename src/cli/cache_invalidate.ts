/**
 * `skein cache invalidate`: every peer's line of a key goes to Invalid. What was written stays at the key's home.
 */
import { Command } from "@commander-js/extra-typings";
import { KEY_ARGUMENT, KEY_HELP } from "./cache_options.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { examples, JSON_FLAG, JSON_HELP, printWire } from "./output.ts";

export function define() {
  const command = new Command()
    .argument(KEY_ARGUMENT, KEY_HELP)
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText("after", examples("skein cache invalidate user:7"));
  addConnectionOptions(command);
  return command.action(async (key, { json }) => {
    await connect(command).cache.invalidate(key);
    const document = { success: true, key, status: "invalidated" };
    printWire(json, document, () => `no peer has a copy of ${key}; its value stays`);
  });
}
