/** Stores in a redis-server of a test: addresses and keys, a clock that is the real one, and what a log remembers. */
import type { Clock } from "../../src/clock.ts";
import type { Logger } from "../../src/logger.ts";
import { Random } from "../../src/random.ts";
import { RedisMemory } from "../../src/storage/redis/owner.ts";
import { parseRedisUrl } from "../../src/storage/redis/redis_address.ts";
import { redisKeys } from "../../src/storage/redis/redis_keys.ts";
import { RedisStorage, type RedisStorageOptions } from "../../src/storage/redis/redis_storage.ts";
import type { Recovered } from "../../src/storage/storage.ts";
import { IDENTITY } from "./records.ts";

export const KEYS = redisKeys("a cluster key of tests", "n1");

export const TEST_CLOCK: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  timer(delayMs, fire) {
    const id = setTimeout(fire, delayMs);
    return { cancel: () => clearTimeout(id) };
  },
};

export type StoreOptions = Partial<RedisStorageOptions>;

/** A store that is not opened yet; by default of another process than any other. */
export function makeStore(url: string, options: StoreOptions = {}): RedisStorage {
  const address = parseRedisUrl(url);
  if (address === null) throw new Error(`${url} is an address`);
  return new RedisStorage({
    address,
    keys: KEYS,
    certificates: null,
    requireDurable: false,
    peer: "n1",
    memory: new RedisMemory(),
    clock: TEST_CLOCK,
    random: new Random(1),
    randomBytes: (sizeBytes) => crypto.getRandomValues(new Uint8Array(sizeBytes)),
    ...options,
  });
}

/** An open store with an identity. */
export async function openStore(
  url: string,
  options: StoreOptions = {},
): Promise<{ readonly storage: RedisStorage; readonly recovered: Recovered }> {
  const storage = makeStore(url, options);
  const recovered = await storage.open();
  if (recovered.identity === null) await storage.create(IDENTITY);
  return { storage, recovered };
}

/** Runs a test on an open store that is closed afterwards, whatever became of it. */
export async function withStore(
  url: string,
  options: StoreOptions,
  test: (storage: RedisStorage, recovered: Recovered) => Promise<void>,
): Promise<void> {
  const { storage, recovered } = await openStore(url, options);
  try {
    await test(storage, recovered);
  } finally {
    await storage.close();
  }
}

/** Remembers what was logged. */
export function memoryLogger(): { readonly logger: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  return { lines, logger: { log: (level, message) => void lines.push(`${level} ${message}`) } };
}
