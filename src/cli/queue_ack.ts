/**
 * `skein queue ack`: done with these messages, they are not delivered again.
 */
import { Command } from "@commander-js/extra-typings";
import { addConnectionOptions, connect } from "./connection.ts";
import { examples, JSON_FLAG, JSON_HELP } from "./output.ts";
import { TOPIC_ARGUMENT, TOPIC_HELP } from "./queue_options.ts";
import {
  deliveriesOf,
  gather,
  IDS_ARGUMENT,
  IDS_HELP,
  printResults,
  RECEIPT_FLAG,
  RECEIPT_HELP,
} from "./queue_settle.ts";

export function define() {
  const command = new Command()
    .argument(TOPIC_ARGUMENT, TOPIC_HELP)
    .argument(IDS_ARGUMENT, IDS_HELP)
    .option(RECEIPT_FLAG, RECEIPT_HELP, gather, [])
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      examples('skein queue ack jobs --receipt "$RECEIPT"', "skein queue ack jobs order-17"),
    );
  addConnectionOptions(command);
  return command.action(async (topic, ids, { receipt, json }) => {
    const names = deliveriesOf(ids, receipt);
    const results = await connect(command).queue.ack(topic, names);
    printResults(json, "acknowledged", names, results);
  });
}
