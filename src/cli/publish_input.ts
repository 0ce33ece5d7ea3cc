/**
 * Publishes the lines of an input, and tells how that went: at its end, at a bad line, when the cluster refuses, and on Ctrl-C,
 * after which what is on its way is waited for. Whatever was acknowledged is counted, nothing else is.
 */
import { fstatSync } from "node:fs";
import { SkeinError } from "../client/mod.ts";
import { LIMITS } from "../limits.ts";
import { SIGNAL_OFFSET } from "./exit_codes.ts";
import { Exit } from "./failure.ts";
import { readLines } from "./input_lines.ts";
import { print } from "./output.ts";
import { openPublishBar } from "./publish_bar.ts";
import { LinePublisher, type PublishLinesOptions, type PublishProgress } from "./publish_lines.ts";
import { countOf } from "./queue_options.ts";
import { onStopSignals, SIGNAL_NUMBERS, type StopSignal } from "./stop_signals.ts";

export interface InputOptions {
  readonly batch: number;
  readonly inFlight: number;
  readonly skip: number;
  readonly json?: boolean | undefined;
}

/** What lines become, and where they go. */
export interface InputTarget<Item> extends Pick<PublishLinesOptions<Item>, "read" | "send"> {
  /** One of them: `message`. */
  readonly what: string;
  /** All of them go there; null: each says so itself. */
  readonly topic: string | null;
}

/** Where lines come from. */
export interface Input {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** Null: nobody knows before its end. */
  readonly lengthBytes: number | null;
}

const STANDARD_INPUT = 0;

/** @param what people are to type a line of, where a terminal is read */
export function standardInput(what: string, json: boolean): Input {
  if (Deno.stdin.isTerminal() && !json) {
    console.error(`skein: ${what} a line; Ctrl-D ends it`);
  }
  const found = fstatSync(STANDARD_INPUT);
  const lengthBytes = found.isFile() && found.size > 0 ? found.size : null;
  return { bytes: Deno.stdin.readable, lengthBytes };
}

/**
 * @throws {SkeinError} by rejection, its message with what was published so far, its details likewise
 * @throws {Exit} where a signal ended it
 */
export async function publishInput<Item>(
  input: Input,
  target: InputTarget<Item>,
  options: InputOptions,
): Promise<void> {
  const { json = false } = options;
  const { what, topic } = target;
  const startedMs = performance.now();
  const bar = await openPublishBar(`${what}s`, input.lengthBytes);
  const publisher = new LinePublisher({
    read: target.read,
    send: target.send,
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
      tellStopped(what, publisher.progress, json);
      Deno.exit(SIGNAL_OFFSET + SIGNAL_NUMBERS[signal]!);
    },
  });
  try {
    await publisher.run(readLines(input.bytes, LIMITS.bodyBytesMax));
  } catch (error) {
    throw error instanceof SkeinError ? withProgress(what, error, publisher.progress) : error;
  } finally {
    bar.end();
    stopListening();
  }
  if (stoppedBy !== null) {
    tellStopped(what, publisher.progress, json);
    throw new Exit(SIGNAL_OFFSET + SIGNAL_NUMBERS[stoppedBy]!);
  }
  const seconds = Math.round(performance.now() - startedMs) / 1000;
  const { published, duplicates } = publisher.progress;
  const place = topic === null ? {} : { topic };
  print(json, { success: true, ...place, published, duplicates, seconds }, () => {
    const to = topic === null ? "" : ` to ${topic}`;
    return `published ${describe(what, publisher.progress)}${to} in ${seconds} s`;
  });
}

function describe(what: string, { published, duplicates }: PublishProgress): string {
  const were = duplicates === 1 ? "was" : "were";
  const known = duplicates === 0 ? "" : `, of which ${duplicates} ${were} known already`;
  return `${countOf(published, what)}${known}`;
}

/** What `--skip` leaves out is no more than was acknowledged, so that nothing is missing in the end. */
function howToGoOn(what: string, progress: PublishProgress): string {
  const { line } = progress;
  const goOn = line === 0 ? "" : `; --skip ${line} goes on behind line ${line}`;
  return `${describe(what, progress)} published${goOn}`;
}

function detailsOf({ published, duplicates, line }: PublishProgress) {
  return { published, duplicates, published_lines: line };
}

function withProgress(what: string, error: SkeinError, progress: PublishProgress): SkeinError {
  const { results: _results, ...details } = error.details;
  const message = `${error.message}\n${howToGoOn(what, progress)}`;
  return new SkeinError(error.code, message, { ...details, ...detailsOf(progress) });
}

function tellStopped(what: string, progress: PublishProgress, json: boolean): void {
  const message = `stopped: ${howToGoOn(what, progress)}`;
  if (!json) return console.error(`skein: ${message}`);
  const document = { success: false, error: "INTERRUPTED", message, ...detailsOf(progress) };
  console.log(JSON.stringify(document));
}
