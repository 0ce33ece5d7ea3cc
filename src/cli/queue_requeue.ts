/**
 * `skein queue requeue`: puts dead letters back behind what is ready, with no attempts counted: those that are named,
 * or all, if need be slowly, so that what they failed of is not run over once more.
 */
import { Command } from "@commander-js/extra-typings";
import { LIMITS } from "../limits.ts";
import { readInteger } from "./arguments.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { UsageError } from "./failure.ts";
import { examples, JSON_FLAG, JSON_HELP, print } from "./output.ts";
import { countOf, TOPIC_ARGUMENT, TOPIC_HELP } from "./queue_options.ts";

export function define() {
  const command = new Command()
    .argument(TOPIC_ARGUMENT, TOPIC_HELP)
    .argument("[ID...]", "which dead letters")
    .option("--all", "all that there are")
    .option(
      "--rate <N>",
      "how many a second at most (default: as fast as they can)",
      readInteger(1, LIMITS.queueRequeueRateMax),
    )
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      examples("skein queue requeue jobs 3-17", "skein queue requeue jobs --all --rate 100"),
    );
  addConnectionOptions(command);
  return command.action(async (topic, ids, { all = false, rate, json }) => {
    if (all === ids.length > 0) {
      throw new UsageError("name the dead letters to put back by their ids, or say --all");
    }
    const requeued = await connect(command).queue.requeue(topic, {
      ...(all ? {} : { ids }),
      ...(rate === undefined ? {} : { ratePerSecond: rate }),
    });
    const text = `put ${countOf(requeued, "dead letter")} of ${topic} back`;
    print(json, { success: true, topic, requeued }, () => text);
  });
}
