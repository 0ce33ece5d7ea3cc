/**
 * `skein queue purge`: removes messages for good. It asks whoever sits at a terminal, and wants --yes of everybody
 * else, for there is no way back.
 */
import { Command } from "@commander-js/extra-typings";
import { addConnectionOptions, connect } from "./connection.ts";
import { EXIT } from "./exit_codes.ts";
import { Exit, UsageError } from "./failure.ts";
import { examples, JSON_FLAG, JSON_HELP, print } from "./output.ts";
import { countOf, TOPIC_ARGUMENT, TOPIC_HELP } from "./queue_options.ts";

const WORDS = {
  ready: "all messages but the dead letters",
  dead: "all dead letters",
  all: "all messages and dead letters",
} as const;

export function define() {
  const command = new Command()
    .argument(TOPIC_ARGUMENT, TOPIC_HELP)
    .option("--ready", WORDS.ready)
    .option("--dead", WORDS.dead)
    .option("--all", WORDS.all)
    .option("--yes", "do not ask")
    .option(JSON_FLAG, JSON_HELP)
    .addHelpText(
      "after",
      examples("skein queue purge jobs --dead", "skein queue purge jobs --all --yes"),
    );
  addConnectionOptions(command);
  return command.action(async (topic, { ready, dead, all, yes = false, json }) => {
    const chosen = Object.entries({ ready, dead, all }).filter(([, said]) => said === true);
    if (chosen.length !== 1) throw new UsageError("say what goes: --ready, --dead or --all");
    const what = chosen[0]![0] as keyof typeof WORDS;
    const client = connect(command);
    if (!yes) ask(topic, what, json === true);
    const purged = await client.queue.purge(topic, what);
    const text = `removed ${countOf(purged, "message")} of ${topic}`;
    print(json, { success: true, topic, what, purged }, () => text);
  });
}

/**
 * @throws {Exit} where the answer is no
 * @throws {UsageError} where nobody is there to answer
 */
function ask(topic: string, what: keyof typeof WORDS, json: boolean): void {
  const question = `remove ${WORDS[what]} of ${topic} for good`;
  if (json || !Deno.stdin.isTerminal()) {
    throw new UsageError(`nobody to ask at a terminal: --yes to ${question}`);
  }
  if (!confirm(`skein: ${question}?`)) throw new Exit(EXIT.refused);
}
