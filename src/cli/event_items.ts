/**
 * What a line says that should be published as an event. Checked here, so that a bad one is told by its line before
 * anything behind it is sent. What `events get --json` prints is such a line: its offset is left out.
 */
import type { EventToPublish } from "../client/mod.ts";
import { isTimestamp } from "../events/timestamp.ts";
import { LIMITS } from "../limits.ts";
import { numberText } from "./exact_json.ts";
import {
  checkName,
  isAbsent,
  isObject,
  LineFault,
  quoted,
  type ReadItem,
  readValue,
} from "./publish_items.ts";

/** What holds for every event that does not say otherwise. */
export interface EventDefaults {
  readonly topic: string | null;
  readonly source: string | null;
}

const FORM = "an event is an object with topic, event_id, timestamp, source, payload";

export function readEventItem(text: string, defaults: EventDefaults): ReadItem<EventToPublish> {
  return readValue(text, (value) => toEvent(value, defaults));
}

function toEvent(value: unknown, defaults: EventDefaults): EventToPublish {
  if (!isObject(value)) throw new LineFault(FORM);
  const { topic, event_id: id, timestamp, source, payload, offset: _, ...unknown } = value;
  const [further] = Object.keys(unknown);
  if (further !== undefined) throw new LineFault(`an event has no field ${quoted(further)}`);
  const kept = isAbsent(source) ? defaults.source : source;
  return {
    topic: checkName("topic", isAbsent(topic) ? defaults.topic : topic),
    eventId: checkName("event_id", numberText(id) ?? id),
    ...(isAbsent(timestamp) ? {} : { timestamp: checkTimestamp(timestamp) }),
    ...(kept === null ? {} : { source: kept === "" ? "" : checkName("source", kept) }),
    ...(payload === undefined ? {} : { payload }),
  };
}

function checkTimestamp(value: unknown): string {
  const isRight = typeof value === "string" && value.length <= LIMITS.eventTimestampLengthMax &&
    isTimestamp(value);
  if (isRight) return value;
  throw new LineFault(`timestamp: ${quoted(value)}; allowed: a time of ISO 8601`);
}
