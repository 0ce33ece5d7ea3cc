/**
 * `skein queue publish`: one message from the command line, or as many as standard input has lines. Of many it says at
 * the end, however that came, how many the cluster has acknowledged, and how to go on behind them.
 */
import { Command, type CommandUnknownOpts, Option } from "@commander-js/extra-typings";
import type { MessageOptions, SkeinClient } from "../client/mod.ts";
import { LIMITS } from "../limits.ts";
import { readDelay, readInteger, readMessageTtl, readPriority } from "./arguments.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { UsageError } from "./failure.ts";
import { examples, JSON_FLAG, JSON_HELP, print } from "./output.ts";
import { type LineForm, readItem } from "./publish_items.ts";
import { publishInput, standardInput } from "./publish_input.ts";
import { TOPIC_ARGUMENT, TOPIC_HELP } from "./queue_options.ts";

const IN_FLIGHT_MAX = 64;
const OF_LINES = "With standard input:";

export interface PublishOptions {
  readonly text?: boolean | undefined;
  readonly id?: string | undefined;
  readonly key?: string | undefined;
  readonly priority?: number | undefined;
  readonly delay?: number | undefined;
  readonly ttl?: number | undefined;
  readonly messages?: boolean | undefined;
  readonly idFrom?: string | undefined;
  readonly keyFrom?: string | undefined;
  readonly batch: number;
  readonly inFlight: number;
  readonly skip: number;
  readonly json?: boolean | undefined;
}

export function define() {
  const command = new Command()
    .argument(TOPIC_ARGUMENT, TOPIC_HELP)
    .argument("[DATA]", "one message; without it standard input, a message a line")
    .option("--text", "data is text and not JSON")
    .option("--id <ID>", "of this one message: published again, it is a duplicate")
    .option("--key <KEY>", "chooses the lane, where the topic has several")
    .option("--priority <N>", "0 to 9, 9 is delivered first (default: 0)", readPriority)
    .option("--delay <SECONDS>", "not delivered before", readDelay)
    .option("--ttl <SECONDS>", "not delivered after (default: for ever)", readMessageTtl)
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      examples(
        "skein queue publish jobs '{\"order\": 17}' --id order-17",
        "skein queue publish jobs --text hello",
        "skein queue publish jobs --id-from order < orders.jsonl",
      ),
    );
  addLineOptions(command);
  addConnectionOptions(command);
  return command.action(async (topic, data) => {
    const options = command.opts() as PublishOptions;
    const client = connect(command);
    if (data !== undefined) await publishOne(client, topic, data, options);
    else await publishLines(client, topic, options);
  });
}

function addLineOptions(command: CommandUnknownOpts): void {
  const options = [
    new Option("--messages", "each line is {data, id, key, priority, delay, ttl}"),
    new Option("--id-from <FIELD>", "the field of the data that is the message's id"),
    new Option("--key-from <FIELD>", "the field of the data that is its key"),
    new Option("--batch <N>", "messages in one request at most")
      .argParser(readInteger(1, LIMITS.queueBatchMax)).default(LIMITS.queueBatchMax),
    new Option("--in-flight <N>", "requests at once; with more than 1 the order is lost")
      .argParser(readInteger(1, IN_FLIGHT_MAX)).default(1),
    new Option("--skip <N>", "leave out so many lines, which were published before")
      .argParser(readInteger(0, Number.MAX_SAFE_INTEGER)).default(0),
  ];
  for (const option of options) command.addOption(option.helpGroup(OF_LINES));
}

async function publishLines(
  client: SkeinClient,
  topic: string,
  options: PublishOptions,
): Promise<void> {
  const form = formOf(options);
  await publishInput(standardInput("a message", options.json === true), {
    what: "message",
    topic,
    read: (text) => readItem(text, form),
    send: (items) => client.queue.publishBatch(topic, items),
  }, options);
}

async function publishOne(
  client: SkeinClient,
  topic: string,
  text: string,
  options: PublishOptions,
): Promise<void> {
  const { messages, idFrom, keyFrom, id, json } = options;
  if (messages === true || idFrom !== undefined || keyFrom !== undefined) {
    throw new UsageError("--messages, --id-from and --key-from are for standard input");
  }
  const published = await client.queue.publish(topic, dataOf(text, options), {
    ...commonOptions(options),
    ...(id === undefined ? {} : { id }),
  });
  const known = published.duplicate ? ", a duplicate: it was published before" : "";
  print(json, { success: true, topic, ...published }, () => `published ${published.id}${known}`);
}

function dataOf(text: string, options: PublishOptions): unknown {
  const kind = options.text === true ? "text" : "value";
  const read = readItem(text, { kind, idFrom: null, keyFrom: null, common: {} });
  if (read.kind === "item") return read.item.data;
  const fault = read.kind === "fault" ? read.fault : "nothing";
  throw new UsageError(`DATA (for text say --text): ${fault}`);
}

/** @throws {UsageError} for options that do not go together */
function formOf(options: PublishOptions): LineForm {
  const { text, messages, id, idFrom = null, keyFrom = null } = options;
  if (id !== undefined) {
    throw new UsageError("--id is for one message; for lines there are --id-from and --messages");
  }
  if (text === true && (messages === true || idFrom !== null || keyFrom !== null)) {
    throw new UsageError("--text goes with neither --messages, --id-from nor --key-from");
  }
  const kind = text === true ? "text" : messages === true ? "message" : "value";
  return { kind, idFrom, keyFrom, common: commonOptions(options) };
}

function commonOptions({ key, priority, delay, ttl }: PublishOptions): MessageOptions {
  return {
    ...(key === undefined ? {} : { key }),
    ...(priority === undefined ? {} : { priority }),
    ...(delay === undefined ? {} : { delayMs: delay }),
    ...(ttl === undefined ? {} : { ttlMs: ttl }),
  };
}
