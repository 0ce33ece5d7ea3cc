/**
 * How the commands of the event log print events: a line each, for people or for scripts, as many together as came.
 */
import type { LoggedEvent } from "../client/mod.ts";
import { readInteger } from "./arguments.ts";
import { writeOut } from "./write_out.ts";

export const EVENT_JSON_HELP =
  "print each event as JSON, a line each, as `events publish` takes them";

/** The offset that events are to lie behind. */
export const readAfter = readInteger(0, Number.MAX_SAFE_INTEGER);

/** The fields of HTTP's answers; a payload's own fields are nobody's to rename. */
export function eventDocument(event: LoggedEvent) {
  return {
    topic: event.topic,
    event_id: event.eventId,
    timestamp: event.timestamp,
    source: event.source,
    payload: event.payload,
    offset: event.offset,
  };
}

/** @throws what `writeOut` throws, by rejection */
export async function printEvents(json: boolean, events: readonly LoggedEvent[]): Promise<void> {
  if (events.length === 0) return;
  const lines = events.map((event) => {
    if (json) return jsonText(eventDocument(event));
    const { offset, timestamp, eventId, source, payload } = event;
    const from = source === null ? "" : `${source}  `;
    return `${offset}  ${timestamp}  ${eventId}  ${from}${jsonText(payload)}`;
  });
  await writeOut(lines.join("\n"));
}

/** JSON leaves these as they are, and terminals take some for the beginning of a command: whoever publishes is not trusted. */
const CONTROLS = /[\u007f-\u009f]/g;

function jsonText(value: unknown): string {
  return JSON.stringify(value).replace(CONTROLS, (control) => {
    return `\\u00${control.charCodeAt(0).toString(16)}`;
  });
}
