/**
 * One lane of a topic: its options, what stands in it and where, and what was counted since it came to be; and its
 * form in snapshots, where messages are not part of it (they know their lane).
 */
import type { TopicOptions, TopicTotals } from "./queue.ts";
import { DedupWindow } from "./dedup_window.ts";
import type { IdTable } from "./id_table.ts";
import { MessageList } from "./message_list.ts";
import type { MessageTable } from "./message_table.ts";
import { ReadyOrder } from "./ready_order.ts";
import { RecentCounts, type RecentMark } from "./recent_counts.ts";
import { encodeSettings, type TopicSettings } from "./topic_options.ts";

export type LaneTotals = { -readonly [K in keyof TopicTotals]: TopicTotals[K] };

/** In the order in which snapshots have them: new ones come at the end. */
const TOTALS = [
  "published",
  "duplicates",
  "delivered",
  "redelivered",
  "acknowledged",
  "deadLettered",
  "expired",
  "purged",
  "requeued",
  "dedupEvicted",
] as const satisfies readonly (keyof TopicTotals)[];

export interface LaneTables {
  readonly messages: MessageTable;
  readonly ids: IdTable;
}

export class Lane {
  /** Its place among the lanes of this partition. */
  readonly index: number;
  readonly topic: string;
  readonly lane: number;
  settings: TopicSettings;
  readonly ready: ReadyOrder;
  /** In the order of delivery. */
  readonly inFlight: MessageList;
  /** In the order in which they were put off. */
  readonly delayed: MessageList;
  /** In the order in which they died. */
  readonly dead: MessageList;
  readonly window: DedupWindow;
  /** Of all bodies. */
  bytes = 0;
  /** Of all ids that callers gave, in UTF-16 units. */
  idBytes = 0;
  readonly totals: LaneTotals;
  readonly recent = new RecentCounts();

  constructor(
    index: number,
    topic: string,
    lane: number,
    settings: TopicSettings,
    { messages, ids }: LaneTables,
  ) {
    this.index = index;
    this.topic = topic;
    this.lane = lane;
    this.settings = settings;
    this.ready = new ReadyOrder(messages);
    this.inFlight = new MessageList(messages);
    this.delayed = new MessageList(messages);
    this.dead = new MessageList(messages);
    this.window = new DedupWindow(ids);
    this.totals = Object.fromEntries(TOTALS.map((name) => [name, 0])) as LaneTotals;
  }

  get options(): TopicOptions {
    return this.settings.options;
  }

  /** Messages of any state. */
  get count(): number {
    return this.ready.count + this.inFlight.count + this.delayed.count + this.dead.count;
  }

  /** Whether a consumer would get something. */
  get canDeliver(): boolean {
    return this.ready.count > 0 && !this.options.paused;
  }
}

/** `[index, topic, lane, settings, bytes, idBytes, totals, recent marks]` */
export type LaneRow = readonly [
  number,
  string,
  number,
  readonly unknown[],
  number,
  number,
  readonly number[],
  readonly RecentMark[],
];

export function laneRow(lane: Lane): LaneRow {
  const { index, topic, settings, bytes, idBytes, totals, recent } = lane;
  const counted = TOTALS.map((name) => totals[name]);
  return [index, topic, lane.lane, encodeSettings(settings), bytes, idBytes, counted, recent.marks];
}

/** The counts of a row; its messages come by themselves. */
export function loadCounts(lane: Lane, [, , , , bytes, idBytes, counted, marks]: LaneRow): void {
  lane.bytes = bytes;
  lane.idBytes = idBytes;
  for (const [place, name] of TOTALS.entries()) lane.totals[name] = counted[place] ?? 0;
  lane.recent.load(marks);
}
