/**
 * `skein events publish`: the events of a file or of standard input, a line each. Whatever ends it, running it again on
 * the same input is right: what was stored is not stored again, and told as a duplicate.
 */
import { Command, type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import { LIMITS } from "../limits.ts";
import { readInteger } from "./arguments.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { readEventItem } from "./event_items.ts";
import { UsageError } from "./failure.ts";
import { giveUpRights } from "./give_up_rights.ts";
import { examples, JSON_FLAG, JSON_HELP } from "./output.ts";
import { type Input, publishInput, standardInput } from "./publish_input.ts";

const IN_FLIGHT_MAX = 64;
const BATCH_DEFAULT = 1_000;

interface PublishOptions {
  readonly topic?: string;
  readonly source?: string;
  readonly batch: number;
  readonly inFlight: number;
  readonly skip: number;
  readonly json?: boolean;
}

export function define() {
  const command = new Command()
    .argument(
      "[FILE]",
      "a line an event: {topic, event_id, timestamp, source, payload}; else standard input",
    )
    .option("--topic <TOPIC>", "of lines that name none")
    .option("--source <TEXT>", "of lines that name none")
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      examples(
        "skein events publish events.jsonl",
        'echo \'{"event_id": "e1", "payload": {"n": 1}}\' | skein events publish --topic orders',
      ),
    );
  addLineOptions(command);
  addConnectionOptions(command);
  return command.action(async (file) => {
    const options = command.opts() as unknown as PublishOptions;
    const { topic = null, source = null, json = false } = options;
    const { events } = connect(command);
    const input = file === undefined ? standardInput("an event", json) : await openFile(file);
    giveUpRights(["events", "publish"], "begun");
    await publishInput(input, {
      what: "event",
      topic: null,
      read: (text) => readEventItem(text, { topic, source }),
      send: (items) => events.publishBatch(items),
    }, options);
  });
}

function addLineOptions(command: CommandUnknownOpts): void {
  const options = [
    new Option("--batch <N>", "events in one request at most")
      .argParser(readInteger(1, LIMITS.eventBatchMax)).default(BATCH_DEFAULT),
    new Option("--in-flight <N>", "requests at once; with more than 1 the order is lost")
      .argParser(readInteger(1, IN_FLIGHT_MAX)).default(1),
    new Option("--skip <N>", "leave out so many lines, which were published before")
      .argParser(readInteger(0, Number.MAX_SAFE_INTEGER)).default(0),
  ];
  for (const option of options) command.addOption(option);
}

/** @throws {UsageError} by rejection, where it cannot be read */
async function openFile(path: string): Promise<Input> {
  try {
    const file = await Deno.open(path);
    const { isFile, isDirectory, size } = await file.stat();
    if (isDirectory) throw new Error("it is a directory");
    return { bytes: file.readable, lengthBytes: isFile && size > 0 ? size : null };
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${(error as Error).message}`);
  }
}
