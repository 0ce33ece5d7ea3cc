/**
 * How many bytes a message takes in a frame: a bound from above, found without encoding it.
 */
import type { Content } from "./line.ts";
import type { CacheMessage, ReportMessage } from "./messages.ts";

/** All numbers and names of fields that a message may have beside its key and its value. */
const FIELDS_BYTES = 128;
/** Those of one line of an inventory, or of one outcome. */
const ROW_BYTES = 96;
/** Those of one lease that is renewed. */
const LEASE_BYTES = 32;
/** UTF-16 units of the reason why something is not done. */
export const ERROR_TEXT_MAX = 512;
/** A UTF-16 unit takes at most so many bytes in UTF-8. */
const UTF8_BYTES_MAX = 3;

/** @returns at least what the message takes when it is encoded */
export function messageBytes(message: CacheMessage): number {
  switch (message.kind) {
    case "report":
      return FIELDS_BYTES + reportedBytes(message.lines);
    case "leased":
      return FIELDS_BYTES + reportedBytes(message.outcomes);
    case "renew":
      return FIELDS_BYTES + message.leases.length * LEASE_BYTES;
    case "renewed":
      return FIELDS_BYTES;
    case "acknowledge":
      return keyBytes(message.key) + contentBytes(message.dirty);
    case "writeBack":
    case "granted":
      return keyBytes(message.key) + contentBytes(message.content);
    case "denied":
    case "delayed":
      return keyBytes(message.key) + ERROR_TEXT_MAX * UTF8_BYTES_MAX;
    default:
      return keyBytes(message.key);
  }
}

/** @returns at least what these lines take in a report, and what becomes of them in its answer */
export function reportedBytes(rows: Iterable<Pick<ReportMessage["lines"][number], "key">>): number {
  let bytes = 0;
  for (const { key } of rows) bytes += ROW_BYTES + key.length * UTF8_BYTES_MAX;
  return bytes;
}

function keyBytes(key: string): number {
  return FIELDS_BYTES + key.length * UTF8_BYTES_MAX;
}

function contentBytes(content: Content | null): number {
  return content?.value?.length ?? 0;
}
