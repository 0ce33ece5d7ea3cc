/**
 * `skein events tail`: a topic's last events and those that come, until somebody stops it. Where the peer that it reads
 * from goes away it goes on at another one, behind the last event that it printed.
 */
import { Command } from "@commander-js/extra-typings";
import type { SkeinClient } from "../client/mod.ts";
import { readInteger } from "./arguments.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { EVENT_JSON_HELP, printEvents, readAfter } from "./event_output.ts";
import { UsageError } from "./failure.ts";
import { examples, JSON_FLAG } from "./output.ts";
import { TOPIC_ARGUMENT, TOPIC_HELP } from "./queue_options.ts";
import { onStopSignals } from "./stop_signals.ts";

const LAST_DEFAULT = 10;

export function define() {
  const command = new Command()
    .argument(TOPIC_ARGUMENT, TOPIC_HELP)
    .option(
      "--last <N>",
      `begin with so many of the last ones (default: ${LAST_DEFAULT})`,
      readInteger(0, Number.MAX_SAFE_INTEGER),
    )
    .option("--after <OFFSET>", "begin behind this one", readAfter)
    .option(JSON_FLAG, EVENT_JSON_HELP)
    .addHelpText("after", examples("skein events tail orders", "skein events tail orders --json"));
  addConnectionOptions(command);
  return command.action(async (topic, { last, after, json = false }) => {
    if (last !== undefined && after !== undefined) {
      throw new UsageError("--last and --after both say where to begin: give one of them");
    }
    const client = connect(command);
    const stopping = new AbortController();
    const stop = () => stopping.abort();
    const unlisten = onStopSignals({ stop, stopNow: stop });
    try {
      const from = after ?? await behind(client, topic, last ?? LAST_DEFAULT);
      const stream = client.events.stream(topic, { after: from, signal: stopping.signal });
      for await (const event of stream) await printEvents(json, [event]);
    } finally {
      unlisten();
    }
  });
}

/** @returns the offset that the last `count` events lie behind */
async function behind({ events }: SkeinClient, topic: string, count: number): Promise<number> {
  const { nextOffset } = await events.page(topic, { limit: 1 });
  return Math.max(-1, nextOffset - 1 - count);
}
