/**
 * Where a peer keeps its state, as its configuration says: the embedded log in its data directory, or Redis. The code
 * for Redis is loaded only where it is used.
 */
import { assert } from "../assert.ts";
import type { Config } from "../config/mod.ts";
import type { Logger } from "../logger.ts";
import { Random } from "../random.ts";
import { LogStorage } from "../storage/log/log_storage.ts";
import type { RedisStorageOptions } from "../storage/redis/redis_storage.ts";
import type { Storage } from "../storage/storage.ts";
import { REAL_CLOCK } from "./real_clock.ts";

/** @returns what makes an instance for each opening of the state */
export async function storageOf(config: Config, logger: Logger): Promise<() => Storage> {
  if (config.redis === null) {
    return () => new LogStorage({ directory: config.dataDirectory, logger });
  }
  const { RedisStorage } = await import("../storage/redis/redis_storage.ts");
  const options = await redisOptions(config, logger);
  return () => new RedisStorage(options);
}

/** @throws {AssertionError} where the configuration has no Redis */
export async function redisOptions(config: Config, logger: Logger): Promise<RedisStorageOptions> {
  assert(config.redis !== null, "the state is in Redis");
  const { RedisMemory } = await import("../storage/redis/owner.ts");
  const { redisKeys } = await import("../storage/redis/redis_keys.ts");
  return {
    ...config.redis,
    keys: redisKeys(config.clusterKey, config.name),
    peer: config.name,
    memory: new RedisMemory(),
    clock: REAL_CLOCK,
    random: new Random(...crypto.getRandomValues(new Uint32Array(3))),
    randomBytes: (sizeBytes) => crypto.getRandomValues(new Uint8Array(sizeBytes)),
    logger,
  };
}
