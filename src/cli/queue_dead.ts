/**
 * `skein queue dead`: a page of a topic's dead letters, oldest first: why each died, and the beginning of its data.
 * With --json the data is whole.
 */
import { Command } from "@commander-js/extra-typings";
import { LIMITS } from "../limits.ts";
import { readInteger } from "./arguments.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { examples, JSON_FLAG, JSON_HELP, printWire, table } from "./output.ts";
import { deadLetterDocument } from "./queue_documents.ts";
import { STALE_FLAG, STALE_HELP, TOPIC_ARGUMENT, TOPIC_HELP } from "./queue_options.ts";

const MAX_DEFAULT = 100;
/** What a person's terminal can show beside the rest. */
const SHOWN_LENGTH_MAX = 60;

export function define() {
  const command = new Command()
    .argument(TOPIC_ARGUMENT, TOPIC_HELP)
    .option("--max <N>", "how many at most", readInteger(1, LIMITS.queueBatchMax), MAX_DEFAULT)
    .option("--after <ID>", "only those behind this one, the last of the page before")
    .option(STALE_FLAG, STALE_HELP)
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      examples("skein queue dead jobs", "skein queue dead jobs --max 1000 --json | jq .messages"),
    );
  addConnectionOptions(command);
  return command.action(async (topic, { max, after, stale = false, json }) => {
    const messages = await connect(command).queue.dead(topic, {
      max,
      stale,
      ...(after === undefined ? {} : { after }),
    });
    const text = messages.length === 0 ? "no dead letters" : await table(
      ["id", "attempts", "reason", "dead since", "data"],
      messages.map(({ id, attempts, reason, deadAt, data }) => [
        id,
        attempts,
        reason,
        deadAt,
        beginningOf(JSON.stringify(data)),
      ]),
    );
    const more = messages.length < max ? "" : `\nmore: --after ${messages.at(-1)?.id}`;
    const document = { success: true, topic, messages: messages.map(deadLetterDocument) };
    printWire(json, document, () => text + more);
  });
}

function beginningOf(text: string): string {
  return text.length <= SHOWN_LENGTH_MAX ? text : `${text.slice(0, SHOWN_LENGTH_MAX - 1)}…`;
}
