/** The storage in Redis does what every storage must, against a real redis-server. */
import { conformance, type Medium } from "./conformance.ts";
import { makeStore } from "./redis_store.ts";
import { REDIS_MISSING, RedisServer, redisTest } from "../redis_server.ts";
import { VALUE_FILE_BYTES_MAX, valueConformance } from "./value_conformance.ts";

async function makeMedium(): Promise<Medium> {
  const server = await RedisServer.start();
  return {
    instance: () =>
      makeStore(server.url, {
        limits: { valueFileBytesMax: VALUE_FILE_BYTES_MAX },
        timeouts: { ownerMs: 1_000 },
      }),
    remove: () => server.remove(),
  };
}

if (REDIS_MISSING === null) {
  conformance("redis", makeMedium);
  valueConformance("redis", makeMedium);
} else {
  redisTest("redis: the conformance of storages", () => Promise.resolve());
}
