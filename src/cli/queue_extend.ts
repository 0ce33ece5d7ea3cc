/**
 * `skein queue extend`: the visibility timeout of these deliveries begins anew, for whoever needs longer.
 */
import { readVisibility } from "./arguments.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { examples, JSON_FLAG, JSON_HELP } from "./output.ts";
import { deliveriesOf, printResults, settlingCommand } from "./queue_settle.ts";

export function define() {
  const command = settlingCommand()
    .option("--visibility <SECONDS>", "from now on (default: the topic's)", readVisibility)
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      examples('skein queue extend jobs --receipt "$RECEIPT" --visibility 120'),
    );
  addConnectionOptions(command);
  return command.action(async (topic, ids, { receipt, visibility, json }) => {
    const names = deliveriesOf(ids, receipt);
    const results = await connect(command).queue.extend(
      topic,
      names,
      visibility === undefined ? {} : { visibilityMs: visibility },
    );
    printResults(json, "extended", names, results);
  });
}
