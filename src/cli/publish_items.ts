/**
 * What a line of standard input says that should be published: a JSON value, a text, or a whole message with its
 * options. Checked here, so that a bad one is told by its line before anything behind it is sent.
 */
import type { MessageOptions, PublishItem } from "../client/mod.ts";
import { type Format, integer } from "../config/formats.ts";
import { LIMITS } from "../limits.ts";
import { numberText, parseExactly } from "./exact_json.ts";

export interface LineForm {
  /** `value`: JSON, blank lines left out. `text`: the line as it is. `message`: data, id, key, priority, delay, ttl. */
  readonly kind: "value" | "text" | "message";
  /** The field of the data that is the message's id; null: none. */
  readonly idFrom: string | null;
  /** The field of the data that is its key; null: none. */
  readonly keyFrom: string | null;
  /** What holds for every message that does not say otherwise. */
  readonly common: MessageOptions;
}

/** What a line says. */
export type ReadItem<Item = PublishItem> =
  | { readonly kind: "item"; readonly item: Item }
  | { readonly kind: "blank" }
  /** In words, without the line's number. */
  | { readonly kind: "fault"; readonly fault: string };

const PRIORITY = integer(0, 9);
/** Around the data of one message of several: the request, its list, the message. */
const LEVELS_MAX = LIMITS.bodyDepthMax - 3;
const encoder = new TextEncoder();

/** A line that cannot be published, in words. */
export class LineFault extends Error {}

export function readItem(text: string, form: LineForm): ReadItem {
  if (form.kind === "text") return { kind: "item", item: { ...form.common, data: text } };
  return readValue(text, (value) => {
    const message = form.kind === "message" ? toMessage(value) : { data: value };
    return { ...form.common, ...namesIn(message.data, form), ...message };
  });
}

/**
 * @param text one JSON value, or nothing
 * @param make throws a `LineFault` where the value is none that can be published
 */
export function readValue<Item>(text: string, make: (value: unknown) => Item): ReadItem<Item> {
  if (text.trim() === "") return { kind: "blank" };
  try {
    const value = parseJson(text);
    if (text.length >= 2 * LEVELS_MAX && isDeeper(value, LEVELS_MAX)) {
      throw new LineFault(`nested deeper than ${LEVELS_MAX} levels`);
    }
    return { kind: "item", item: make(value) };
  } catch (error) {
    if (error instanceof LineFault) return { kind: "fault", fault: error.message };
    throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return parseExactly(text);
  } catch (error) {
    throw new LineFault(`no JSON: ${(error as Error).message}`);
  }
}

/** The id and the key that lie in the data itself. */
function namesIn(data: unknown, { idFrom, keyFrom }: LineForm): MessageOptions {
  return {
    ...(idFrom === null ? {} : { id: nameIn(data, idFrom) }),
    ...(keyFrom === null ? {} : { key: nameIn(data, keyFrom) }),
  };
}

function nameIn(data: unknown, field: string): string {
  const value = isObject(data) && Object.hasOwn(data, field) ? data[field] : undefined;
  return checkName(field, numberText(value) ?? value);
}

function toMessage(value: unknown): PublishItem {
  if (!isObject(value)) throw new LineFault("a message is an object with data, id, key, …");
  const { data, id, key, priority, delay, ttl, ...unknown } = value;
  const [further] = Object.keys(unknown);
  if (further !== undefined) throw new LineFault(`a message has no field ${quoted(further)}`);
  if (data === undefined) throw new LineFault("data: is missing");
  return {
    data,
    ...(isAbsent(id) ? {} : { id: checkName("id", id) }),
    ...(isAbsent(key) ? {} : { key: checkName("key", key) }),
    ...(isAbsent(priority) ? {} : { priority: checkNumber("priority", priority, PRIORITY) }),
    ...(isAbsent(delay)
      ? {}
      : { delayMs: checkSeconds("delay", delay, 0, LIMITS.queueDelayMaxMs) }),
    ...(isAbsent(ttl)
      ? {}
      : { ttlMs: checkSeconds("ttl", ttl, LIMITS.queueTtlMinMs, LIMITS.queueTtlMaxMs) }),
  };
}

export function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

/** @throws {LineFault} */
export function checkName(field: string, value: unknown): string {
  const { nameBytesMax } = LIMITS;
  const isName = typeof value === "string" && value !== "" && !/\p{Cc}/u.test(value) &&
    encoder.encode(value).length <= nameBytesMax;
  if (isName) return value;
  throw new LineFault(
    `${field}: ${quoted(value)}; allowed: 1 to ${nameBytesMax} bytes without control characters`,
  );
}

function checkNumber(field: string, value: unknown, format: Format<number>): number {
  const number = typeof value === "number" ? format.parse(String(value)) : null;
  if (number === null) {
    throw new LineFault(`${field}: ${quoted(value)}; allowed: ${format.allowed}`);
  }
  return number;
}

function checkSeconds(field: string, value: unknown, minMs: number, maxMs: number): number {
  const valueMs = typeof value === "number" ? Math.round(value * 1000) : NaN;
  if (valueMs >= minMs && valueMs <= maxMs) return valueMs;
  const allowed = `seconds from ${minMs / 1000} to ${maxMs / 1000}`;
  throw new LineFault(`${field}: ${quoted(value)}; allowed: ${allowed}`);
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null || numberText(value) !== null) return false;
  return levels === 0 || Object.values(value).some((part) => isDeeper(part, levels - 1));
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}
