/**
 * Finds the payloads of events in the text of a body, so that each is stored as the bytes that were sent: parsed and
 * written again a large number would be another one.
 */
import { JsonCursor, type Span } from "./json_cursor.ts";

/** The field that holds several events. */
export const BATCH_FIELD = "events";

const NULL = new TextEncoder().encode("null");

/**
 * @param bytes a JSON array, or an object with `events` or of one event, that `JSON.parse` has taken
 * @returns of each event, in order, its payload as a view of the bytes; null in JSON where it has none
 */
export function findPayloads(bytes: Uint8Array): readonly Uint8Array[] {
  const cursor = new JsonCursor(bytes);
  if (cursor.isAtArray) return findEach(cursor, bytes);
  let several: readonly Uint8Array[] | null = null;
  let own: Span | null = null;
  cursor.enter();
  for (let key = cursor.nextKey(); key !== null; key = cursor.nextKey()) {
    if (key === BATCH_FIELD && cursor.isAtArray) several = findEach(cursor, bytes);
    else {
      const span = cursor.skipValue();
      if (key === "payload") own = span;
    }
  }
  return several ?? [at(bytes, own)];
}

function findEach(cursor: JsonCursor, bytes: Uint8Array): readonly Uint8Array[] {
  const payloads: Uint8Array[] = [];
  cursor.enter();
  while (cursor.nextElement()) payloads.push(at(bytes, findOne(cursor)));
  return payloads;
}

/** As `JSON.parse`: of a field that is there twice the last one counts. What is no object has no payload. */
function findOne(cursor: JsonCursor): Span | null {
  if (!cursor.isAtObject) {
    cursor.skipValue();
    return null;
  }
  let found: Span | null = null;
  cursor.enter();
  for (let key = cursor.nextKey(); key !== null; key = cursor.nextKey()) {
    const span = cursor.skipValue();
    if (key === "payload") found = span;
  }
  return found;
}

function at(bytes: Uint8Array, span: Span | null): Uint8Array {
  return span === null ? NULL : bytes.subarray(span.start, span.end);
}
