/**
 * Retention of one partition: which batches of its topics, and which identities, are over; and taking them away. Whole
 * batches go, and whole pages of identities, so a little more is left than was asked for. A command takes away
 * so much at most; topics come in the order of their indexes, which is the same everywhere.
 */
import type { TrimmedAnswer } from "./answers.ts";
import type { Retention } from "./commands.ts";
import type { EventsState } from "./events_state.ts";
import type { TopicLog } from "./topic_log.ts";

/** Whether `trim` would take anything away. */
export function isTrimDue(state: EventsState, retention: Retention, timeMs: number): boolean {
  for (const log of state.topics.values()) {
    if (isBatchDue(state, log, retention, timeMs)) return true;
    if (isPageDue(state, log, retention, timeMs)) return true;
  }
  return false;
}

/** @param max batches, and pages of identities, that go at most */
export function trim(
  state: EventsState,
  retention: Retention,
  timeMs: number,
  max: number,
): TrimmedAnswer {
  let [events, identities, left] = [0, 0, max];
  for (let index = 0; index < state.topics.size && left > 0; index++) {
    const log = state.topics.get(index)!;
    for (; left > 0 && isBatchDue(state, log, retention, timeMs); left--) {
      events += state.batches.dropOldest(log);
    }
    for (; left > 0 && isPageDue(state, log, retention, timeMs); left--) {
      identities += state.identities.forgetPage(log);
    }
  }
  return { kind: "trimmed", events, identities, more: isTrimDue(state, retention, timeMs) };
}

/** Whether the topic's oldest batch is over. */
function isBatchDue(
  state: EventsState,
  log: TopicLog,
  { ageMs, count, bytes }: Retention,
  timeMs: number,
): boolean {
  if (log.batches.length === 0) return false;
  const slot = log.batches.at(0);
  if (ageMs !== null && state.batches.storedMs(slot) + ageMs <= timeMs) return true;
  const end = state.batches.firstOffset(slot) + state.batches.count(slot);
  if (count !== null && log.nextOffset - end >= count) return true;
  return bytes !== null && log.bytes - state.batches.sizeBytes(slot) >= bytes;
}

/** Whether the topic's oldest identities are over. */
function isPageDue(
  state: EventsState,
  log: TopicLog,
  { forgetAfterMs }: Retention,
  timeMs: number,
): boolean {
  return forgetAfterMs !== null && state.identities.oldestPageMs(log) + forgetAfterMs <= timeMs;
}
