/**
 * Makes the columns of a publish command from what callers publish, in one pass and with one copy of each message's
 * data: the bytes then go as they are to the log, the other replicas and the value files.
 */
import type { PublishItem } from "./queue.ts";
import { numberColumn, type PackedItems } from "./published_items.ts";
import { storeBody, storedSize } from "./stored_body.ts";

const encoder = new TextEncoder();

/**
 * @param items within their bounds
 * @returns what `packItems` would make of them with their keys
 */
export function packPublished(items: readonly PublishItem[]): PackedItems {
  let [hasIds, hasPriorities, hasDelays, hasTtls] = [false, false, false, false];
  let sizeBytes = 0;
  const sizes: number[] = [];
  const keys: (Uint8Array | null)[] = [];
  for (const { id, key, data, priority, delayMs, ttlMs } of items) {
    const keyBytes = key === null ? null : encoder.encode(key);
    const size = storedSize(keyBytes, data);
    sizes.push(size);
    keys.push(keyBytes);
    sizeBytes += size;
    hasIds ||= id !== null;
    hasPriorities ||= priority !== 0;
    hasDelays ||= Math.round(delayMs) !== 0;
    hasTtls ||= ttlMs !== null;
  }
  const bodies = new Uint8Array(sizeBytes);
  for (let place = 0, at = 0; place < items.length; at += sizes[place++]!) {
    storeBody(bodies, at, keys[place]!, items[place]!.data);
  }
  return {
    count: items.length,
    sizes: numberColumn(sizes),
    ids: hasIds ? items.map(({ id }) => id) : null,
    priorities: hasPriorities ? Uint8Array.from(items, ({ priority }) => priority) : null,
    delays: hasDelays ? numberColumn(items.map(({ delayMs }) => Math.round(delayMs))) : null,
    ttls: hasTtls ? numberColumn(items.map(({ ttlMs }) => Math.round(ttlMs ?? 0))) : null,
    bodies,
  };
}
