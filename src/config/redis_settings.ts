/**
 * The settings of a state in Redis: where it is, what is asked of it, and whom TLS trusts. The URL holds a password, so
 * it is a secret, and may come from a file.
 */
import { REDIS_URL, text, YES_OR_NO } from "./formats.ts";
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
};
