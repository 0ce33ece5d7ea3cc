/**
 * What the commands of the queue print for scripts: the fields of HTTP's answers, times in seconds. Data stays as it
 * was published, its fields are nobody's to rename.
 */
import type { DeadLetter, Delivery, SettleResult } from "../client/mod.ts";

type Document = Readonly<Record<string, unknown>>;

export function deliveryDocument(delivery: Delivery): Document {
  return {
    id: delivery.id,
    data: delivery.data,
    receipt: delivery.receipt,
    attempts: delivery.attempts,
    priority: delivery.priority,
    key: delivery.key,
    published_at: delivery.publishedAt,
    visible_until: delivery.visibleUntil,
  };
}

export function deadLetterDocument(letter: DeadLetter): Document {
  return {
    id: letter.id,
    data: letter.data,
    attempts: letter.attempts,
    reason: letter.reason,
    priority: letter.priority,
    published_at: letter.publishedAt,
    dead_at: letter.deadAt,
  };
}

export function settleDocument(result: SettleResult): Document {
  return result.ok ? { success: true } : { success: false, error: result.code };
}
