/**
 * What operators read of the queue, at the peer that leads the partition: messages that are delivered again because
 * nobody acknowledged them, and messages that died. A line names an entry's messages of one lane, the first of them by
 * id. A flood is cut: so many lines a second, then how many messages went without one.
 */
import type { Clock } from "../clock.ts";
import type { Logger } from "../logger.ts";
import type { DeadLetterEffect, RedeliveryEffect, ReturnedMessage } from "./answers.ts";

const LINES_PER_SECOND = 20;
const LINES_BURST = 100;
const MESSAGES_SHOWN = 8;

export class QueueLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  #lines = LINES_BURST;
  #filledMs: number;
  /** Messages that no line told of. */
  #untold = 0;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
    this.#filledMs = clock.monotonicMs();
  }

  redelivered({ topic, lane, count, messages }: RedeliveryEffect): void {
    if (!this.#mayTell(count)) return;
    const shown = show(count, messages, ({ id, attempts }) => `${id} (attempt ${attempts})`);
    this.#logger.log("info", `not acknowledged in time, delivered again: ${topic}: ${shown}`, {
      topic,
      lane,
      count,
      ids: idsOf(messages),
      attempts: messages.slice(0, MESSAGES_SHOWN).map(({ attempts }) => attempts),
    });
  }

  deadLettered({ topic, lane, count, messages }: DeadLetterEffect): void {
    if (!this.#mayTell(count)) return;
    const shown = show(count, messages, ({ id, reason }) => `${id} (${reason})`);
    this.#logger.log("warn", `dead letters of ${topic}: ${shown}`, {
      topic,
      lane,
      count,
      ids: idsOf(messages),
      reasons: messages.slice(0, MESSAGES_SHOWN).map(({ reason }) => reason),
    });
  }

  #mayTell(count: number): boolean {
    const nowMs = this.#clock.monotonicMs();
    const filled = (nowMs - this.#filledMs) * LINES_PER_SECOND / 1_000;
    this.#lines = Math.min(LINES_BURST, this.#lines + filled);
    this.#filledMs = nowMs;
    if (this.#lines < 1) {
      this.#untold += count;
      return false;
    }
    this.#lines--;
    if (this.#untold > 0) {
      const message = `${this.#untold} further messages were delivered again or died`;
      this.#logger.log("info", message, { count: this.#untold });
      this.#untold = 0;
    }
    return true;
  }
}

function show<M extends ReturnedMessage>(
  count: number,
  messages: readonly M[],
  text: (message: M) => string,
): string {
  const shown = messages.slice(0, MESSAGES_SHOWN);
  const more = count - shown.length;
  return shown.map(text).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function idsOf(messages: readonly ReturnedMessage[]): readonly string[] {
  return messages.slice(0, MESSAGES_SHOWN).map(({ id }) => id);
}
