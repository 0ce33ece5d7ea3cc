/**
 * The event log's JSON as the types that programs work with: payloads as the JSON values that they are, names in
 * camelCase. One function for each shape.
 */
import type { Json } from "./answers.ts";
import type { EventStats, EventTopic } from "../events/events.ts";

export interface EventToPublish {
  readonly topic: string;
  /** With the topic it says which event it is, for ever. */
  readonly eventId: string;
  /** ISO 8601, kept as it is; the time of arrival where absent. */
  readonly timestamp?: string;
  readonly source?: string;
  /** Any JSON value; null where absent. */
  readonly payload?: unknown;
}

export interface PublishedEvent {
  /** Of a duplicate that of the one that is stored. */
  readonly offset: number;
  /** Whether it was stored before; then nothing was added. */
  readonly duplicate: boolean;
}

export interface LoggedEvent {
  readonly topic: string;
  readonly offset: number;
  readonly eventId: string;
  readonly timestamp: string;
  readonly source: string | null;
  /** As it was published: any JSON value. */
  readonly payload: unknown;
}

/** In the order of their offsets, without gaps. */
export interface EventPageAnswer {
  readonly events: readonly LoggedEvent[];
  /** The oldest event that retention has left. */
  readonly firstOffset: number;
  /** What the next new event gets. */
  readonly nextOffset: number;
}

export interface EventStatsAnswer extends EventStats {
  /** Of the peer that answers. */
  readonly uptimeMs: number;
}

export function eventBody({ topic, eventId, timestamp, source, payload }: EventToPublish): Json {
  return {
    topic,
    event_id: eventId,
    ...(timestamp === undefined ? {} : { timestamp }),
    ...(source === undefined ? {} : { source }),
    ...(payload === undefined ? {} : { payload }),
  };
}

export function toPublishedEvent(json: Json): PublishedEvent {
  return { offset: json["offset"], duplicate: json["duplicate"] };
}

export function toLoggedEvent(json: Json): LoggedEvent {
  return {
    topic: json["topic"],
    offset: json["offset"],
    eventId: json["event_id"],
    timestamp: json["timestamp"],
    source: json["source"],
    payload: json["payload"],
  };
}

export function toEventPage(json: Json): EventPageAnswer {
  return {
    events: json["events"].map(toLoggedEvent),
    firstOffset: json["first_offset"],
    nextOffset: json["next_offset"],
  };
}

export function toEventTopic(json: Json): EventTopic {
  return {
    topic: json["topic"],
    firstOffset: json["first_offset"],
    nextOffset: json["next_offset"],
    bytes: json["bytes"],
    received: json["received"],
    unique: json["unique"],
    duplicates: json["duplicates"],
  };
}

export function toEventStats(json: Json): EventStatsAnswer {
  return {
    uptimeMs: Math.round(json["uptime"] * 1000),
    topics: json["topics"],
    received: json["total_events_received"],
    unique: json["total_unique_events_processed"],
    duplicates: json["total_duplicate_events_dropped"],
    events: json["events"],
    bytes: json["bytes"],
    identities: json["identities"],
  };
}
