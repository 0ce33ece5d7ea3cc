/**
 * What becomes of writes whose answer was lost: nothing is assumed of them, Redis is asked. And who owns the state: one
 * process at a time, however long another was away.
 */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { RedisMemory } from "../../src/storage/redis/owner.ts";
import {
  StorageFailedError,
  StorageInUseError,
  StorageRolledBackError,
  StorageTakenError,
} from "../../src/storage/storage.ts";
import { eventually } from "../eventually.ts";
import { RedisServer, redisTest } from "../redis_server.ts";
import { CutProxy } from "./cut_proxy.ts";
import { bytesOf, chunksOf, entries, entry, founded, VOTERS } from "./records.ts";
import { KEYS, makeStore, memoryLogger, openStore, withStore } from "./redis_store.ts";

const GROUP = 1;

async function withProxy(
  test: (proxy: CutProxy, server: RedisServer) => Promise<void>,
): Promise<void> {
  await RedisServer.with([], async (server) => {
    const proxy = new CutProxy(server.port);
    try {
      await test(proxy, server);
    } finally {
      await proxy.close();
    }
  });
}

async function batchOf(server: RedisServer): Promise<number> {
  const reply = await server.send("HGET", KEYS.state, "batch");
  return Number(reply.split("\r\n")[1]);
}

/** What a new process finds: the entries from 2 on. */
async function storedIndices(server: RedisServer): Promise<readonly number[]> {
  const found: number[] = [];
  await withStore(server.url, {}, async (storage) => {
    const stored = await storage.readEntries(GROUP, 2, 1_000, 1e6);
    found.push(...(stored ?? []).map(({ index }) => index));
  });
  return found;
}

for (const holds of ["commands", "answers"] as const) {
  redisTest(`redis: a connection is cut with ${holds} on their way: written once`, async () => {
    await withProxy(async (proxy, server) => {
      const { logger, lines } = memoryLogger();
      const { storage } = await openStore(proxy.url, { logger });
      await storage.append([...founded(GROUP), entries(GROUP, 2, 3)]);
      const before = await batchOf(server);
      proxy.holds = holds;
      let isDurable = false;
      const durable = storage.append([entries(GROUP, 4, 6)]).then(() => isDurable = true);
      const value = storage.appendValue(GROUP, bytesOf("in doubt"));
      if (holds === "answers") {
        await eventually("Redis has the batch", 5_000, async () => {
          ok(await batchOf(server) > before);
        });
      } else {
        await new Promise((resolve) => setTimeout(resolve, 50));
        strictEqual(await batchOf(server), before);
      }
      strictEqual(isDurable, false, "nothing is durable that Redis has not confirmed");
      proxy.holds = "nothing";
      proxy.cut();
      await durable;
      deepStrictEqual(await storage.readValues(GROUP, [value]), [bytesOf("in doubt")]);
      await storage.append([entries(GROUP, 7, 7)]);
      match(lines.join("\n"), /connecting anew/);
      await storage.close();
      deepStrictEqual(await storedIndices(server), [2, 3, 4, 5, 6, 7]);
    });
  });
}

redisTest(
  "redis: connections that are cut again and again cost nothing that was durable",
  async () => {
    await withProxy(async (proxy, server) => {
      const { storage } = await openStore(proxy.url);
      await storage.append(founded(GROUP));
      let isOver = false;
      const cutting = (async () => {
        for (let round = 0; round < 10; round++) {
          await new Promise((resolve) => setTimeout(resolve, 30 + 7 * round));
          proxy.cut();
        }
        isOver = true;
      })();
      let last = 1;
      while (!isOver) {
        last++;
        await storage.append([entries(GROUP, last, last)]);
        if (last % 10 === 0) {
          deepStrictEqual(await storage.readEntries(GROUP, 5, 6, 1), [entry(5)]);
        }
      }
      await cutting;
      ok(proxy.connections > 5, `${proxy.connections} connections`);
      await storage.close();
      strictEqual((await storedIndices(server)).length, Math.min(last, 999) - 1);
    });
  },
);

redisTest("redis: a server that has forgotten the scripts is told them again", async () => {
  await RedisServer.with([], async (server) => {
    const { storage } = await openStore(server.url);
    await storage.append(founded(GROUP));
    await server.send("SCRIPT", "FLUSH");
    await storage.append([entries(GROUP, 2, 3)]);
    await storage.append([entries(GROUP, 4, 4)]);
    await storage.close();
    deepStrictEqual(await storedIndices(server), [2, 3, 4]);
  });
});

redisTest("redis: a server that does not answer any more fails the store, in time", async () => {
  await RedisServer.with([], async (server) => {
    const timeouts = { replyMs: 300, outageMs: 300 };
    const { storage } = await openStore(server.url, { timeouts });
    await storage.append(founded(GROUP));
    server.signal("SIGSTOP");
    await rejects(storage.append([entries(GROUP, 2, 2)]), (error: unknown) => {
      ok(error instanceof StorageFailedError);
      match(error.message, /Redis at redis:\/\/127.0.0.1:\d+ does not answer/);
      return true;
    });
    await rejects(storage.readEntries(GROUP, 2, 3, 1), StorageFailedError);
    ok(storage.failure !== null);
    server.signal("SIGCONT");
    await storage.close();
    const stored = await storedIndices(server);
    ok(stored.length <= 1, "what was in doubt is there, or it is not");
  });
});

redisTest("redis: killed and started again, nothing is lost; and it is gone on with", async () => {
  await RedisServer.with([], async (server) => {
    const { storage } = await openStore(server.url, { timeouts: { outageMs: 20_000 } });
    await storage.append(founded(GROUP));
    for (let index = 2; index < 50; index++) {
      await storage.append([entries(GROUP, index, index)]);
      if (index % 16 !== 0) continue;
      const durable = storage.append([entries(GROUP, index + 1, index + 1)]);
      index++;
      await server.down("SIGKILL");
      await server.up();
      await durable;
    }
    await storage.close();
    strictEqual((await storedIndices(server)).length, 48);
  });
});

redisTest(
  "redis: who was paused while another took its state writes nothing any more",
  async () => {
    await RedisServer.with([], async (server) => {
      const former = await openStore(server.url);
      await former.storage.append([...founded(GROUP), entries(GROUP, 2, 3)]);
      // As after a long pause: the key of the owner has expired.
      await server.send("DEL", KEYS.owner);
      const latter = await openStore(server.url);
      await latter.storage.append([entries(GROUP, 4, 4)]);
      former.storage.appendValue(GROUP, bytesOf("from the past"));
      await rejects(
        former.storage.append([entries(GROUP, 4, 9)]),
        (error: unknown) => {
          ok(error instanceof StorageTakenError);
          match(error.message, /another process has taken over/);
          return true;
        },
      );
      await former.storage.close();
      await latter.storage.append([entries(GROUP, 5, 5)]);
      await latter.storage.close();
      deepStrictEqual(await storedIndices(server), [2, 3, 4, 5]);
    });
  },
);

redisTest(
  "redis: an owner that lives is not replaced, one whose connection is gone is at once",
  async () => {
    await withProxy(async (proxy, server) => {
      const timeouts = { ownerMs: 5_000 };
      const { storage } = await openStore(proxy.url, { timeouts: { ...timeouts, outageMs: 1 } });
      await storage.append(founded(GROUP));
      await rejects(makeStore(server.url, { timeouts }).open(), (error: unknown) => {
        ok(error instanceof StorageInUseError);
        match(error.message, /n1, has .*:state open and lives/);
        return true;
      });
      await storage.append([entries(GROUP, 2, 2)]);
      proxy.refuses = true;
      proxy.cut();
      const beganMs = performance.now();
      deepStrictEqual(await storedIndices(server), [2]);
      ok(performance.now() - beganMs < 4_500, "it was not waited for");
      await storage.close();
    });
  },
);

redisTest("redis: a server that has forgotten what it confirmed is refused, for ever", async () => {
  await RedisServer.with([], async (server) => {
    const memory = new RedisMemory();
    const { storage } = await openStore(server.url, { memory });
    await storage.append([...founded(GROUP), entries(GROUP, 2, 9)]);
    await storage.close();
    await server.send("HINCRBY", KEYS.state, "batch", "-1");
    await rejects(makeStore(server.url, { memory }).open(), StorageRolledBackError);
    await rejects(makeStore(server.url).open(), (error: unknown) => {
      ok(error instanceof StorageRolledBackError);
      match(error.message, /rolled back: .*without the keys skein:\{.*\}:\* it joins anew/);
      return true;
    });
  });
});

redisTest("redis: a state that went back is taken with another fence than before", async () => {
  await RedisServer.with([], async (server) => {
    const former = await openStore(server.url);
    await former.storage.append(founded(GROUP));
    // As it was before the former took it: whoever takes it now does what the former did.
    await server.send("HDEL", KEYS.state, "fence");
    await server.send("DEL", KEYS.owner);
    const latter = await openStore(server.url);
    const reason = /another process has taken over|rolled back: it had the fence/;
    await rejects(former.storage.append([entries(GROUP, 2, 2)]), reason);
    await former.storage.close();
    await latter.storage.append([entries(GROUP, 2, 3)]);
    await latter.storage.close();
    deepStrictEqual(await storedIndices(server), [2, 3]);
  });
});

redisTest("redis: a number beyond all that was sent makes nothing durable", async () => {
  await RedisServer.with([], async (server) => {
    const { storage } = await openStore(server.url);
    await storage.append(founded(GROUP));
    await server.send("HINCRBY", KEYS.state, "batch", "5");
    const reason =
      /changed by somebody else: batch \d+ is the last that it sent, and Redis has \d+/;
    await rejects(storage.append([entries(GROUP, 2, 2)]), reason);
    await storage.close();
    deepStrictEqual(await storedIndices(server), []);
  });
});

redisTest("redis: a server that forgets while the store is open fails it", async () => {
  await RedisServer.with([], async (server) => {
    const memory = new RedisMemory();
    const timeouts = { outageMs: 300 };
    const { storage } = await openStore(server.url, { memory, timeouts });
    await storage.append(founded(GROUP));
    await server.send("HINCRBY", KEYS.state, "batch", "-1");
    await rejects(storage.append([entries(GROUP, 2, 2)]), /rolled back/);
    await storage.close();
    await rejects(makeStore(server.url, { memory }).open(), StorageRolledBackError);
  });
});

redisTest("redis: where all keys are gone the store fails, and is not begun anew", async () => {
  await RedisServer.with([], async (server) => {
    const memory = new RedisMemory();
    const { storage } = await openStore(server.url, { memory });
    await storage.append(founded(GROUP));
    await server.send("FLUSHALL");
    await rejects(storage.append([entries(GROUP, 2, 2)]), (error: unknown) => {
      ok(error instanceof StorageFailedError && !(error instanceof StorageTakenError));
      match(error.message, /rolled back: it had the fence \d+ of this peer's, and has none/);
      return true;
    });
    await storage.close();
    await rejects(makeStore(server.url, { memory }).open(), StorageRolledBackError);
  });
});

redisTest(
  "redis: a key that somebody changed is found before anything is written to it",
  async () => {
    await RedisServer.with([], async (server) => {
      const { storage } = await openStore(server.url);
      await storage.append(founded(GROUP));
      const segment = `${KEYS.files}/wal/0000000000000001.seg`;
      const before = await batchOf(server);
      await server.send("DEL", segment);
      await rejects(storage.append([entries(GROUP, 2, 2)]), /changed by somebody else/);
      strictEqual(await batchOf(server), before, "nothing was written");
      strictEqual(await server.send("EXISTS", segment), ":0\r\n");
      await storage.close();
    });
  },
);

redisTest(
  "redis: a key of another type is refused before anything is written, and at opening",
  async () => {
    await RedisServer.with([], async (server) => {
      const { storage } = await openStore(server.url);
      await storage.append(founded(GROUP));
      const segment = `${KEYS.files}/wal/0000000000000001.seg`;
      const before = await batchOf(server);
      await server.send("DEL", segment);
      await server.send("RPUSH", segment, "x");
      await rejects(storage.append([entries(GROUP, 2, 2)]), /a key of another type.*WRONGTYPE/);
      strictEqual(await batchOf(server), before, "nothing was written");
      await storage.close();
      await rejects(makeStore(server.url).open(), /0000000000000001.seg is a list, and no file/);
      await server.send("DEL", KEYS.state);
      await server.send("SET", KEYS.state, "x");
      await rejects(makeStore(server.url).open(), /a key of another type/);
    });
  },
);

redisTest("redis: a snapshot and its values outlive the process that wrote them", async () => {
  await RedisServer.with([], async (server) => {
    const { storage } = await openStore(server.url, { timeouts: { outageMs: 200 } });
    await storage.append([...founded(GROUP), entries(GROUP, 2, 9)]);
    const value = storage.appendValue(GROUP, bytesOf("a payload"));
    const position = { index: 8, term: 1, timeMs: 1, configuration: VOTERS };
    const snapshot = await storage.writeSnapshot(
      GROUP,
      { ...position, valueFiles: [value.file] },
      chunksOf(bytesOf("state")),
    );
    await storage.append([{ kind: "snapshot", group: GROUP, snapshot, keepEntries: true }]);
    await server.down("SIGKILL");
    await storage.close();
    await server.up();
    await withStore(server.url, {}, async (again, recovered) => {
      deepStrictEqual(recovered.groups[0]?.snapshot, snapshot);
      deepStrictEqual(await again.readValues(GROUP, [value]), [bytesOf("a payload")]);
      deepStrictEqual(await again.readSnapshot(GROUP, snapshot, 0, 99), bytesOf("state"));
    });
  });
});

redisTest(
  "redis: a store that nobody asks anything says that its state or its server is gone",
  async () => {
    await RedisServer.with([], async (server) => {
      const timeouts = { ownerMs: 300, replyMs: 300, outageMs: 300 };
      const replaced = await openStore(server.url, { timeouts });
      await server.send("DEL", KEYS.owner);
      const { storage } = await openStore(server.url, { timeouts });
      match((await replaced.storage.failed).message, /another process has taken over/);
      await replaced.storage.close();
      strictEqual(storage.failure, null);
      await server.down();
      match((await storage.failed).message, /Redis at .* does not listen/);
      ok(storage.failure !== null);
      await storage.close();
    });
  },
);

redisTest(
  "redis: another fence is enough to be refused, though nothing else was written",
  async () => {
    await RedisServer.with([], async (server) => {
      const { storage } = await openStore(server.url);
      await storage.append(founded(GROUP));
      const before = await batchOf(server);
      await server.send("HINCRBY", KEYS.state, "fence", "1");
      await rejects(storage.append([entries(GROUP, 2, 2)]), /another process has taken over/);
      strictEqual(await batchOf(server), before, "nothing was written");
      await storage.close();
    });
  },
);
