/**
 * An event's bytes as they lie in value files: their length (u32), the id behind its length (u16), the timestamp
 * behind its length (u8), the source behind its length (u16, `NO_SOURCE` where there is none), and the payload.
 * Numbers are little-endian, texts UTF-8. Events follow each other without gaps, and tell where the next one begins;
 * which offsets they have, the batch says.
 */
import { LIMITS } from "../limits.ts";
import type { StoredEvent } from "./events.ts";

const SIZE_BYTES = 4;
const ID_AT = SIZE_BYTES + 2;
/** All lengths. */
export const HEAD_BYTES = SIZE_BYTES + 2 + 1 + 2;
const NO_SOURCE = 0xffff;
/** A UTF-16 unit takes at most so many bytes in UTF-8. */
const UTF8_BYTES_MAX = 3;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What is stored of an event; its topic and offset are known by where it lies. */
export type EventContent = Omit<StoredEvent, "offset">;

/** Where the parts of one event begin and end. */
export interface EventPlaces {
  readonly idAt: number;
  readonly idEnd: number;
  readonly end: number;
}

/** @returns no event like this takes more room; usually it takes less */
export function sizeAtMost({ eventId, timestamp, source, payload }: EventContent): number {
  const units = eventId.length + timestamp.length + (source?.length ?? 0);
  return HEAD_BYTES + UTF8_BYTES_MAX * units + payload.length;
}

/**
 * @param into has room for `sizeAtMost` bytes at this place
 * @returns where its parts lie
 */
export function writeEvent(into: Uint8Array, at: number, event: EventContent): EventPlaces {
  const { eventId, timestamp, source, payload } = event;
  const idAt = at + ID_AT;
  const idEnd = idAt + encoder.encodeInto(eventId, into.subarray(idAt)).written;
  setHalf(into, at + SIZE_BYTES, idEnd - idAt);
  const timeAt = idEnd + 1;
  const timeEnd = timeAt + encoder.encodeInto(timestamp, into.subarray(timeAt)).written;
  into[idEnd] = timeEnd - timeAt;
  const sourceAt = timeEnd + 2;
  let sourceEnd = sourceAt;
  if (source === null) setHalf(into, timeEnd, NO_SOURCE);
  else {
    sourceEnd += encoder.encodeInto(source, into.subarray(sourceAt)).written;
    setHalf(into, timeEnd, sourceEnd - sourceAt);
  }
  into.set(payload, sourceEnd);
  const end = sourceEnd + payload.length;
  setHalf(into, at, (end - at) & 0xffff);
  setHalf(into, at + 2, (end - at) >>> 16);
  return { idAt, idEnd, end };
}

/** @returns where the next event begins; NaN where none of this form begins here */
export function endOfEvent(bytes: Uint8Array, at: number): number {
  if (at + HEAD_BYTES > bytes.length) return NaN;
  const end = at + sizeAt(bytes, at);
  if (end > bytes.length) return NaN;
  const idBytes = halfAt(bytes, at + SIZE_BYTES);
  const timeAt = at + ID_AT + idBytes + 1;
  if (idBytes < 1 || idBytes > LIMITS.nameBytesMax || timeAt > end) return NaN;
  const timeBytes = bytes[timeAt - 1]!;
  const sourceAt = timeAt + timeBytes + 2;
  if (timeBytes > LIMITS.eventTimestampLengthMax || sourceAt > end) return NaN;
  const sourceBytes = halfAt(bytes, sourceAt - 2);
  if (sourceBytes === NO_SOURCE) return end;
  return sourceBytes > LIMITS.nameBytesMax || sourceAt + sourceBytes > end ? NaN : end;
}

/** How many bytes the event that begins here takes. It must be a whole one. */
export function sizeAt(bytes: Uint8Array, at: number): number {
  return (halfAt(bytes, at) | halfAt(bytes, at + 2) << 16) >>> 0;
}

/** @returns the event that begins here; its payload is a view of the bytes. It must be a whole one. */
export function readEvent(bytes: Uint8Array, at: number, offset: number): StoredEvent {
  const idAt = at + ID_AT;
  const idEnd = idAt + halfAt(bytes, at + SIZE_BYTES);
  const timeEnd = idEnd + 1 + bytes[idEnd]!;
  const sourceBytes = halfAt(bytes, timeEnd);
  const sourceAt = timeEnd + 2;
  const sourceEnd = sourceAt + (sourceBytes === NO_SOURCE ? 0 : sourceBytes);
  return {
    offset,
    eventId: decoder.decode(bytes.subarray(idAt, idEnd)),
    timestamp: decoder.decode(bytes.subarray(idEnd + 1, timeEnd)),
    source: sourceBytes === NO_SOURCE ? null : decoder.decode(bytes.subarray(sourceAt, sourceEnd)),
    payload: bytes.subarray(sourceEnd, at + sizeAt(bytes, at)),
  };
}

function halfAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | bytes[at + 1]! << 8;
}

function setHalf(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value & 0xff;
  bytes[at + 1] = value >>> 8;
}
