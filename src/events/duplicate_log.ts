/**
 * What operators read of duplicates, at the peer that they came to: a line each, with topic and id. A flood is cut: so
 * many lines a second, then how many went without one; the counts are complete.
 */
import type { Clock } from "../clock.ts";
import type { Logger } from "../logger.ts";

const LINES_PER_SECOND = 1_000;
const LINES_BURST = 20_000;

export class DuplicateLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  #lines = LINES_BURST;
  #filledMs: number;
  /** Duplicates that no line told of. */
  #untold = 0;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
    this.#filledMs = clock.monotonicMs();
  }

  /** @param offset of the event that is stored */
  tell(topic: string, eventId: string, offset: number): void {
    const nowMs = this.#clock.monotonicMs();
    const filled = (nowMs - this.#filledMs) * LINES_PER_SECOND / 1_000;
    this.#lines = Math.min(LINES_BURST, this.#lines + filled);
    this.#filledMs = nowMs;
    if (this.#lines < 1) {
      this.#untold++;
      return;
    }
    this.#lines--;
    if (this.#untold > 0) {
      const message = `${this.#untold} further duplicates were dropped, which no line names`;
      this.#logger.log("info", message, { count: this.#untold });
      this.#untold = 0;
    }
    const message = `duplicate dropped: topic ${topic}, event_id ${eventId}`;
    this.#logger.log("info", message, { topic, event_id: eventId, offset });
  }
}
