/**
 * What callers may ask of the event log, checked where it comes in, so that each gets an error that names the field, and
 * of a batch the index. The machine checks the form again (`commands.ts`), because it trusts no proposer.
 */
import { SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { isCount, isName } from "./commands.ts";
import type { EventItem, PageRequest, PublishEventsRequest } from "./events.ts";
import { isTimestamp } from "./timestamp.ts";

/** @throws {SkeinError} INVALID */
export function checkTopic(topic: string): void {
  const wrong = nameProblem(topic);
  if (wrong !== null) throw invalid("topic", wrong);
}

/** @throws {SkeinError} INVALID naming index and field; nothing of the batch may be stored then */
export function checkPublish({ items, expectedOffset }: PublishEventsRequest): void {
  const { eventBatchMax } = LIMITS;
  if (items.length < 1 || items.length > eventBatchMax) {
    throw invalid("events", `must be 1 to ${eventBatchMax}, not ${items.length}`);
  }
  for (const [index, item] of items.entries()) checkItem(item, index);
  if (expectedOffset === null) return;
  if (!isCount(expectedOffset)) throw invalid("expected_offset", "must be an integer from 0 on");
  const [first] = items as readonly [EventItem];
  const other = items.findIndex(({ topic }) => topic !== first.topic);
  if (other >= 0) {
    const what = "names an offset of one topic: all events must be of the same";
    throw invalid("expected_offset", what, other);
  }
}

function checkItem({ topic, eventId, timestamp, source }: EventItem, index: number): void {
  const problem = nameProblem(topic);
  if (problem !== null) throw invalid("topic", problem, index);
  const idProblem = nameProblem(eventId);
  if (idProblem !== null) throw invalid("event_id", idProblem, index);
  if (timestamp !== null && !isTimestamp(timestamp)) {
    throw invalid("timestamp", `must be a time of ISO 8601, not ${shown(timestamp)}`, index);
  }
  // A source is a text that is only given back: it may be empty.
  const sourceProblem = source === null || source === "" ? null : nameProblem(source);
  if (sourceProblem !== null) throw invalid("source", sourceProblem, index);
}

/** @throws {SkeinError} INVALID */
export function checkPage({ after, limit }: PageRequest): void {
  checkAfter(after);
  const { eventPageMax } = LIMITS;
  if (isCount(limit) && limit >= 1 && limit <= eventPageMax) return;
  throw invalid("limit", `must be 1 to ${eventPageMax}, not ${limit}`);
}

/** @throws {SkeinError} INVALID */
export function checkAfter(after: number | null): void {
  // -1 is before the first one, as whoever counts up from there has it.
  if (after === null || after === -1 || isCount(after)) return;
  throw invalid("after", `must be an offset, not ${after}`);
}

/** @returns null where it may be a name */
function nameProblem(name: string): string | null {
  if (isName(name) && name.isWellFormed() && !hasControlCharacter(name)) return null;
  return `must have 1 to ${LIMITS.nameBytesMax} bytes of UTF-8 without control characters`;
}

function invalid(field: string, what: string, index: number | null = null): SkeinError {
  if (index === null) return new SkeinError("INVALID", `${field}: ${what}`, { field });
  return new SkeinError("INVALID", `event ${index}: ${field}: ${what}`, { index, field });
}

function shown(text: string): string {
  return JSON.stringify(text.length <= 64 ? text : `${text.slice(0, 61)}...`);
}

/** C0, DEL and C1. */
function hasControlCharacter(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return true;
  }
  return false;
}
