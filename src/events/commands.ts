/**
 * The commands of the events' machine, and their form in an envelope: arrays that begin with an operation number.
 * The form is in every log, so numbers and places never change; new fields come at the end. Decoding checks
 * everything but that an identity is that of its id, which only the peer that the event came to makes: what does
 * not have its form is invalid on every replica alike, and never reaches the rules.
 */
import { crc32 } from "node:zlib";
import { LIMITS } from "../limits.ts";
import { decodeEvents, type PackedEvents } from "./packed_events.ts";

export interface PublishEventsCommand {
  readonly kind: "publish";
  readonly topic: string;
  /** See `PublishEventsRequest`; null: whatever comes next. */
  readonly expectedOffset: number | null;
  /** Of the partition. It comes with the command, so that peers with other settings apply it alike. */
  readonly identitiesMax: number;
  readonly events: PackedEvents;
}

/** What is left of each topic, each null where that takes nothing away. */
export interface Retention {
  /** Batches older than this go. */
  readonly ageMs: number | null;
  /** The oldest batches go, as long as so many events, or bytes of them, are left. */
  readonly count: number | null;
  readonly bytes: number | null;
  /** Ids of events that were stored longer ago are forgotten. */
  readonly forgetAfterMs: number | null;
}

/** For all topics of the partition. */
export interface TrimCommand {
  readonly kind: "trim";
  readonly retention: Retention;
  /** Batches, and pages of identities, that go at most. */
  readonly max: number;
}

export type EventCommand = PublishEventsCommand | TrimCommand;

const OPERATION = { publish: 1, trim: 2 } as const;

/** @returns the body of an envelope, which `decodeEventCommand` reads */
export function encodeEventCommand(command: EventCommand): readonly unknown[] {
  const operation = OPERATION[command.kind];
  switch (command.kind) {
    case "publish": {
      const { topic, expectedOffset, identitiesMax, events } = command;
      return [operation, topic, expectedOffset, identitiesMax, events.identities, events.bodies];
    }
    case "trim": {
      const { retention: { ageMs, count, bytes, forgetAfterMs }, max } = command;
      return [operation, ageMs, count, bytes, forgetAfterMs, max];
    }
  }
}

/** @returns null for what this version does not know, or what is out of its bounds */
export function decodeEventCommand(body: unknown): EventCommand | null {
  if (!Array.isArray(body)) return null;
  switch (body[0]) {
    case OPERATION.publish:
      return decodePublish(body);
    case OPERATION.trim:
      return decodeTrim(body);
    default:
      return null;
  }
}

type Fields = readonly unknown[];

function decodePublish(fields: Fields): PublishEventsCommand | null {
  const [, topic, expectedOffset, identitiesMax, identities, bodies] = fields;
  if (!isName(topic) || !isCountOrNull(expectedOffset) || !isCount(identitiesMax)) return null;
  const events = decodeEvents(identities, bodies);
  if (events === null) return null;
  return { kind: "publish", topic, expectedOffset, identitiesMax, events };
}

function decodeTrim([, ageMs, count, bytes, forgetAfterMs, max]: Fields): TrimCommand | null {
  if (!isCountOrNull(ageMs) || !isCountOrNull(count) || !isCountOrNull(bytes)) return null;
  if (!isCountOrNull(forgetAfterMs) || !isCount(max)) return null;
  if (max < 1 || max > LIMITS.eventTrimMax) return null;
  return { kind: "trim", retention: { ageMs, count, bytes, forgetAfterMs }, max };
}

const encoder = new TextEncoder();
/** A UTF-16 unit takes at most so many bytes in UTF-8. */
const UTF8_BYTES_MAX = 3;

/** Whether a value may name a topic, an event or a source; control characters are refused where a name is typed. */
export function isName(value: unknown): value is string {
  if (typeof value !== "string" || value.length === 0) return false;
  if (value.length * UTF8_BYTES_MAX <= LIMITS.nameBytesMax) return true;
  return value.length <= LIMITS.nameBytesMax && encoder.encode(value).length <= LIMITS.nameBytesMax;
}

/** Whether a value counts something. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isCountOrNull(value: unknown): value is number | null {
  return value === null || isCount(value);
}

/**
 * What makes a command the same request again: the ids alone. Where the same ids come with other contents, or with
 * another time of arrival, nothing else would be stored.
 */
export function identityOfEventCommand(command: EventCommand): unknown {
  if (command.kind === "trim") return encodeEventCommand(command);
  const { topic, expectedOffset, events } = command;
  return [command.kind, topic, expectedOffset, events.count, crc32(events.identities)];
}
