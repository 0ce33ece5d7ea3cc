/**
 * `skein queue pause`: from now on nothing of a topic is delivered. Publishing goes on, and so does what is delivered
 * already: it may be acknowledged.
 */
import { Command } from "@commander-js/extra-typings";
import { addConnectionOptions, connect } from "./connection.ts";
import { examples, JSON_FLAG, JSON_HELP, printWire } from "./output.ts";
import { topicDocument } from "../http/queue_topic_document.ts";
import { countOf, TOPIC_ARGUMENT, TOPIC_HELP } from "./queue_options.ts";

export function define() {
  const command = new Command()
    .argument(TOPIC_ARGUMENT, TOPIC_HELP)
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText("after", examples("skein queue pause jobs"));
  addConnectionOptions(command);
  return command.action(async (topic, { json }) => {
    const view = await connect(command).queue.configure(topic, { paused: true });
    const text = `paused ${topic}: ${
      countOf(view.ready, "message")
    } ready, ${view.inFlight} in flight`;
    printWire(json, { success: true, ...topicDocument(view) }, () => text);
  });
}
