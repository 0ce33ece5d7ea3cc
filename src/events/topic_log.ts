/**
 * One topic in its partition: how far its offsets go, what is left of its events, and which ids it remembers. What was
 * taken in and not stored was a duplicate, so two numbers tell all that is counted.
 */
import { NONE } from "../groups/record_pages.ts";
import type { BatchRange } from "./batch_table.ts";
import type { IdentityRange } from "./identity_table.ts";
import { SlotQueue } from "./slot_queue.ts";

export class TopicLog implements BatchRange, IdentityRange {
  /** Its place among the topics of this partition. */
  readonly index: number;
  readonly topic: string;
  /** What the next new event gets: as many were ever stored. */
  nextOffset = 0;
  /** How many were ever taken in, duplicates among them. */
  received = 0;
  readonly batches = new SlotQueue();
  bytes = 0;
  firstPage = NONE;
  lastPage = NONE;
  identities = 0;

  constructor(index: number, topic: string) {
    this.index = index;
    this.topic = topic;
  }
}

/** `[index, topic, nextOffset, received]` */
export type TopicRow = readonly [number, string, number, number];

export function topicRow({ index, topic, nextOffset, received }: TopicLog): TopicRow {
  return [index, topic, nextOffset, received];
}
