/**
 * One field of a JSON object as the bytes that were sent, because parsed and written again a large number would be
 * another one.
 */
import { JsonCursor, type Span } from "./json_cursor.ts";

/**
 * @param object a JSON object that `JSON.parse` has taken
 * @returns a copy, so that whoever keeps it keeps nothing else of the object; null where there is no such field. As
 * `JSON.parse`: of a field that is there twice the last one counts
 */
export function copyField(object: Uint8Array, name: string): Uint8Array<ArrayBuffer> | null {
  const cursor = new JsonCursor(object);
  let found: Span | null = null;
  cursor.enter();
  for (let key = cursor.nextKey(); key !== null; key = cursor.nextKey()) {
    const span = cursor.skipValue();
    if (key === name) found = span;
  }
  return found === null ? null : new Uint8Array(object.subarray(found.start, found.end));
}
