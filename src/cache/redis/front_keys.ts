/**
 * The names of keys in a Redis that the cache stands in front of. Values lie at the prefix and the cache's key. What homes
 * need beside them lies under the prefix as well, so that a user with rights for that alone is enough; their names begin
 * with a word that no key of the cache may begin with then.
 */
import { createHash } from "node:crypto";
import { SkeinError } from "../../errors.ts";

/** No key of the cache begins with it; with an empty prefix, peers may keep their own state there. */
const RESERVED = "skein:";

export class FrontKeys {
  readonly prefix: string;
  readonly #own: string;

  /** @param clusterId of this formation: terms of another one say nothing */
  constructor(prefix: string, clusterId: string) {
    this.prefix = prefix;
    this.#own = `${prefix}${RESERVED}{${clusterId}}`;
  }

  value(key: string): string {
    return this.prefix + key;
  }

  /** The term of the home that may write this partition's keys. */
  term(partition: number): string {
    return `${this.#own}:term:${partition}`;
  }

  /** For a while after a write: its version, so that an older one that comes late is known. */
  version(key: string): string {
    return `${this.#own}:version:${key}`;
  }

  /** For a while: what a request under a caller's own id was answered. */
  request(name: string): string {
    const digest = createHash("sha256").update(name).digest("hex");
    return `${this.#own}:request:${digest.slice(0, 32)}`;
  }
}

/** A key that nobody else has, to see whether changes are told of. */
export function probeKey(prefix: string, random: string): string {
  return `${prefix}${RESERVED}probe:${random}`;
}

/** @returns the cache's key of a Redis key; null where it is none */
export function keyOfRedis(prefix: string, redisKey: string): string | null {
  if (!redisKey.startsWith(prefix)) return null;
  const key = redisKey.slice(prefix.length);
  return key === "" || key.startsWith(RESERVED) ? null : key;
}

/** @throws {SkeinError} INVALID where the key's name is taken */
export function checkFrontKey(key: string): void {
  if (!key.startsWith(RESERVED)) return;
  const what = `must not begin with ${RESERVED}, which names what peers keep in Redis`;
  throw new SkeinError("INVALID", `key: ${what}`, { field: "key" });
}
