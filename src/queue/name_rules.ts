/**
 * Which texts may name a topic, a message or a consumer, as the machine takes them: not empty, and bounded in
 * bytes. Control characters are refused where a name is typed.
 */
import { LIMITS } from "../limits.ts";

/** A UTF-16 unit takes at most so many bytes in UTF-8. */
const UTF8_BYTES_MAX = 3;
const encoder = new TextEncoder();

/** Whether a value may name a topic. */
export function isTopicName(value: unknown): value is string {
  return isName(value);
}

/** Whether a value may be a message's id. */
export function isMessageId(value: unknown): value is string {
  return isName(value);
}

function isName(value: unknown): value is string {
  if (typeof value !== "string" || value.length === 0) return false;
  if (value.length * UTF8_BYTES_MAX <= LIMITS.nameBytesMax) return true;
  return value.length <= LIMITS.nameBytesMax && encoder.encode(value).length <= LIMITS.nameBytesMax;
}
