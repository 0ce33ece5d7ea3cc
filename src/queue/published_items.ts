/**
 * The messages of one publish command, packed: a column for each property, absent where all have the usual
 * value, and all bodies behind each other in one binary that is never decoded. Numbers lie in columns as unsigned
 * 32-bit integers, little-endian. So a usual batch of 100 is a handful of msgpack values, on the wire, in the log and
 * in apply.
 */
import { LIMITS } from "../limits.ts";
import { isMessageId } from "./name_rules.ts";

/** One message as it is packed. */
export interface Item {
  /** Null: the partition gives one. */
  readonly id: string | null;
  /** As `encodeBody` made it. */
  readonly body: Uint8Array;
  readonly priority: number;
  readonly delayMs: number;
  /** Null: for ever. */
  readonly ttlMs: number | null;
}

/** Columns as bytes: reading one element costs no object. */
export interface PackedItems {
  readonly count: number;
  readonly sizes: Uint8Array;
  readonly ids: readonly (string | null)[] | null;
  readonly priorities: Uint8Array | null;
  readonly delays: Uint8Array | null;
  /** 0 in it: for ever. */
  readonly ttls: Uint8Array | null;
  readonly bodies: Uint8Array;
}

export const PRIORITY_MAX = 9;
const NUMBER_BYTES = 4;

/** @param items at least one, within their bounds */
export function packItems(items: readonly Item[]): PackedItems {
  const has = (isUnusual: (item: Item) => boolean) => items.some(isUnusual);
  return {
    count: items.length,
    sizes: numberColumn(items.map(({ body }) => body.length)),
    ids: has(({ id }) => id !== null) ? items.map(({ id }) => id) : null,
    priorities: has(({ priority }) => priority !== 0)
      ? Uint8Array.from(items, ({ priority }) => priority)
      : null,
    delays: has(({ delayMs }) => delayMs !== 0)
      ? numberColumn(items.map(({ delayMs }) => delayMs))
      : null,
    ttls: has(({ ttlMs }) => ttlMs !== null)
      ? numberColumn(items.map(({ ttlMs }) => ttlMs ?? 0))
      : null,
    bodies: joinBodies(items),
  };
}

function joinBodies(items: readonly Item[]): Uint8Array {
  let sizeBytes = 0;
  for (const { body } of items) sizeBytes += body.length;
  const bodies = new Uint8Array(sizeBytes);
  let at = 0;
  for (const { body } of items) {
    bodies.set(body, at);
    at += body.length;
  }
  return bodies;
}

/** @returns a column of these numbers */
export function numberColumn(numbers: readonly number[]): Uint8Array {
  const column = new Uint8Array(NUMBER_BYTES * numbers.length);
  const view = new DataView(column.buffer);
  for (const [place, number] of numbers.entries()) {
    view.setUint32(NUMBER_BYTES * place, number, true);
  }
  return column;
}

/** An element of a column of numbers. */
export function numberAt(column: Uint8Array, place: number): number {
  const at = NUMBER_BYTES * place;
  return (column[at]! | column[at + 1]! << 8 | column[at + 2]! << 16 | column[at + 3]! << 24) >>> 0;
}

type ItemFields = readonly [
  Uint8Array,
  readonly (string | null)[] | null,
  Uint8Array | null,
  Uint8Array | null,
  Uint8Array | null,
  Uint8Array,
];

export function encodeItems(items: PackedItems): ItemFields {
  const { sizes, ids, priorities, delays, ttls, bodies } = items;
  return [sizes, ids, priorities, delays, ttls, bodies];
}

/** @returns null for what does not fit together, or is out of its bounds */
export function decodeItems(value: unknown): PackedItems | null {
  if (!Array.isArray(value)) return null;
  const [sizes, ids, priorities, delays, ttls, bodies] = value;
  if (!(sizes instanceof Uint8Array) || !(bodies instanceof Uint8Array)) return null;
  const count = sizes.length / NUMBER_BYTES;
  if (!Number.isInteger(count) || count < 1 || count > LIMITS.queueBatchMax) return null;
  let sizeBytes = 0;
  for (let place = 0; place < count; place++) sizeBytes += numberAt(sizes, place);
  if (sizeBytes !== bodies.length) return null;
  if (ids !== null && !isIdColumn(ids, count)) return null;
  if (priorities !== null && !isPriorityColumn(priorities, count)) return null;
  if (delays !== null && !isNumberColumn(delays, count, LIMITS.queueDelayMaxMs)) return null;
  if (ttls !== null && !isNumberColumn(ttls, count, LIMITS.queueTtlMaxMs)) return null;
  return { count, sizes, ids, priorities, delays, ttls, bodies };
}

function isIdColumn(value: unknown, count: number): value is readonly (string | null)[] {
  if (!Array.isArray(value) || value.length !== count) return false;
  return value.every((id) => id === null || isMessageId(id));
}

function isPriorityColumn(value: unknown, count: number): value is Uint8Array {
  if (!(value instanceof Uint8Array) || value.length !== count) return false;
  return value.every((priority) => priority <= PRIORITY_MAX);
}

function isNumberColumn(value: unknown, count: number, max: number): value is Uint8Array {
  if (!(value instanceof Uint8Array) || value.length !== NUMBER_BYTES * count) return false;
  for (let place = 0; place < count; place++) if (numberAt(value, place) > max) return false;
  return true;
}
