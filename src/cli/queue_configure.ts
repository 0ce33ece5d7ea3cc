/**
 * `skein queue configure`: creates a topic with options of its own, or changes them. What is not named stays as it
 * is. Lanes are fixed when the topic is created; the rest may change at any time.
 */
import { Command } from "@commander-js/extra-typings";
import type { TopicOptions } from "../client/mod.ts";
import { LIMITS } from "../limits.ts";
import { readBackoff, readDedupWindow, readInteger, readVisibility } from "./arguments.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { examples, JSON_FLAG, JSON_HELP, printWire } from "./output.ts";
import { topicDocument } from "../http/queue_topic_document.ts";
import { describeTopic, TOPIC_ARGUMENT, TOPIC_HELP } from "./queue_options.ts";

export function define() {
  const command = new Command()
    .argument(TOPIC_ARGUMENT, TOPIC_HELP)
    .option(
      "--lanes <N>",
      "lanes, each with an order of its own; of a new topic (default: 1)",
      readInteger(1, LIMITS.queueLanesMax),
    )
    .option(
      "--visibility <SECONDS>",
      "until what is not acknowledged is delivered again (default: 30)",
      readVisibility,
    )
    .option(
      "--max-attempts <N>",
      "deliveries until a message is a dead letter, 0: never (default: 16)",
      readInteger(0, LIMITS.queueAttemptsMax),
    )
    .option(
      "--backoff <SECONDS,...>",
      "delay after the first nack, the second, …; the last one repeats (default: none)",
      readBackoff,
    )
    .option(
      "--dedup-window <SECONDS>",
      "for how long an id is known (default: 300)",
      readDedupWindow,
    )
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      examples(
        "skein queue configure jobs --lanes 8 --max-attempts 5",
        "skein queue configure jobs --backoff 1,5,30",
      ),
    );
  addConnectionOptions(command);
  return command.action(async (topic, options) => {
    const { lanes, visibility, maxAttempts, backoff, dedupWindow, json } = options;
    const changes: Partial<TopicOptions> = {
      ...(lanes === undefined ? {} : { lanes }),
      ...(visibility === undefined ? {} : { visibilityMs: visibility }),
      ...(maxAttempts === undefined ? {} : { maxAttempts }),
      ...(backoff === undefined ? {} : { backoffMs: backoff }),
      ...(dedupWindow === undefined ? {} : { dedupWindowMs: dedupWindow }),
    };
    const view = await connect(command).queue.configure(topic, changes);
    printWire(json, { success: true, ...topicDocument(view) }, () => describeTopic(view));
  });
}
