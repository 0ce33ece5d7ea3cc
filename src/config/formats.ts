/**
 * How the values of settings are written: from text to a typed value, or null where the text is none. Each
 * format says in words what it allows, for refusals and for the documentation. Pure.
 */
import {
  parseRedisUrl,
  REDIS_PRIMARY_URL_ALLOWED,
  REDIS_URL_ALLOWED,
  type RedisAddress,
} from "../storage/redis/redis_address.ts";
import type { Address, HttpAddress, PeerAddress } from "./config.ts";

export interface Format<T> {
  /** Completes "allowed: …". */
  readonly allowed: string;
  /** Null: not allowed. */
  parse(text: string): T | null;
}

const KIB = 1024;
const UNIT_BYTES: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kib: KIB,
  mib: KIB ** 2,
  gib: KIB ** 3,
  kb: 1000,
  mb: 1000 ** 2,
  gb: 1000 ** 3,
};

/** Digits and one point only: what `Number` takes besides ("1e9", "0x10", "") is no way to write a setting. */
const DECIMAL = /^\d{1,15}(?:\.\d{1,9})?$/;

export function integer(min: number, max: number): Format<number> {
  return {
    allowed: `a whole number from ${min} to ${max}`,
    parse: (text) => within(/^\d{1,15}$/.test(text) ? Number(text) : NaN, min, max),
  };
}

/** Seconds as people write them, decimals included, to milliseconds. */
export function seconds(min: number, max: number): Format<number> {
  return {
    allowed: `seconds from ${min} to ${max}`,
    parse: (text) => {
      const value = within(DECIMAL.test(text) ? Number(text) : NaN, min, max);
      return value === null ? null : Math.round(value * 1000);
    },
  };
}

/** Two spans in seconds, the first below the second: `1.0,2.0`. */
export function secondsRange(min: number, max: number): Format<readonly [number, number]> {
  const single = seconds(min, max);
  return {
    allowed: `MIN,MAX in seconds from ${min} to ${max}, MIN less than MAX`,
    parse: (text) => {
      const parts = text.split(",");
      const [low = null, high = null] = parts.map((part) => single.parse(part.trim()));
      return parts.length === 2 && low !== null && high !== null && low < high ? [low, high] : null;
    },
  };
}

/** Bytes: `1048576`, `64MiB`, `1.5 GB`. */
export function size(minBytes: number, maxBytes: number): Format<number> {
  return {
    allowed: `a size from ${formatBytes(minBytes)} to ${formatBytes(maxBytes)}, such as 64MiB`,
    parse: (text) => {
      const [, digits = "", unit = ""] = /^([\d.]+)\s*([a-z]*)$/i.exec(text) ?? [];
      const unitBytes = UNIT_BYTES[unit.toLowerCase()];
      if (!DECIMAL.test(digits) || unitBytes === undefined) return null;
      return within(Math.round(Number(digits) * unitBytes), minBytes, maxBytes);
    },
  };
}

/** `8388608` → `8MiB`; what fits no unit stays bytes. */
export function formatBytes(bytes: number): string {
  for (const [unit, unitBytes] of [["GiB", KIB ** 3], ["MiB", KIB ** 2], ["KiB", KIB]] as const) {
    if (bytes >= unitBytes && bytes % unitBytes === 0) return `${bytes / unitBytes}${unit}`;
  }
  return `${bytes}`;
}

/** One of a few words, in any case; `also` maps further spellings to them. */
export function choice<const T extends string>(
  words: readonly T[],
  also: Readonly<Record<string, T>> = {},
): Format<T> {
  const spellings = new Map<string, T>([
    ...words.map((word) => [word, word] as const),
    ...Object.entries(also),
  ]);
  return {
    allowed: words.join(", "),
    parse: (text) => spellings.get(text.toLowerCase()) ?? null,
  };
}

export const YES_OR_NO: Format<boolean> = {
  allowed: "true or false",
  parse: (text) => {
    const word = text.toLowerCase();
    if (["true", "1", "yes", "on"].includes(word)) return true;
    return ["false", "0", "no", "off"].includes(word) ? false : null;
  },
};

/** A text of limited length that fits the pattern. */
export function text(allowed: string, pattern: RegExp): Format<string> {
  return { allowed, parse: (value) => pattern.test(value) ? value : null };
}

/** Any text whose UTF-8 form has so many bytes. */
export function secret(minBytes: number, maxBytes: number): Format<string> {
  return {
    allowed: `${minBytes} to ${maxBytes} bytes`,
    parse: (value) => {
      const { length } = new TextEncoder().encode(value);
      return length >= minBytes && length <= maxBytes ? value : null;
    },
  };
}

/** `[HOST:]PORT`; without a host the loopback address of IPv4. */
export const ADDRESS: Format<Address> = {
  allowed: "[HOST:]PORT, the port from 0 to 65535, an IPv6 host in brackets",
  parse: (text) => /^\d+$/.test(text) ? parseAddress(`127.0.0.1:${text}`) : parseAddress(text),
};

/** `[HOST:]PORT`, several with commas; a port alone listens on both loopback addresses. */
export const HTTP_ADDRESSES: Format<readonly HttpAddress[]> = {
  allowed: ADDRESS.allowed,
  parse: (text) => {
    const addresses: HttpAddress[] = [];
    for (const part of splitList(text)) {
      const address = ADDRESS.parse(part);
      if (address === null) return null;
      addresses.push({ ...address, optional: false });
      const twin = /^\d+$/.test(part) && address.port !== 0;
      if (twin) addresses.push({ host: "::1", port: address.port, optional: true });
    }
    return addresses.length > 0 ? addresses : null;
  },
};

/** A list of peers; `bare` says what an entry without a scheme is. */
export function peerList(bare: PeerAddress["kind"]): Format<readonly PeerAddress[]> {
  return {
    allowed: "host:port or http://host:port, several with commas",
    parse: (text) => {
      const peers = splitList(text).map((written) => parsePeer(written, bare));
      return peers.every((peer) => peer !== null) ? peers : null;
    },
  };
}

/** First nodes of a DHT, which speaks IPv4 alone. */
export const DHT_NODES: Format<readonly Address[]> = {
  allowed: "host:port, several with commas, each host a name or an IPv4 address",
  parse: (text) => {
    const nodes = splitList(text).map(parseAddress);
    const isNode = (node: Address | null): node is Address =>
      node !== null && node.port !== 0 && !node.host.includes(":");
    return nodes.length > 0 && nodes.every(isNode) ? nodes : null;
  },
};

function parsePeer(written: string, bare: PeerAddress["kind"]): PeerAddress | null {
  const [, scheme, rest = ""] = /^(https?:\/\/)?(.*?)\/?$/.exec(written) ?? [];
  const address = parseAddress(rest);
  if (address === null || address.port === 0) return null;
  return { ...address, written, kind: scheme === undefined ? bare : "http" };
}

/** `http://host[:port]` or `host:port`, as others would dial it. */
export const ENDPOINT: Format<URL> = {
  allowed: "http://HOST:PORT or https://HOST:PORT",
  parse: (text) => {
    const url = parseUrl(text.includes("://") ? text : `http://${text}`);
    if (url === null || !/^https?:$/.test(url.protocol)) return null;
    return url.pathname === "/" && url.search === "" && url.username === "" ? url : null;
  },
};

export const REDIS_URL: Format<RedisAddress> = {
  allowed: REDIS_URL_ALLOWED,
  parse: parseRedisUrl,
};

/** Of one that has all keys. */
export const REDIS_PRIMARY_URL: Format<RedisAddress> = {
  allowed: REDIS_PRIMARY_URL_ALLOWED,
  parse: (text) => {
    const address = parseRedisUrl(text);
    return address?.kind === "cluster" ? null : address;
  },
};

function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

function parseAddress(text: string): Address | null {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9_.-]+)):(\d{1,5})$/i.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = within(Number(match?.[3] ?? NaN), 0, 65_535);
  return host === undefined || port === null ? null : { host, port };
}

function splitList(text: string): string[] {
  return text.split(/[\s,]+/).filter((part) => part !== "");
}

function within(value: number, min: number, max: number): number | null {
  return value >= min && value <= max ? value : null;
}
