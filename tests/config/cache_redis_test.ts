/** The settings of a cache in front of Redis. */
import assert from "node:assert/strict";
import { load, refusal } from "./said.ts";

const URL = "redis://ann:secret@cache.example:7000/2";

Deno.test("a cache in front of Redis: defaults, and everything said", () => {
  assert.equal(load({}).cacheRedis, null);
  const { cacheRedis, redis } = load({ flags: { "cache-redis": URL } });
  assert.equal(redis, null, "the state stays where it is");
  const { address, ...others } = cacheRedis!;
  assert.deepEqual([address.hosts, address.database], [[{ host: "cache.example", port: 7000 }], 2]);
  const defaults = { certificates: null, prefix: "", write: "back", lineTtlMs: 10_000 };
  assert.deepEqual(others, defaults);
  const said = load({
    environment: {
      CACHE_REDIS_URL: "rediss-sentinel://a,b/primary",
      CACHE_REDIS_PREFIX: "app:",
      CACHE_REDIS_WRITE: "through",
      CACHE_REDIS_LINE_TTL: "0.5",
      REDIS_CA: "ca.pem",
    },
    files: { "ca.pem": "-----BEGIN CERTIFICATE-----\n" },
  }).cacheRedis!;
  assert.deepEqual([said.prefix, said.write, said.lineTtlMs], ["app:", "through", 500]);
  assert.deepEqual([said.address.kind, said.address.tls], ["sentinel", true]);
  assert.match(said.certificates!, /BEGIN CERTIFICATE/);
});

Deno.test("a cache in front of Redis: what cannot be is refused, and no password is shown", () => {
  const cluster = refusal({ flags: { "cache-redis": "redis-cluster://:secret@a,b" } });
  assert.match(cluster, /^--cache-redis: cannot use the value.*no Redis Cluster/);
  assert.doesNotMatch(cluster, /secret/);
  const together = (flags: Record<string, string>) => {
    return refusal({ flags: { "cache-redis": URL, ...flags } });
  };
  assert.match(together({ "cache-redis-write": "around" }), /allowed: back, through/);
  assert.match(together({ "cache-redis-line-ttl": "0" }), /allowed: seconds from 0\.1 to 86400/);
  assert.match(together({ "cache-redis-prefix": "skein:x" }), /not beginning with skein:/);
  assert.match(
    refusal({ flags: { "cache-redis-prefix": "app:" } }),
    /^--cache-redis-prefix: cannot be used without a Redis; allowed: beside --cache-redis/,
  );
  assert.match(refusal({ flags: { "redis-ca": "x" } }), /beside --redis or --cache-redis/);
});
