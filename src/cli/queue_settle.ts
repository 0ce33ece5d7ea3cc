/**
 * What `queue ack`, `nack` and `extend` share: which deliveries are meant, and how their results are told. Several are
 * settled in one request, each by itself: where one is refused the others are done, and the exit code is 1.
 */
import { Command } from "@commander-js/extra-typings";
import type { DeliveryName, SettleResult } from "../client/mod.ts";
import { LIMITS } from "../limits.ts";
import { EXIT } from "./exit_codes.ts";
import { Exit, UsageError } from "./failure.ts";
import { settleDocument } from "./queue_documents.ts";
import { printWire } from "./output.ts";
import { TOPIC_ARGUMENT, TOPIC_HELP } from "./queue_options.ts";

/** A command with the words that all three take. */
export function settlingCommand() {
  return new Command()
    .argument(TOPIC_ARGUMENT, TOPIC_HELP)
    .argument("[ID...]", "messages, by the delivery that is current")
    .option(
      "--receipt <RECEIPT>",
      "a delivery by its receipt, which is surer; may be given several times",
      gather,
      [],
    );
}

/** Gathers an option that may be given several times. */
function gather(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

const REFUSALS = {
  NOT_FOUND: "no such message is in flight: acknowledged before, expired, purged, or never there",
  STALE_RECEIPT:
    "it was delivered again since, or handed back: this receipt means nothing any more",
} as const;

/**
 * @returns the deliveries that the command line names
 * @throws {UsageError} where it names none, or too many
 */
export function deliveriesOf(
  ids: readonly string[],
  receipts: readonly string[],
): DeliveryName[] {
  const names = [...ids.map((id) => ({ id })), ...receipts.map((receipt) => ({ receipt }))];
  if (names.length === 0) throw new UsageError("name messages by ID, or deliveries by --receipt");
  if (names.length > LIMITS.queueBatchMax) {
    throw new UsageError(`${names.length} deliveries at once; allowed: ${LIMITS.queueBatchMax}`);
  }
  return names;
}

/**
 * Prints what became of each delivery: what was done on standard output, what was refused on standard error.
 * @param done in one word, such as `acknowledged`
 * @throws {Exit} where one was refused
 */
export function printResults(
  json: boolean | undefined,
  done: string,
  names: readonly DeliveryName[],
  results: readonly SettleResult[],
): void {
  const told = names.map((name, at) => ({ name, result: results[at]! }));
  const refused = told.filter(({ result }) => !result.ok);
  if (json) {
    const document = {
      success: refused.length === 0,
      results: told.map(({ name, result }) => ({ ...name, ...settleDocument(result) })),
    };
    printWire(json, document, () => "");
  } else {
    for (const { name, result } of told) {
      const shown = name.id ?? name.receipt;
      if (result.ok) console.log(`${done} ${shown}`);
      else console.error(`skein: ${shown}: ${REFUSALS[result.code]}`);
    }
  }
  if (refused.length > 0) throw new Exit(EXIT.refused);
}
