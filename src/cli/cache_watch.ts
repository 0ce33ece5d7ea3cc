/**
 * `skein cache watch`: a line whenever a key's version or its holders change, until somebody stops it. It asks the key's
 * home and reads no value, so that nobody's line changes by being watched.
 */
import { Command } from "@commander-js/extra-typings";
import type { KeyView } from "../client/mod.ts";
import { keyDocument } from "../http/cache_documents.ts";
import { readInterval } from "./arguments.ts";
import { holdersText, KEY_ARGUMENT, KEY_HELP } from "./cache_options.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { examples, JSON_FLAG, JSON_HELP } from "./output.ts";
import { watch } from "./status_watch.ts";

const INTERVAL_MS = 200;

export function define() {
  const command = new Command()
    .argument(KEY_ARGUMENT, KEY_HELP)
    .option("--interval <SECONDS>", "how often to look (default: 0.2)", readInterval)
    .option(JSON_FLAG, `${JSON_HELP}, one a change`)
    .addHelpText("after", examples("skein cache watch user:7"));
  addConnectionOptions(command);
  return command.action(async (key, { interval = INTERVAL_MS, json = false }) => {
    const { cache } = connect(command);
    let told = "";
    const news = (text: string) => {
      if (text === told) return null;
      told = text;
      return text;
    };
    await watch(
      {
        look: async () => news(lineOf(await cache.state(key), json)),
        failed: ({ code, message }) =>
          news(json ? JSON.stringify({ success: false, error: code, message }) : message),
      },
      false,
      interval,
    );
  });
}

function lineOf(view: KeyView, json: boolean): string {
  if (json) return JSON.stringify({ success: true, ...keyDocument(view) });
  const { version, home } = view;
  return `version ${version ?? "none"}  home ${home ?? "none"}  held by ${holdersText(view)}`;
}
