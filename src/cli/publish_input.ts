/**
 * Publishes standard input, and tells how that went: at its end, at a bad line, when the cluster refuses, and on Ctrl-C,
 * after which what is on its way is waited for. Whatever was acknowledged is counted, nothing else is.
 */
import { type SkeinClient, SkeinError } from "../client/mod.ts";
import { LIMITS } from "../limits.ts";
import { SIGNAL_OFFSET } from "./exit_codes.ts";
import { Exit } from "./failure.ts";
import { readLines } from "./input_lines.ts";
import { print } from "./output.ts";
import { openPublishBar } from "./publish_bar.ts";
import { type LineForm, readItem } from "./publish_items.ts";
import { LinePublisher, type PublishProgress } from "./publish_lines.ts";
import { countOf } from "./queue_options.ts";
import { onStopSignals, SIGNAL_NUMBERS, type StopSignal } from "./stop_signals.ts";

export interface InputOptions {
  readonly batch: number;
  readonly inFlight: number;
  readonly skip: number;
  readonly json?: boolean | undefined;
}

/**
 * @throws {SkeinError} by rejection, its message with what was published so far, its details likewise
 * @throws {Exit} where a signal ended it
 */
export async function publishInput(
  client: SkeinClient,
  topic: string,
  form: LineForm,
  options: InputOptions,
): Promise<void> {
  const { json = false } = options;
  if (Deno.stdin.isTerminal() && !json) {
    console.error("skein: a message a line; Ctrl-D ends it");
  }
  const startedMs = performance.now();
  const bar = await openPublishBar();
  const publisher = new LinePublisher({
    read: (text) => readItem(text, form),
    send: (items) => client.queue.publishBatch(topic, items),
    batchMax: options.batch,
    inFlightMax: options.inFlight,
    skipLines: options.skip,
    onProgress: (progress) => bar.show(progress),
  });
  let stoppedBy: StopSignal | null = null;
  const stopListening = onStopSignals({
    stop: (signal) => {
      stoppedBy = signal;
      publisher.stop();
    },
    stopNow: (signal) => {
      tellStopped(publisher.progress, json);
      Deno.exit(SIGNAL_OFFSET + SIGNAL_NUMBERS[signal]!);
    },
  });
  try {
    await publisher.run(readLines(Deno.stdin.readable, LIMITS.bodyBytesMax));
  } catch (error) {
    throw error instanceof SkeinError ? withProgress(error, publisher.progress) : error;
  } finally {
    bar.end();
    stopListening();
  }
  if (stoppedBy !== null) {
    tellStopped(publisher.progress, json);
    throw new Exit(SIGNAL_OFFSET + SIGNAL_NUMBERS[stoppedBy]!);
  }
  const seconds = Math.round(performance.now() - startedMs) / 1000;
  const { published, duplicates } = publisher.progress;
  print(json, { success: true, topic, published, duplicates, seconds }, () => {
    return `published ${describe(publisher.progress)} to ${topic} in ${seconds} s`;
  });
}

function describe({ published, duplicates }: PublishProgress): string {
  const known = duplicates === 0 ? "" : `, of which ${duplicates} were known already`;
  return `${countOf(published, "message")}${known}`;
}

/** What `--skip` leaves out is no more than was acknowledged, so that nothing is missing in the end. */
function howToGoOn(progress: PublishProgress): string {
  const { line } = progress;
  const goOn = line === 0 ? "" : `; --skip ${line} goes on behind line ${line}`;
  return `${describe(progress)} published${goOn}`;
}

function detailsOf({ published, duplicates, line }: PublishProgress) {
  return { published, duplicates, published_lines: line };
}

function withProgress(error: SkeinError, progress: PublishProgress): SkeinError {
  const { results: _results, ...details } = error.details;
  const message = `${error.message}\n${howToGoOn(progress)}`;
  return new SkeinError(error.code, message, { ...details, ...detailsOf(progress) });
}

function tellStopped(progress: PublishProgress, json: boolean): void {
  const message = `stopped: ${howToGoOn(progress)}`;
  if (!json) return console.error(`skein: ${message}`);
  const document = { success: false, error: "INTERRUPTED", message, ...detailsOf(progress) };
  console.log(JSON.stringify(document));
}
