/**
 * The real logger: LogTape writes to standard error, a line a record, unbuffered; in colour for a person
 * on a terminal, as JSON for a collector.
 */
import {
  configureSync,
  getAnsiColorFormatter,
  getJsonLinesFormatter,
  getLogger,
} from "@logtape/logtape";
import type { LogRecord } from "@logtape/logtape";
import type { Logger, LogLevel } from "../logger.ts";

export interface LoggingOptions {
  readonly level: LogLevel;
  readonly format: "pretty" | "json";
  /** The peer's name: part of every record. */
  readonly name: string;
}

const LEVELS = { debug: "debug", info: "info", warn: "warning", error: "error" } as const;

/** Sets LogTape up for this process and gives the logger that the peer is built with. */
export function createLogger(options: LoggingOptions): Logger {
  const format = options.format === "json"
    ? getJsonLinesFormatter({ properties: "flatten", message: "rendered" })
    : prettyFormatter();
  const encoder = new TextEncoder();
  configureSync({
    reset: true,
    sinks: {
      standardError: (record: LogRecord) => writeAll(encoder.encode(format(record))),
    },
    loggers: [
      { category: ["skein"], lowestLevel: LEVELS[options.level], sinks: ["standardError"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["standardError"] },
    ],
  });
  const logger = getLogger(["skein"]).with({ name: options.name });
  return {
    log(level, message, fields = {}) {
      // Braces are placeholders to LogTape; a resource's name may hold them.
      const text = message.replaceAll("{", "{{").replaceAll("}", "}}");
      logger[level](text, { ...fields });
    },
  };
}

function prettyFormatter(): (record: LogRecord) => string {
  const format = getAnsiColorFormatter({ timestamp: "time", category: () => "" });
  return (record) => {
    const { name: _name, ...fields } = record.properties;
    const shown = Object.entries(fields).map(([key, value]) => ` ${key}=${plain(value)}`).join("");
    return format(record).trimEnd() + shown + "\n";
  };
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? String(value);
}

/** A pipe may take less than the whole line at once. */
function writeAll(bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) {
    written += Deno.stderr.writeSync(bytes.subarray(written));
  }
}
