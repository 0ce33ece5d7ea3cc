/**
 * What a command that goes on for long tells while it does: a line each on standard error, for people as all commands
 * write them, or for machines as JSON with the fields that a peer's log has.
 */
import type { Logger, LogLevel } from "../logger.ts";

const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** @param least lines of a lower level are left out */
export function consoleLogger(least: LogLevel, json: boolean): Logger {
  return {
    log(level, message, fields = {}) {
      if (LEVELS.indexOf(level) < LEVELS.indexOf(least)) return;
      if (json) {
        const time = new Date().toISOString();
        const line = { "@timestamp": time, level: level.toUpperCase(), message, ...fields };
        console.error(JSON.stringify(line));
      } else {
        const shown = Object.entries(fields).map(([name, value]) => ` ${name}=${plain(value)}`);
        console.error(`skein: ${message}${shown.join("")}`);
      }
    },
  };
}

function plain(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? String(value);
}
