/**
 * `skein bench events`: events with duplicates through all peers of a running cluster at once; at the end VERIFIED, or
 * what is not as it should be and exit code 1. It publishes to topics of its own, which stay.
 */
import { Command } from "@commander-js/extra-typings";
import type { SkeinClient } from "../client/mod.ts";
import { LIMITS } from "../limits.ts";
import { Random } from "../random.ts";
import { readInteger, readShare } from "./arguments.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { EventBench, type EventBenchResult } from "./event_bench.ts";
import { EXIT } from "./exit_codes.ts";
import { Exit } from "./failure.ts";
import { examples, JSON_FLAG, JSON_HELP, print } from "./output.ts";
import { openPublishBar } from "./publish_bar.ts";

const EVENTS_DEFAULT = 10_000;
const DUPLICATES_DEFAULT = 0.2;
const BATCH_DEFAULT = 100;
const TOPICS_DEFAULT = 4;
const IN_FLIGHT_DEFAULT = 4;
const PATIENCE_MS = 120_000;

export function define() {
  const command = new Command()
    .option(
      "--events <N>",
      "how many are sent, duplicates included",
      readInteger(1, 10_000_000),
      EVENTS_DEFAULT,
    )
    .option("--duplicates <SHARE>", "the share that is sent again", readShare, DUPLICATES_DEFAULT)
    .option(
      "--batch <N>",
      "events in one request",
      readInteger(1, LIMITS.eventBatchMax),
      BATCH_DEFAULT,
    )
    .option(
      "--in-flight <N>",
      "requests at once at each peer",
      readInteger(1, 64),
      IN_FLIGHT_DEFAULT,
    )
    .option("--topics <N>", "how many topics they go to", readInteger(1, 1_000), TOPICS_DEFAULT)
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText("after", examples("skein bench events --events 50000 --duplicates 0.2"));
  addConnectionOptions(command);
  return command.action(async ({ json = false, topics, ...options }) => {
    const { token = null } = command.opts() as { readonly token?: string };
    const urls = await peerUrls(connect(command));
    const name = crypto.randomUUID().slice(0, 8);
    const bar = await openPublishBar("events", null);
    const bench = new EventBench({
      ...options,
      urls,
      token: token === "" ? null : token,
      random: new Random(...crypto.getRandomValues(new Uint32Array(2))),
      topics: Array.from({ length: topics }, (_, place) => `bench-${name}-${place}`),
      patienceMs: PATIENCE_MS,
      onProgress: (published) => bar.show({ published, duplicates: 0, line: 0, bytes: 0 }),
    });
    const result = await bench.run().finally(() => bar.end());
    report(json, urls.length, result);
  });
}

/** @returns where the members answer that can be asked now */
async function peerUrls(client: SkeinClient): Promise<readonly string[]> {
  const { members } = await client.cluster();
  const urls = members.filter(({ state }) => state !== "dead").map(({ httpUrl }) => httpUrl);
  return [...new Set(urls.filter((url) => url !== ""))];
}

function report(json: boolean, peers: number, result: EventBenchResult): void {
  const { problems, publishMs, ...counts } = result;
  const seconds = Math.round(publishMs) / 1000;
  const verified = problems.length === 0;
  const rate = Math.round(counts.sent / Math.max(seconds, 0.001));
  const document = { success: verified, verified, peers, ...counts, seconds, rate, problems };
  print(json, verified ? document : { ...document, error: "NOT_VERIFIED" }, () => {
    const { sent, distinct, received, unique, duplicates, resent } = counts;
    const lines = [
      `sent ${sent} events, ${distinct} of them distinct, through ${peers} peers in ${seconds} s: ${rate}/s`,
      `received ${received}, stored ${unique}, dropped ${duplicates} duplicates`,
      ...(resent === 0
        ? []
        : [`${resent} batches were sent anew, because their outcome was not known`]),
      ...(verified ? ["VERIFIED"] : problems.map((problem) => `NOT VERIFIED: ${problem}`)),
    ];
    return lines.join("\n");
  });
  if (!verified) throw new Exit(EXIT.refused);
}
