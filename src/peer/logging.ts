/**
 * The real logger: LogTape makes lines of records, for a person (in colour, unless in a file) or as JSON for a
 * collector. Each is written at once, unbuffered, to standard error or to a file.
 */
import {
  configureSync,
  getAnsiColorFormatter,
  getJsonLinesFormatter,
  getLogger,
  getTextFormatter,
} from "@logtape/logtape";
import type { LogRecord } from "@logtape/logtape";
import type { Config } from "../config/mod.ts";
import type { Logger, LogLevel } from "../logger.ts";
import { LogOutput, openLogFile } from "./log_output.ts";

export interface LoggingOptions {
  readonly level: LogLevel;
  readonly format: "pretty" | "json";
  /** The peer's name: part of every record. */
  readonly name: string;
  /** Null: standard error. */
  readonly file: string | null;
}

/** What the configuration says of the log. */
export function loggingOptions({ logLevel, logFormat, name, logFile }: Config): LoggingOptions {
  return { level: logLevel, format: logFormat, name, file: logFile };
}

/** The log of this process. */
export interface Log {
  /** What the peer is built with. */
  readonly logger: Logger;
  /**
   * Opens the file anew, as after it was moved away; what was written until then is in the former one. Null where
   * the log goes to standard error.
   * @throws {Error} where it cannot be opened: the former one is written on
   */
  readonly reopen: (() => void) | null;
}

const LEVELS = { debug: "debug", info: "info", warn: "warning", error: "error" } as const;

/**
 * Sets LogTape up for this process.
 * @throws {Error} where the file cannot be opened
 */
export function openLog({ level, format, name, file }: LoggingOptions): Log {
  let opened = file === null ? null : openLogFile(file);
  const output = new LogOutput(opened ?? Deno.stderr, {
    name: file ?? "standard error",
    tell: file === null ? null : tell,
  });
  const toLine = format === "json"
    ? getJsonLinesFormatter({ properties: "flatten", message: "rendered" })
    : prettyFormatter(file === null ? getAnsiColorFormatter : getTextFormatter);
  const sink = (record: LogRecord) => {
    const lost = output.write(toLine(record));
    if (lost === null) return;
    logger.log("warn", `${lost.lines} lines of the log are lost: ${lost.reason}`);
  };
  configureSync({
    reset: true,
    sinks: { sink },
    loggers: [
      { category: ["skein"], lowestLevel: LEVELS[level], sinks: ["sink"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["sink"] },
    ],
  });
  const named = getLogger(["skein"]).with({ name });
  const logger: Logger = {
    log(level, message, fields = {}) {
      // Braces are placeholders to LogTape; a resource's name may hold them.
      const text = message.replaceAll("{", "{{").replaceAll("}", "}}");
      named[level](text, { ...fields });
    },
    linesLost: () => output.linesLost,
  };
  const reopen = file === null ? null : () => {
    const next = openLogFile(file);
    output.replace(next);
    opened?.close();
    opened = next;
  };
  return { logger, reopen };
}

function prettyFormatter(
  makeFormat: typeof getAnsiColorFormatter | typeof getTextFormatter,
): (record: LogRecord) => string {
  const format = makeFormat({ timestamp: "time", category: () => "" });
  return (record) => {
    const { name: _name, ...fields } = record.properties;
    const shown = Object.entries(fields).map(([key, value]) => ` ${key}=${plain(value)}`).join("");
    return format(record).trimEnd() + shown + "\n";
  };
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? String(value);
}

/** To whoever started the process; nobody may be there any more. */
function tell(message: string): void {
  try {
    Deno.stderr.writeSync(new TextEncoder().encode(`skein: ${message}\n`));
  } catch {
    // The count tells it to whoever scrapes the metrics.
  }
}
