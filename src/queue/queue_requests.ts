/**
 * What callers may ask of the queue, checked where it comes in, so that each gets an error that names the field. The
 * machine checks the same bounds again (`commands.ts`), because it trusts no proposer.
 */
import { SkeinError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { isMessageId } from "./name_rules.ts";
import { PRIORITY_MAX } from "./published_items.ts";
import type { ConsumeRequest, DeliveryName, PublishItem, TopicOptions } from "./queue.ts";
import { decodeChanges, encodeChanges, isWithin, type TopicChanges } from "./topic_options.ts";

/** @throws {SkeinError} INVALID unless it is a name of 1 to 512 bytes without control characters */
export function checkName(field: "topic" | "consumer" | "id" | "key", name: string): void {
  if (isMessageId(name) && name.isWellFormed() && !hasControlCharacter(name)) return;
  const bounds = `1 to ${LIMITS.nameBytesMax} bytes of UTF-8 without control characters`;
  throw invalid(field, `must have ${bounds}`);
}

/** @throws {SkeinError} INVALID naming the field, and the place in the batch */
export function checkItems(items: readonly PublishItem[]): void {
  checkCount("messages", items.length);
  for (const item of items) {
    const { id, key, priority, delayMs, ttlMs } = item;
    if (id !== null) checkName("id", id);
    if (key !== null) checkName("key", key);
    if (!isWithin(priority, 0, PRIORITY_MAX)) {
      throw invalid("priority", `must be an integer from 0 to ${PRIORITY_MAX}, not ${priority}`);
    }
    checkSpan("delay", delayMs, 0, LIMITS.queueDelayMaxMs);
    if (ttlMs !== null) checkSpan("ttl", ttlMs, LIMITS.queueTtlMinMs, LIMITS.queueTtlMaxMs);
  }
}

/** @throws {SkeinError} INVALID */
export function checkConsume({ topic, consumer, max, waitMs, visibilityMs }: ConsumeRequest): void {
  checkName("topic", topic);
  if (consumer !== null) checkName("consumer", consumer);
  checkCount("max", max);
  checkSpan("wait", waitMs, 0, LIMITS.queueWaitMaxMs);
  checkVisibility(visibilityMs);
}

/** @throws {SkeinError} INVALID */
export function checkDeliveries(topic: string, deliveries: readonly DeliveryName[]): void {
  checkName("topic", topic);
  checkCount("deliveries", deliveries.length);
  for (const { id, receipt } of deliveries) {
    if (id === null && receipt === null) throw invalid("id", "an id or a receipt is needed");
    if (id !== null) checkName("id", id);
  }
}

/** @throws {SkeinError} INVALID */
export function checkVisibility(visibilityMs: number | null): void {
  if (visibilityMs === null) return;
  checkSpan("visibility", visibilityMs, LIMITS.queueVisibilityMinMs, LIMITS.queueVisibilityMaxMs);
}

/** @throws {SkeinError} INVALID */
export function checkRefusal(delayMs: number | null, reason: string | null): void {
  if (delayMs !== null) checkSpan("delay", delayMs, 0, LIMITS.queueDelayMaxMs);
  if (reason === null || reason.length <= LIMITS.queueReasonLengthMax) return;
  throw invalid("reason", `must have at most ${LIMITS.queueReasonLengthMax} characters`);
}

/** @throws {SkeinError} INVALID */
export function checkChanges(changes: TopicChanges): void {
  if (decodeChanges(encodeChanges(changes)) !== undefined) return;
  const wrong = (Object.keys(changes) as (keyof TopicOptions)[]).find((name) => {
    const alone = { ...NO_CHANGES, [name]: changes[name] };
    return decodeChanges(encodeChanges(alone)) === undefined;
  });
  const shown = wrong === undefined ? "" : JSON.stringify(changes[wrong]);
  throw invalid(wrong ?? "options", `is out of its bounds: ${shown}`);
}

const NO_CHANGES: TopicChanges = {
  lanes: null,
  visibilityMs: null,
  maxAttempts: null,
  dedupWindowMs: null,
  backoffMs: null,
  paused: null,
};

/** @throws {SkeinError} INVALID */
export function checkIds(ids: readonly string[]): void {
  checkCount("ids", ids.length);
  for (const id of ids) checkName("id", id);
}

/** @throws {SkeinError} INVALID */
export function checkRate(ratePerSecond: number | null): void {
  const max = LIMITS.queueRequeueRateMax;
  if (ratePerSecond === null || (ratePerSecond > 0 && ratePerSecond <= max)) return;
  throw invalid("rate", `must be more than 0 and at most ${max} a second, not ${ratePerSecond}`);
}

/** @throws {SkeinError} INVALID */
export function checkCount(field: "messages" | "max" | "deliveries" | "ids", count: number): void {
  if (isWithin(count, 1, LIMITS.queueBatchMax)) return;
  throw invalid(field, `must be 1 to ${LIMITS.queueBatchMax}, not ${count}`);
}

/** Group time counts whole milliseconds: whoever uses a span rounds it. */
function checkSpan(field: string, ms: number, minMs: number, maxMs: number): void {
  if (isWithin(Math.round(ms), minMs, maxMs)) return;
  throw invalid(field, `must be ${minMs / 1000} to ${maxMs / 1000} seconds, not ${ms / 1000}`);
}

function invalid(field: string, what: string): SkeinError {
  return new SkeinError("INVALID", `${field}: ${what}`, { field });
}

/** C0, DEL and C1. */
function hasControlCharacter(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return true;
  }
  return false;
}
