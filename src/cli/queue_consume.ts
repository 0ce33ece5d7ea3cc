/**
 * `skein queue consume`: takes messages and prints them. With --ack each is acknowledged once it is printed; without,
 * whoever reads them does that by their receipts, or they are delivered again. A reader that goes away ends the
 * command before what it did not read is acknowledged.
 */
import { Command } from "@commander-js/extra-typings";
import type { Delivery, SkeinClient } from "../client/mod.ts";
import { LIMITS } from "../limits.ts";
import { readInteger, readMessageWait, readVisibility } from "./arguments.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { EXIT } from "./exit_codes.ts";
import { Exit } from "./failure.ts";
import { examples, JSON_FLAG, JSON_HELP } from "./output.ts";
import { deliveryDocument } from "./queue_documents.ts";
import { dataText, TOPIC_ARGUMENT, TOPIC_HELP } from "./queue_options.ts";
import { onStopSignals } from "./stop_signals.ts";
import { writeOut } from "./write_out.ts";

const FOLLOWED_MAX_DEFAULT = 100;
/** One request of many that --follow makes. */
const FOLLOWED_WAIT_MS = 30_000;

interface ConsumeOptions {
  readonly max?: number | undefined;
  readonly wait: number;
  readonly visibility?: number | undefined;
  readonly consumer?: string | undefined;
  readonly ack?: boolean | undefined;
  readonly follow?: boolean | undefined;
  readonly raw?: boolean | undefined;
  readonly json?: boolean | undefined;
}

export function define() {
  const command = new Command()
    .argument(TOPIC_ARGUMENT, TOPIC_HELP)
    .option(
      "--max <N>",
      "messages at most, with --follow at a time (default: 1, with --follow 100)",
      readInteger(1, LIMITS.queueBatchMax),
    )
    .option("--wait <SECONDS>", "how long to wait for a first message", readMessageWait, 0)
    .option(
      "--visibility <SECONDS>",
      "until what is not acknowledged is delivered again (default: the topic's)",
      readVisibility,
    )
    .option("--consumer <NAME>", "a name for fairness among consumers (default: a new one)")
    .option("--ack", "acknowledge what was printed")
    .option("--follow", "go on until Ctrl-C")
    .option("--raw", "print the data alone; of a JSON string its text")
    .option(JSON_FLAG, `${JSON_HELP}, with --follow one a message`)
    .addHelpText(
      "after",
      examples(
        "skein queue consume jobs --wait 10",
        "skein queue consume jobs --follow --ack --raw | ./import.sh",
      ),
    );
  addConnectionOptions(command);
  return command.action(async (topic, options) => {
    const client = connect(command);
    if (options.follow === true) await follow(client, topic, options);
    else await consumeOnce(client, topic, options);
  });
}

async function consumeOnce(
  client: SkeinClient,
  topic: string,
  options: ConsumeOptions,
): Promise<void> {
  const deliveries = await take(client, topic, options, options.max ?? 1, options.wait);
  if (options.json === true) {
    const document = { success: true, topic, messages: deliveries.map(deliveryDocument) };
    await writeOut(JSON.stringify(document));
  } else {
    for (const delivery of deliveries) await writeOut(lineOf(delivery, options));
    if (deliveries.length === 0) console.error("skein: no message");
  }
  if (options.ack !== true || deliveries.length === 0) return;
  if (!await acknowledge(client, topic, deliveries)) throw new Exit(EXIT.refused);
}

async function follow(client: SkeinClient, topic: string, options: ConsumeOptions): Promise<void> {
  const stopping = new AbortController();
  const stopListening = onStopSignals({
    stop: () => stopping.abort(new Exit(EXIT.ok)),
    stopNow: () => Deno.exit(EXIT.ok),
  });
  const max = options.max ?? FOLLOWED_MAX_DEFAULT;
  const waitMs = options.wait === 0 ? FOLLOWED_WAIT_MS : options.wait;
  try {
    for (;;) {
      const deliveries = await take(client, topic, options, max, waitMs, stopping.signal);
      for (const delivery of deliveries) await writeOut(lineOf(delivery, options));
      if (options.ack === true && deliveries.length > 0) {
        await acknowledge(client, topic, deliveries);
      }
      stopping.signal.throwIfAborted();
    }
  } finally {
    stopListening();
  }
}

function take(
  client: SkeinClient,
  topic: string,
  { visibility, consumer }: ConsumeOptions,
  max: number,
  waitMs: number,
  signal?: AbortSignal,
): Promise<readonly Delivery[]> {
  return client.queue.consume(topic, {
    max,
    waitMs,
    ...(visibility === undefined ? {} : { visibilityMs: visibility }),
    ...(consumer === undefined ? {} : { consumer }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/**
 * Says which were printed and yet will be delivered again, because that took longer than the visibility timeout.
 * @returns whether there was none
 */
async function acknowledge(
  client: SkeinClient,
  topic: string,
  deliveries: readonly Delivery[],
): Promise<boolean> {
  const results = await client.queue.ack(topic, deliveries);
  const late = deliveries.filter((_, at) => results[at]?.ok !== true);
  for (const { id } of late) console.error(`skein: ${id} was not acknowledged: its time was over`);
  return late.length === 0;
}

function lineOf(delivery: Delivery, { raw = false, json = false }: ConsumeOptions): string {
  if (json) return JSON.stringify(deliveryDocument(delivery));
  if (raw) return dataText(delivery.data, true);
  const { id, attempts, receipt, data } = delivery;
  return `${id}  attempt ${attempts}  receipt ${receipt}  ${JSON.stringify(data)}`;
}
