/**
 * `skein cache state`: who holds a key's line, in which state, and where its home is.
 */
import { Command } from "@commander-js/extra-typings";
import type { KeyView } from "../client/mod.ts";
import { keyDocument } from "../http/cache_documents.ts";
import { KEY_ARGUMENT, KEY_HELP, STATE_WORDS } from "./cache_options.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { examples, JSON_FLAG, JSON_HELP, printWire, table } from "./output.ts";

export function define() {
  const command = new Command()
    .argument(KEY_ARGUMENT, KEY_HELP)
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText("after", examples("skein cache state user:7"));
  addConnectionOptions(command);
  return command.action(async (key, { json }) => {
    const view = await connect(command).cache.state(key);
    const text = await describe(view);
    printWire(json, { success: true, ...keyDocument(view) }, () => text);
  });
}

async function describe(view: KeyView): Promise<string> {
  const { key, partition, home, holders, version, state } = view;
  const facts = [
    `key            ${key}`,
    `version        ${version ?? "none: there is no value"}`,
    `home           ${home ?? "none now"}, partition ${partition}`,
    `at this peer   ${state} (${STATE_WORDS[state]})`,
  ].join("\n");
  if (holders.length === 0) return `${facts}\nno peer holds it`;
  const rows = holders.map(({ peer, state }) => [peer, `${state} (${STATE_WORDS[state]})`]);
  return `${facts}\n\n${await table(["peer", "state"], rows)}`;
}
