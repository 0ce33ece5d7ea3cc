/**
 * The settings of Redis: where a peer's state is, or what its cache stands in front of, what is asked of them, and whom
 * TLS trusts. A URL holds a password, so it is a secret, and may come from a file.
 */
import { choice, REDIS_PRIMARY_URL, REDIS_URL, seconds, text, YES_OR_NO } from "./formats.ts";
import { setting } from "./setting.ts";

export const REDIS_SETTINGS = {
  redis: setting({
    section: "Storage",
    flag: "redis",
    placeholder: "URL",
    environment: [{ name: "REDIS_URL" }, { name: "REDIS_URL_FILE", readsFile: true }],
    environmentGroup: {
      names: ["REDIS_HOST", "REDIS_PORT"],
      combine: ([host = "127.0.0.1", port = "6379"]) => `redis://${host}:${port}`,
    },
    format: REDIS_URL,
    default: null,
    defaultText: "none: the embedded log",
    secret: true,
    shared: true,
    help: "keep the state in Redis in place of the embedded log; --data is not used then",
  }),
  redisRequireDurable: setting({
    section: "Storage",
    flag: "redis-require-durable",
    placeholder: "",
    environment: [{ name: "REDIS_REQUIRE_DURABLE" }],
    format: YES_OR_NO,
    default: "false",
    shared: true,
    help: "refuse a Redis that could lose what it confirmed, in place of a warning",
  }),
  redisCa: setting({
    section: "Storage",
    flag: "redis-ca",
    placeholder: "FILE",
    environment: [{ name: "REDIS_CA" }],
    format: text("the path of a PEM file", /^[^\0]+$/),
    path: "read",
    default: null,
    defaultText: "none: the system's",
    shared: true,
    help: "certificates that a Redis with TLS may be signed with",
  }),
  cacheRedis: setting({
    section: "Services",
    flag: "cache-redis",
    placeholder: "URL",
    environment: [{ name: "CACHE_REDIS_URL" }, { name: "CACHE_REDIS_URL_FILE", readsFile: true }],
    format: REDIS_PRIMARY_URL,
    default: null,
    defaultText: "none: values are replicated by the peers",
    secret: true,
    shared: true,
    help: "put the cache in front of this Redis, whose strings are its values; alike at every peer",
  }),
  cacheRedisPrefix: setting({
    section: "Services",
    flag: "cache-redis-prefix",
    placeholder: "PREFIX",
    environment: [{ name: "CACHE_REDIS_PREFIX" }],
    format: text(
      "up to 256 characters without control characters, not beginning with skein:",
      // deno-lint-ignore no-control-regex
      /^(?!skein:)[^\x00-\x1f\x7f-\x9f]{0,256}$/,
    ),
    default: null,
    defaultText: "none",
    shared: true,
    help: "the value of a key of the cache lies at PREFIX and that key",
  }),
  cacheRedisWrite: setting({
    section: "Services",
    flag: "cache-redis-write",
    placeholder: "MODE",
    environment: [{ name: "CACHE_REDIS_WRITE" }],
    format: choice(["back", "through"]),
    default: "back",
    shared: true,
    help:
      "back: writes come to that Redis within a flush interval; through: before they are answered",
  }),
  cacheRedisLineTtl: setting({
    section: "Services",
    flag: "cache-redis-line-ttl",
    placeholder: "SECONDS",
    environment: [{ name: "CACHE_REDIS_LINE_TTL" }],
    format: seconds(0.1, 86_400),
    default: "10",
    shared: true,
    help: "seconds that a line is used while that Redis cannot tell of changes by others",
  }),
};
