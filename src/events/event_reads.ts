/**
 * What a service reads of the events' machine: where a page's events lie at this replica, and what there is of
 * topics. Nothing here changes the state.
 */
import type { ValueReference } from "../groups/values.ts";
import type { EventStats, EventTopic } from "./events.ts";
import type { EventsState } from "./events_state.ts";
import type { TopicLog } from "./topic_log.ts";

/** Some of the events of one batch. */
export interface PagePart {
  readonly reference: ValueReference;
  /** How many events of the batch come before. */
  readonly skip: number;
  readonly count: number;
}

/** Where events that follow each other lie, and the ends of their topic at that moment. */
export interface PagePlan {
  readonly firstOffset: number;
  readonly nextOffset: number;
  /** Of the first event of the page. */
  readonly offset: number;
  readonly parts: readonly PagePart[];
}

const EMPTY: PagePlan = { firstOffset: 0, nextOffset: 0, offset: 0, parts: [] };

/**
 * @param after only what is behind this offset; null: everything that is left
 * @param bytesMax batches are added until they have so much; one at least
 */
export function planPage(
  state: EventsState,
  topic: string,
  { after, limit, bytesMax }: {
    readonly after: number | null;
    readonly limit: number;
    readonly bytesMax: number;
  },
): PagePlan {
  const log = state.find(topic);
  if (log === undefined) return EMPTY;
  const firstOffset = state.firstOffset(log);
  const { nextOffset } = log;
  const offset = Math.min(nextOffset, Math.max(firstOffset, after === null ? 0 : after + 1));
  const parts: PagePart[] = [];
  const end = Math.min(nextOffset, offset + limit);
  let [at, bytes] = [offset, 0];
  let place = at < end ? state.batches.placeOf(log, at) : 0;
  while (at < end && bytes < bytesMax) {
    const slot = log.batches.at(place++);
    const skip = at - state.batches.firstOffset(slot);
    const count = Math.min(end - at, state.batches.count(slot) - skip);
    parts.push({ reference: state.batches.reference(slot), skip, count });
    at += count;
    bytes += state.batches.sizeBytes(slot);
  }
  return { firstOffset, nextOffset, offset, parts };
}

export function topicView(state: EventsState, log: TopicLog): EventTopic {
  const { topic, nextOffset, received, bytes } = log;
  return {
    topic,
    firstOffset: state.firstOffset(log),
    nextOffset,
    bytes,
    received,
    unique: nextOffset,
    duplicates: received - nextOffset,
  };
}

/** Takes time that grows with the number of topics. */
export function statsOf(state: EventsState): EventStats {
  let [received, unique, events, bytes] = [0, 0, 0, 0];
  for (const log of state.topics.values()) {
    received += log.received;
    unique += log.nextOffset;
    events += log.nextOffset - state.firstOffset(log);
    bytes += log.bytes;
  }
  return {
    topics: state.topics.size,
    received,
    unique,
    duplicates: received - unique,
    events,
    bytes,
    identities: state.identities.count,
  };
}
