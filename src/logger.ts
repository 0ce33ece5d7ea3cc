/**
 * What the program tells its operator. The real one (LogTape) is built in `src/peer/`; the simulator and
 * tests hand in one that remembers. Pure code does not log: it returns effects.
 */
export type LogLevel = "debug" | "info" | "warn" | "error";

export interface Logger {
  /**
   * @param level how much it matters
   * @param message one line, in one piece in every format
   * @param fields values for machines; also shown behind the message in the pretty format
   */
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
  /** How many lines could not be written; absent where none can be lost. */
  linesLost?(): number;
}

/** A logger that drops everything. */
export const SILENT: Logger = { log() {} };
