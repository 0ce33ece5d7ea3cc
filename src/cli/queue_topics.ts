/**
 * `skein queue topics`: every topic with what lies in it; empty when there is none, which is no error.
 */
import { Command } from "@commander-js/extra-typings";
import { addConnectionOptions, connect } from "./connection.ts";
import { examples, JSON_FLAG, JSON_HELP, printWire, table } from "./output.ts";
import { topicDocument } from "../http/queue_topic_document.ts";
import { STALE_FLAG, STALE_HELP, TOPIC_HEADS, topicRow } from "./queue_options.ts";

export function define() {
  const command = new Command()
    .option(STALE_FLAG, STALE_HELP)
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      examples("skein queue topics", "skein queue topics --json | jq '.topics[].topic'"),
    );
  addConnectionOptions(command);
  return command.action(async ({ stale = false, json }) => {
    const topics = await connect(command).queue.topics({ stale });
    const text = topics.length === 0 ? "no topics" : await table(TOPIC_HEADS, topics.map(topicRow));
    printWire(json, { success: true, topics: topics.map(topicDocument) }, () => text);
  });
}
