/**
 * How much went through a lane lately: a few marks of its counts, each from the beginning of a period of group time.
 * A mark is made by the first entry of its period, so a lane that nobody uses costs nothing.
 */
import type { TopicRates, TopicTotals } from "./queue.ts";

const PERIOD_MS = 10_000;
/** Rates are over what has passed of the present period, and this many before it. */
const PERIODS = 5;

/** `[period, published, delivered, acknowledged]`: what was counted before the period's first entry. */
export type RecentMark = readonly [number, number, number, number];

type Counted = Pick<TopicTotals, "published" | "delivered" | "acknowledged">;

export class RecentCounts {
  /** In order; at most one a period, of the present one and `PERIODS` before it. */
  #marks: RecentMark[] = [];

  /**
   * An entry is about to change the counts.
   * @param timeMs group time
   */
  mark(timeMs: number, { published, delivered, acknowledged }: Counted): void {
    const period = Math.floor(timeMs / PERIOD_MS);
    const last = this.#marks.at(-1);
    if (last !== undefined && last[0] >= period) return;
    this.#marks.push([period, published, delivered, acknowledged]);
    while (this.#marks[0]![0] < period - PERIODS) this.#marks.shift();
  }

  get marks(): readonly RecentMark[] {
    return [...this.#marks];
  }

  load(marks: readonly RecentMark[]): void {
    this.#marks = [...marks];
  }
}

/**
 * @param marks of the lane
 * @param counted its counts now
 * @param timeMs group time now
 */
export function ratesOf(
  marks: readonly RecentMark[],
  counted: Counted,
  timeMs: number,
): TopicRates {
  const first = Math.floor(timeMs / PERIOD_MS) - PERIODS;
  const since = marks.find(([period]) => period >= first);
  if (since === undefined) return { published: 0, delivered: 0, acknowledged: 0 };
  const [, published, delivered, acknowledged] = since;
  const seconds = (timeMs - first * PERIOD_MS) / 1000;
  return {
    published: (counted.published - published) / seconds,
    // What was handed back is taken out of the count, perhaps behind the mark.
    delivered: Math.max(0, counted.delivered - delivered) / seconds,
    acknowledged: (counted.acknowledged - acknowledged) / seconds,
  };
}
