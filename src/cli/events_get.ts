/**
 * `skein events get`: a topic's events in the order of their offsets, all that are there when it begins or a part of
 * them. They are read page by page as they are printed, so a topic may be of any size.
 */
import { Command } from "@commander-js/extra-typings";
import { LIMITS } from "../limits.ts";
import { readInteger } from "./arguments.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { EVENT_JSON_HELP, printEvents, readAfter } from "./event_output.ts";
import { examples, JSON_FLAG } from "./output.ts";
import { STALE_FLAG, STALE_HELP, TOPIC_ARGUMENT, TOPIC_HELP } from "./queue_options.ts";

export function define() {
  const command = new Command()
    .argument(TOPIC_ARGUMENT, TOPIC_HELP)
    .option("--after <OFFSET>", "only those behind this one", readAfter)
    .option(
      "--limit <N>",
      "how many at most (default: all)",
      readInteger(1, Number.MAX_SAFE_INTEGER),
    )
    .option(STALE_FLAG, STALE_HELP)
    .option(JSON_FLAG, EVENT_JSON_HELP)
    .addHelpText(
      "after",
      examples(
        "skein events get orders --limit 10",
        "skein events get orders --json | jq .payload",
      ),
    );
  addConnectionOptions(command);
  return command.action(async (topic, { after, limit = Infinity, stale = false, json = false }) => {
    const pages = connect(command).events.pages(topic, {
      stale,
      limit: Math.min(limit, LIMITS.eventPageMax),
      ...(after === undefined ? {} : { after }),
    });
    let left = limit;
    for await (const events of pages) {
      await printEvents(json, events.slice(0, left));
      left -= events.length;
      if (left <= 0) return;
    }
  });
}
