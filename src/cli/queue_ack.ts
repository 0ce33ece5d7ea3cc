/**
 * `skein queue ack`: done with these messages, they are not delivered again.
 */
import { addConnectionOptions, connect } from "./connection.ts";
import { examples, JSON_FLAG, JSON_HELP } from "./output.ts";
import { deliveriesOf, printResults, settlingCommand } from "./queue_settle.ts";

export function define() {
  const command = settlingCommand()
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
