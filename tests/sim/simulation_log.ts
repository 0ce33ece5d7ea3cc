/**
 * What the peers of a simulation logged, and what the world did to them, with true times: the last lines
 * are shown with a failure, all of them with `--verbose`.
 */
import type { Logger } from "../../src/logger.ts";
import type { Scheduler } from "./virtual_time.ts";

const LINES_KEPT = 60;

export type LogFields = Readonly<Record<string, unknown>> | undefined;

export class SimulationLog {
  /** Hears what peers log. */
  onPeerLog: (peer: string, message: string, fields: LogFields) => void = () => {};
  readonly #lines: string[] = [];
  readonly #print: ((line: string) => void) | null;
  readonly #counts = new Map<string, number>();

  /** @param print shows each line at once; null: only the last ones are kept */
  constructor(print: ((line: string) => void) | null) {
    this.#print = print;
  }

  line(timeMs: number, who: string, text: string): void {
    const line = `${timeMs.toFixed(1).padStart(10)}  ${who.padEnd(6)} ${text}`;
    this.#print?.(line);
    this.#lines.push(line);
    if (this.#lines.length > 2 * LINES_KEPT) this.#lines.splice(0, LINES_KEPT);
  }

  last(): readonly string[] {
    return this.#lines.slice(-LINES_KEPT);
  }

  /** How often a message was logged that begins with these words. */
  count(words: string): number {
    let sum = 0;
    for (const [message, count] of this.#counts) if (message.startsWith(words)) sum += count;
    return sum;
  }

  loggerOf(peer: string, scheduler: Scheduler): Logger {
    return {
      log: (level, message, fields) => {
        this.onPeerLog(peer, message, fields);
        this.#counts.set(message, (this.#counts.get(message) ?? 0) + 1);
        const more = fields === undefined ? "" : ` ${JSON.stringify(fields)}`;
        this.line(scheduler.nowMs, peer, `${level}: ${message}${more}`);
      },
    };
  }
}
