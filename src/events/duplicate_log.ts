/**
 * What operators read of duplicates, at the peer that they came to: a line each, with topic and id. A flood is cut: so
 * many lines a second, then how many went without one, soon after it has ended too; the counts are complete.
 */
import type { Clock, Timer } from "../clock.ts";
import { LineBudget } from "../line_budget.ts";
import type { Logger } from "../logger.ts";

/** What went without a line is told so long afterwards at the latest. */
const UNTOLD_MS = 1_000;

export class DuplicateLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #budget: LineBudget;
  #untold: Timer | null = null;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
    this.#budget = new LineBudget(clock, {
      linesPerSecond: 1_000,
      linesMax: 20_000,
      tellUntold(count) {
        const message = `${count} further duplicates were dropped, which no line names`;
        logger.log("info", message, { count });
      },
    });
  }

  /** @param offset of the event that is stored */
  tell(topic: string, eventId: string, offset: number): void {
    if (!this.#budget.take(1)) {
      this.#untold ??= this.#clock.timer(UNTOLD_MS, () => this.#tellUntold());
      return;
    }
    const message = `duplicate dropped: topic ${topic}, event_id ${eventId}`;
    this.#logger.log("info", message, { topic, event_id: eventId, offset });
  }

  #tellUntold(): void {
    this.#untold?.cancel();
    this.#untold = null;
    this.#budget.tellUntold();
  }

  /** What went without a line is told now. */
  close(): void {
    this.#tellUntold();
  }
}
