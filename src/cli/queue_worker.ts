/**
 * `skein queue worker TOPIC -- COMMAND`: runs a command for each message, with the data on its standard input. Exit code
 * 0 acknowledges the message, any other hands it back. While the command runs the message is kept from others. Ctrl-C
 * and SIGTERM drain: nothing more is taken, what runs may end; asked again it ends at once.
 */
import { Command, Option } from "@commander-js/extra-typings";
import type { Delivery } from "../client/mod.ts";
import { LIMITS } from "../limits.ts";
import type { LogLevel } from "../logger.ts";
import { readBackoff, readGrace, readInteger, readVisibility } from "./arguments.ts";
import { addConnectionOptions, connect } from "./connection.ts";
import { consoleLogger } from "./console_logger.ts";
import { EXIT, SIGNAL_OFFSET } from "./exit_codes.ts";
import { Exit } from "./failure.ts";
import { giveUpRights } from "./give_up_rights.ts";
import { restoreOuterEnvironment } from "./outer_environment.ts";
import { examples, JSON_FLAG } from "./output.ts";
import { countOf, dataText, TOPIC_ARGUMENT, TOPIC_HELP } from "./queue_options.ts";
import { onStopSignals, SIGNAL_NUMBERS } from "./stop_signals.ts";
import { CannotBegin, Worker } from "./worker.ts";
import { type CommandCall, WorkerCommand } from "./worker_command.ts";

/** What shells answer for a command that is not there, or may not be run. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;
const VISIBILITY_DEFAULT_MS = 30_000;
/** With the grace well below the 30 s that whoever runs containers waits. */
const DRAIN_DEFAULT_MS = 20_000;
const GRACE_DEFAULT_MS = 5_000;
const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

interface WorkerFlags {
  readonly concurrency: number;
  readonly consumer: string;
  readonly visibility: number;
  readonly backoff?: readonly number[] | undefined;
  readonly maxMessages?: number | undefined;
  readonly untilEmpty?: boolean | undefined;
  readonly drainTimeout: number;
  readonly grace: number;
  readonly raw?: boolean | undefined;
  readonly logLevel: LogLevel;
  readonly json?: boolean | undefined;
}

const HELP = `
The command finds the data on its standard input, as JSON and a line feed, and in its
environment SKEIN_TOPIC, SKEIN_MESSAGE_ID, SKEIN_MESSAGE_KEY where it has one,
SKEIN_ATTEMPTS (1 at the first delivery) and SKEIN_RECEIPT. It may see a message twice.

Exit code 0 after being asked to stop, or when all is done; ${EXIT.commandFailed} where --max-messages or
--until-empty ended it and commands had failed; ${NOT_FOUND} or ${NOT_EXECUTABLE} for a command that is not
there or may not be run; 128 + n where asking again (signal n) ended it at once.`;

export function define() {
  // At once, for by the time that commands run the environment may not be touched any more.
  restoreOuterEnvironment();
  const command = new Command()
    .argument(TOPIC_ARGUMENT, TOPIC_HELP)
    .argument("<COMMAND...>", "what runs for each message, behind --")
    .option(
      "--concurrency <N>",
      "commands at once",
      readInteger(1, LIMITS.queueBatchMax),
      1,
    )
    .addOption(
      new Option("--consumer <NAME>", "a name for fairness among consumers")
        .default(`${Deno.hostname()}-${Deno.pid}`, "HOST-PROCESS"),
    )
    .addOption(
      new Option(
        "--visibility <SECONDS>",
        "after which others get what a worker had that is gone; extended before half of it",
      ).argParser(readVisibility).default(VISIBILITY_DEFAULT_MS, `${VISIBILITY_DEFAULT_MS / 1000}`),
    )
    .option(
      "--backoff <SECONDS,...>",
      "delay after the first failure, the second, … (default: the topic's, else 1,5,30,120)",
      readBackoff,
    )
    .option(
      "--max-messages <N>",
      "end after so many",
      readInteger(1, Number.MAX_SAFE_INTEGER),
    )
    .option("--until-empty", "end once nothing is ready, and nothing runs here")
    .addOption(
      new Option("--drain-timeout <SECONDS>", "how long commands may go on when asked to stop")
        .argParser(readGrace).default(DRAIN_DEFAULT_MS, `${DRAIN_DEFAULT_MS / 1000}`),
    )
    .addOption(
      new Option("--grace <SECONDS>", "from SIGTERM to SIGKILL for a command")
        .argParser(readGrace).default(GRACE_DEFAULT_MS, `${GRACE_DEFAULT_MS / 1000}`),
    )
    .option("--raw", "of a JSON string give the command the text alone")
    .addOption(
      new Option("--log-level <LEVEL>", "what is told on standard error").choices(LOG_LEVELS)
        .default("info" as const),
    )
    .option(JSON_FLAG, "tell it as lines of JSON")
    .addHelpText(
      "after",
      examples(
        "skein queue worker jobs --concurrency 4 -- ./work.sh",
        "skein queue worker mails --raw --until-empty -- sh -c 'echo \"$SKEIN_MESSAGE_ID\"; cat'",
      ) + `\n${HELP}`,
    );
  addConnectionOptions(command);
  return command.action(async (topic, [program = "", ...args], flags) => {
    const client = connect(command);
    giveUpRights(["queue", "worker"], "begun");
    const worker = new Worker(client.queue, {
      topic,
      consumer: flags.consumer,
      concurrency: flags.concurrency,
      visibilityMs: flags.visibility,
      backoffMs: flags.backoff ?? null,
      messagesMax: flags.maxMessages ?? null,
      untilEmpty: flags.untilEmpty === true,
      drainMs: flags.drainTimeout,
      graceMs: flags.grace,
      begin: (delivery) =>
        begin(program, args, {
          environment: environmentOf(topic, delivery),
          input: flags.raw === true
            ? dataText(delivery.data, true)
            : `${JSON.stringify(delivery.data)}\n`,
        }),
    }, consoleLogger(flags.logLevel, flags.json === true));
    throw new Exit(await runToItsEnd(worker, topic, flags));
  });
}

/** @returns the exit code */
async function runToItsEnd(worker: Worker, topic: string, flags: WorkerFlags): Promise<number> {
  const logger = consoleLogger(flags.logLevel, flags.json === true);
  let asked: "no" | "drain" | "now" = "no";
  let code: number = EXIT.ok;
  const stopListening = onStopSignals({
    stop: (signal) => {
      asked = "drain";
      const running = countOf(worker.runningCount, "command");
      logger.log("info", `${signal}: taking no more; ${running} may run on`, {
        seconds: flags.drainTimeout / 1000,
      });
      worker.drain();
    },
    stopNow: (signal) => {
      asked = "now";
      code = SIGNAL_OFFSET + SIGNAL_NUMBERS[signal]!;
      worker.stopNow();
    },
  }, ["SIGHUP"]);
  logger.log("info", `working on ${topic}`, { concurrency: flags.concurrency });
  try {
    const totals = await worker.run();
    const { acknowledged, failed, handedBack: handed_back, lost } = totals;
    logger.log("info", "ended", { acknowledged, failed, handed_back, lost });
    return asked === "no" && failed > 0 ? EXIT.commandFailed : code;
  } catch (error) {
    if (!(error instanceof CannotBegin)) throw error;
    logger.log("error", error.message);
    return error.code;
  } finally {
    stopListening();
  }
}

function environmentOf(
  topic: string,
  { id, key, attempts, receipt }: Delivery,
): Record<string, string> {
  return {
    SKEIN_TOPIC: topic,
    SKEIN_MESSAGE_ID: id,
    ...(key === null ? {} : { SKEIN_MESSAGE_KEY: key }),
    SKEIN_ATTEMPTS: String(attempts),
    SKEIN_RECEIPT: receipt,
  };
}

/** @throws {CannotBegin} where the command is not there, or may not be run: so it would be for every message */
function begin(
  program: string,
  args: readonly string[],
  given: Pick<CommandCall, "environment" | "input">,
): WorkerCommand {
  try {
    return new WorkerCommand({ program, args, ...given });
  } catch (error) {
    const code = error instanceof Deno.errors.NotFound
      ? NOT_FOUND
      : error instanceof Deno.errors.PermissionDenied
      ? NOT_EXECUTABLE
      : null;
    if (code === null) throw error;
    throw new CannotBegin(`cannot run ${program}: ${(error as Error).message}`, code);
  }
}
