/** How long an owner in Redis, and answers from there, are waited for, and what another connection changes. */
import { deepStrictEqual, match, ok } from "node:assert/strict";
import { Random } from "../../src/random.ts";
import { parseRedisUrl } from "../../src/storage/redis/redis_address.ts";
import { within } from "../../src/storage/redis/deadline.ts";
import { REDIS_TIMEOUTS, RedisSession } from "../../src/storage/redis/redis_session.ts";
import { eventually } from "../eventually.ts";
import { RedisServer, redisTest } from "../redis_server.ts";
import { KEYS, memoryLogger, TEST_CLOCK, withStore } from "./redis_store.ts";

redisTest(
  "redis: an owner's key that does not expire is waited for no longer than others",
  async () => {
    await RedisServer.with([], async (server) => {
      await server.send("SET", KEYS.owner, "a copy");
      const opened = withStore(server.url, { timeouts: { ownerMs: 300 } }, () => Promise.resolve());
      await within(TEST_CLOCK, 20_000, opened);
    });
  },
);

redisTest("redis: an owner that had to connect anew says so at once", async () => {
  await RedisServer.with([], async (server) => {
    // What it says from time to time comes too late for this test.
    await withStore(server.url, { timeouts: { ownerMs: 600_000 } }, async () => {
      const before = await server.send("GET", KEYS.owner);
      match(before, /"clientId":"\d+"/);
      await server.send("CLIENT", "KILL", "TYPE", "normal");
      await eventually("it has another connection", 10_000, async () => {
        const after = await server.send("GET", KEYS.owner);
        match(after, /"clientId":"\d+"/);
        ok(after !== before);
      });
    });
  });
});

redisTest("redis: many answers may take long together, as long as they come", async () => {
  await RedisServer.with([], async (server) => {
    const { logger, lines } = memoryLogger();
    const session = new RedisSession({
      address: parseRedisUrl(server.url)!,
      certificates: null,
      keys: KEYS,
      timeouts: { ...REDIS_TIMEOUTS, replyMs: 3_000 },
      clock: TEST_CLOCK,
      random: new Random(1),
      logger,
      confirmed() {},
      failed() {},
    });
    await session.connect();
    const waits = Array.from({ length: 4 }, () => session.ask("BLPOP", "nothing", "0.9"));
    await Promise.all(waits);
    session.close();
    deepStrictEqual(lines, []);
  });
});
