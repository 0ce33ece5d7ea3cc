/**
 * What operators read of the queue, at the peer that leads the partition: messages that are delivered again because
 * nobody acknowledged them, and messages that died. A line names an entry's messages of one lane, the first of them by
 * id. A flood is cut: so many lines a second, then how many messages went without one.
 */
import type { Clock } from "../clock.ts";
import { LineBudget } from "../line_budget.ts";
import type { Logger } from "../logger.ts";
import type { DeadLetterEffect, RedeliveryEffect, ReturnedMessage } from "./answers.ts";

const MESSAGES_SHOWN = 8;

export class QueueLog {
  readonly #logger: Logger;
  readonly #budget: LineBudget;

  constructor(clock: Clock, logger: Logger) {
    this.#logger = logger;
    this.#budget = new LineBudget(clock, {
      linesPerSecond: 20,
      linesMax: 100,
      tellUntold(count) {
        logger.log("info", `${count} further messages were delivered again or died`, { count });
      },
    });
  }

  redelivered({ topic, lane, count, messages }: RedeliveryEffect): void {
    if (!this.#budget.take(count)) return;
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
    if (!this.#budget.take(count)) return;
    const shown = show(count, messages, ({ id, reason }) => `${id} (${reason})`);
    this.#logger.log("warn", `dead letters of ${topic}: ${shown}`, {
      topic,
      lane,
      count,
      ids: idsOf(messages),
      reasons: messages.slice(0, MESSAGES_SHOWN).map(({ reason }) => reason),
    });
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
