/**
 * `skein queue stats`: what lies in a topic now, what happened in it since it was created, and its options.
 */
import { Command } from "@commander-js/extra-typings";
import { addConnectionOptions, connect } from "./connection.ts";
import { examples, JSON_FLAG, JSON_HELP, printWire } from "./output.ts";
import { topicDocument } from "../http/queue_topic_document.ts";
import {
  describeTopic,
  STALE_FLAG,
  STALE_HELP,
  TOPIC_ARGUMENT,
  TOPIC_HELP,
} from "./queue_options.ts";

export function define() {
  const command = new Command()
    .argument(TOPIC_ARGUMENT, TOPIC_HELP)
    .option(STALE_FLAG, STALE_HELP)
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      examples("skein queue stats jobs", "skein queue stats jobs --json | jq .ready"),
    );
  addConnectionOptions(command);
  return command.action(async (topic, { stale = false, json }) => {
    const view = await connect(command).queue.stats(topic, { stale });
    printWire(json, { success: true, ...topicDocument(view) }, () => describeTopic(view));
  });
}
