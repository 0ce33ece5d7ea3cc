/**
 * How a Redis string appears as a value of the cache, and how a value is written there, so that the applications beside
 * this one read what they expect. Pure, and its own inverse: what is put is what is got.
 *
 *     bytes in Redis            value in the cache
 *     JSON text                 that JSON, as it is
 *     other text in UTF-8       a string
 *     other bytes               {"$base64":"…"}
 *
 * So a string is written bare, `hello` and not `"hello"`, unless it would be read as something else: `"7"` keeps its
 * quotes. Everything that is no string is written as its JSON text.
 */
import { Buffer } from "node:buffer";

/** Bytes that are no text. */
const BINARY_FIELD = "$base64";
const SPACE = 0x20;
const QUOTE = 0x22;
const BRACE = 0x7b;

const encoder = new TextEncoder();
/** A byte order mark belongs to the text. */
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** @returns the value's JSON text in UTF-8 */
export function valueOfBytes(bytes: Uint8Array): Uint8Array {
  const text = textOf(bytes);
  if (text === null) {
    return encoder.encode(
      JSON.stringify({ [BINARY_FIELD]: Buffer.from(bytes).toString("base64") }),
    );
  }
  return isJson(text) ? bytes : encoder.encode(JSON.stringify(text));
}

/** @param value JSON text in UTF-8 @returns what is written to Redis for it */
export function bytesOfValue(value: Uint8Array): Uint8Array {
  const first = value.find((byte) => byte > SPACE);
  const text = first === QUOTE || first === BRACE ? textOf(value) : null;
  if (text === null || !isJson(text)) return value;
  if (first === BRACE) return binaryOf(text) ?? value;
  const bare = JSON.parse(text) as string;
  return isBare(bare) ? encoder.encode(bare) : value;
}

/** Whether a string without its quotes is read as itself. */
function isBare(text: string): boolean {
  // Half of a pair of surrogates has no UTF-8.
  return text.isWellFormed() && !isJson(text);
}

/** @returns null unless it stands for bytes that are no text */
function binaryOf(text: string): Uint8Array | null {
  if (!text.includes(BINARY_FIELD)) return null;
  const { [BINARY_FIELD]: base64, ...others } = JSON.parse(text);
  if (typeof base64 !== "string" || Object.keys(others).length > 0) return null;
  const bytes = Buffer.from(base64, "base64");
  // Another spelling of base64 would not be read back as it was written.
  const isExact = bytes.toString("base64") === base64;
  return isExact && textOf(bytes) === null ? bytes : null;
}

function textOf(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
