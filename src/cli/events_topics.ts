/**
 * `skein events topics`: every topic of events with what lies in it; empty when there is none, which is no error.
 */
import { Command } from "@commander-js/extra-typings";
import { eventTopicDocument } from "../http/event_documents.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { examples, JSON_FLAG, JSON_HELP, printWire, table } from "./output.ts";
import { STALE_FLAG, STALE_HELP } from "./queue_options.ts";

const HEADS = ["topic", "first", "next", "bytes", "received", "unique", "duplicates"];

export function define() {
  const command = new Command()
    .option(STALE_FLAG, STALE_HELP)
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      examples("skein events topics", "skein events topics --json | jq '.topics[].topic'"),
    );
  addConnectionOptions(command);
  return command.action(async ({ stale = false, json }) => {
    const topics = (await connect(command).events.topics({ stale })).map(eventTopicDocument);
    const text = topics.length === 0
      ? "no topics"
      : await table(HEADS, topics.map((topic) => Object.values(topic)));
    printWire(json, { success: true, topics }, () => text);
  });
}
