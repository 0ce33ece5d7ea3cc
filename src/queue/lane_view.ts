/**
 * A lane as its readers see it: what the service sums up over the lanes of a topic. O(1) to take, and a copy: it
 * does not change when the next entry is applied.
 */
import type { Lane } from "./lane.ts";
import type { TopicTotals } from "./queue.ts";
import type { RecentMark } from "./recent_counts.ts";
import type { QueueState } from "./queue_state.ts";
import type { TopicSettings } from "./topic_options.ts";

export interface LaneView {
  readonly topic: string;
  readonly lane: number;
  readonly settings: TopicSettings;
  readonly ready: number;
  readonly inFlight: number;
  readonly delayed: number;
  readonly dead: number;
  /** Of all bodies as they are stored. */
  readonly bytes: number;
  /** Group time at which the first message of some priority that is ready was published; null where none is ready. */
  readonly oldestPublishedMs: number | null;
  readonly totals: TopicTotals;
  readonly recent: readonly RecentMark[];
}

export function viewOf(state: QueueState, lane: Lane): LaneView {
  const published = lane.ready.firsts().map((slot) => state.publishedMs(slot));
  return {
    topic: lane.topic,
    lane: lane.lane,
    settings: lane.settings,
    ready: lane.ready.count,
    inFlight: lane.inFlight.count,
    delayed: lane.delayed.count,
    dead: lane.dead.count,
    bytes: lane.bytes,
    oldestPublishedMs: published.length === 0 ? null : Math.min(...published),
    totals: { ...lane.totals },
    recent: lane.recent.marks,
  };
}
