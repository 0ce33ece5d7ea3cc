/**
 * Finds the data of messages in the text of a body, where it may be called `data`, `payload` or `message`: as the
 * bytes that were sent, because parsed and written again a large number would be another one.
 */
import { JsonCursor, type Span } from "./json_cursor.ts";
import { SkeinError } from "../errors.ts";

/** The field that holds several messages. */
export const BATCH_FIELD = "messages";

/** One message's data, as far as it was found. */
export class DataField {
  #name: string | null = null;
  #span: Span | null = null;
  #isAmbiguous = false;

  get isGiven(): boolean {
    return this.#span !== null;
  }

  /** Takes what is data. As `JSON.parse`: of a field that is there twice the last one counts. */
  offer(name: string, span: Span): void {
    if (name !== "data" && name !== "payload" && name !== "message") return;
    if (this.#name !== null && this.#name !== name) this.#isAmbiguous = true;
    this.#name = name;
    this.#span = span;
  }

  /**
   * @param bytes the body
   * @param path which message it is, as a caller sees it
   * @throws {SkeinError} INVALID where there is none, BAD_REQUEST where there are two
   */
  read(bytes: Uint8Array, path: string): Uint8Array {
    if (this.#isAmbiguous) {
      const message = `${path}data, payload and message are names of one field: give one`;
      throw new SkeinError("BAD_REQUEST", message);
    }
    if (this.#span !== null) return bytes.subarray(this.#span.start, this.#span.end);
    throw new SkeinError("INVALID", `${path}data: is missing`, { field: `${path}data` });
  }
}

/** @param bytes a JSON object, whose data is found, and that of its messages */
export function findData(
  bytes: Uint8Array,
): { readonly own: DataField; readonly messages: readonly DataField[] } {
  const cursor = new JsonCursor(bytes);
  const own = new DataField();
  let messages: readonly DataField[] = [];
  cursor.enter();
  for (let key = cursor.nextKey(); key !== null; key = cursor.nextKey()) {
    if (key === BATCH_FIELD && cursor.isAtArray) messages = findEach(cursor);
    else own.offer(key, cursor.skipValue());
  }
  return { own, messages };
}

function findEach(cursor: JsonCursor): readonly DataField[] {
  const messages: DataField[] = [];
  cursor.enter();
  while (cursor.nextElement()) messages.push(findOne(cursor));
  return messages;
}

/** What is no object has no data. */
function findOne(cursor: JsonCursor): DataField {
  const field = new DataField();
  if (!cursor.isAtObject) {
    cursor.skipValue();
    return field;
  }
  cursor.enter();
  for (let key = cursor.nextKey(); key !== null; key = cursor.nextKey()) {
    field.offer(key, cursor.skipValue());
  }
  return field;
}
