/**
 * The form of the frames between two peers that trust each other: msgpack arrays `[kind, …]`. The first
 * frame in each direction is a hello. Elements behind those that are named here are ignored, so that a
 * later version can add some; anything else that is not of this form costs the connection.
 */
import type { Hello } from "./transport.ts";

/** What this program speaks, newest first to be chosen; a peer speaks its own version and the one before. */
export const PROTOCOL_VERSION = 1;
export const PROTOCOL_VERSION_OLDEST = Math.max(1, PROTOCOL_VERSION - 1);

export const KIND = {
  message: 0,
  request: 1,
  answer: 2,
  refusal: 3,
  hello: 4,
  ping: 5,
  pong: 6,
} as const;

export type Frame =
  | { readonly kind: "message"; readonly topic: string; readonly body: unknown }
  | {
    readonly kind: "request";
    readonly id: number;
    readonly method: string;
    readonly body: unknown;
  }
  | { readonly kind: "answer"; readonly id: number; readonly body: unknown }
  | {
    readonly kind: "refusal";
    readonly id: number;
    readonly code: string;
    readonly message: string;
    readonly details: Readonly<Record<string, unknown>>;
  }
  | { readonly kind: "hello"; readonly hello: Hello }
  | { readonly kind: "ping" }
  | { readonly kind: "pong" };

const TEXT_MAX = 1024;
const ADDRESSES_MAX = 16;

/** @returns null for what is no frame of this protocol */
export function parseFrame(value: unknown): Frame | null {
  if (!Array.isArray(value)) return null;
  const [kind, first, second, third, fourth] = value;
  switch (kind) {
    case KIND.message:
      return isText(first) ? { kind: "message", topic: first, body: second } : null;
    case KIND.request:
      if (!isId(first) || !isText(second)) return null;
      return { kind: "request", id: first, method: second, body: third };
    case KIND.answer:
      return isId(first) ? { kind: "answer", id: first, body: second } : null;
    case KIND.refusal:
      if (!isId(first) || !isText(second) || typeof third !== "string") return null;
      if (!isRecord(fourth)) return null;
      return { kind: "refusal", id: first, code: second, message: third, details: fourth };
    case KIND.hello: {
      const hello = parseHello(first);
      return hello === null ? null : { kind: "hello", hello };
    }
    case KIND.ping:
      return { kind: "ping" };
    case KIND.pong:
      return { kind: "pong" };
    default:
      return null;
  }
}

function parseHello(value: unknown): Hello | null {
  if (!isRecord(value)) return null;
  const { name, bootId, addresses, httpUrl, zone, clusterId, expect, version } = value;
  const { cacheFront } = value;
  if (!isText(name) || !isText(bootId) || !isText(httpUrl) || !isText(zone)) return null;
  if (!isText(version) || !(clusterId === null || isText(clusterId)) || !isId(expect)) return null;
  if (!Array.isArray(addresses) || addresses.length > ADDRESSES_MAX) return null;
  if (!addresses.every(isText)) return null;
  if (cacheFront !== undefined && !isText(cacheFront)) return null;
  const hello = { name, bootId, addresses, httpUrl, zone, clusterId, expect, version };
  return cacheFront === undefined ? hello : { ...hello, cacheFront };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= TEXT_MAX;
}

function isId(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Uint8Array);
}
