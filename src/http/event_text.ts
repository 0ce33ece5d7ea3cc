/**
 * Stored events as the JSON of answers. Put together as text, into which payloads, JSON already, go as they are.
 */
import type { StoredEvent } from "../events/events.ts";

const decoder = new TextDecoder();

/** @param topicJson the topic's name as JSON, which all events of a page share */
export function eventText(topicJson: string, event: StoredEvent): string {
  const { offset, eventId, timestamp, source, payload } = event;
  return `{"topic":${topicJson},"event_id":${JSON.stringify(eventId)},"timestamp":${
    JSON.stringify(timestamp)
  },"source":${source === null ? "null" : JSON.stringify(source)},"payload":${
    decoder.decode(payload)
  },"offset":${offset}}`;
}
