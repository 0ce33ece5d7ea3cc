/**
 * `skein queue nack`: hands messages back, to be delivered again after a while; past the topic's attempts they become
 * dead letters, with the reason that is said here.
 */
import { readDelay } from "./arguments.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { examples, JSON_FLAG, JSON_HELP } from "./output.ts";
import { deliveriesOf, printResults, settlingCommand } from "./queue_settle.ts";

export function define() {
  const command = settlingCommand()
    .option(
      "--delay <SECONDS>",
      "not delivered again before (default: the topic's back-off)",
      readDelay,
    )
    .option("--reason <TEXT>", "why, shown with the dead letter that it may become")
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      examples('skein queue nack jobs --receipt "$RECEIPT" --delay 30 --reason "no disk"'),
    );
  addConnectionOptions(command);
  return command.action(async (topic, ids, { receipt, delay, reason, json }) => {
    const names = deliveriesOf(ids, receipt);
    const results = await connect(command).queue.nack(topic, names, {
      ...(delay === undefined ? {} : { delayMs: delay }),
      ...(reason === undefined ? {} : { reason }),
    });
    printResults(json, "handed back", names, results);
  });
}
