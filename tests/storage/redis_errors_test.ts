/** What stands in the way of a state in Redis is said in words that its operator can act on. */
import { deepStrictEqual, doesNotMatch, match, ok, rejects, strictEqual } from "node:assert/strict";
import { describeRedis, parseRedisUrl } from "../../src/storage/redis/redis_address.ts";
import { judgeServer } from "../../src/storage/redis/server_checks.ts";
import { StorageFailedError, StorageForeignError } from "../../src/storage/storage.ts";
import { redisKeys } from "../../src/storage/redis/redis_keys.ts";
import { eventually } from "../eventually.ts";
import { RedisServer, redisTest } from "../redis_server.ts";
import { bytesOf, chunksOf, entries, entry, founded, IDENTITY, VOTERS } from "./records.ts";
import { KEYS, makeStore, memoryLogger, openStore, withStore } from "./redis_store.ts";

const GROUP = 1;
/** Of a peer beside the usual one. */
const OTHER = { keys: redisKeys("a cluster key of tests", "n2"), peer: "n2" };

/** @returns the message with which opening is refused */
async function refusal(url: string, requireDurable = false): Promise<string> {
  let message = "";
  await rejects(makeStore(url, { requireDurable }).open(), (error: unknown) => {
    ok(error instanceof StorageFailedError);
    message = error.message;
    return true;
  });
  return message;
}

redisTest("redis: user and password are sent, and wrong ones are said to be", async () => {
  await RedisServer.with(["--requirepass", "a:secret@1"], async (server) => {
    const { port } = server;
    const right = `redis://:${encodeURIComponent("a:secret@1")}@127.0.0.1:${port}`;
    await withStore(right, {}, (storage) => storage.append(founded(GROUP)));
    const wrong = await refusal(`redis://:no@127.0.0.1:${port}`);
    match(wrong, /Redis at redis:\/\/127.0.0.1:\d+ refuses the user or the password \(WRONGPASS/);
    const none = await refusal(server.url);
    match(none, /wants a user and a password, and none is given/);
    const user = await refusal(`redis://bob:hidden@127.0.0.1:${port}`);
    match(user, /refuses the user or the password/);
    doesNotMatch(user, /hidden/);
    const node = await refusal(`redis-cluster://:no@127.0.0.1:${port}`);
    match(node, /refuses the user or the password \(.*WRONGPASS/);
  });
});

redisTest("redis: the database of the URL is the one that is written to", async () => {
  await RedisServer.with([], async (server) => {
    await withStore(`${server.url}/3`, {}, (storage) => storage.append(founded(GROUP)));
    match(await server.send("INFO", "keyspace"), /db3:keys=/);
    strictEqual(await server.send("DBSIZE"), ":0\r\n");
  });
});

redisTest("redis: where the database of the URL cannot be had, no other one is taken", async () => {
  await RedisServer.with([], async (server) => {
    match(await refusal(`${server.url}/16`), /has no database of that number/);
    await server.send("ACL", "SETUSER", "peer", "on", ">secret", "~*", "+@all", "-select");
    const url = `redis://peer:secret@127.0.0.1:${server.port}`;
    match(await refusal(`${url}/3`), /does not let this user do what a peer must.*select/);
    strictEqual(await server.send("DBSIZE"), ":0\r\n");
  });
});

redisTest("redis: a server that repeats what it does not know repeats no password", async () => {
  await RedisServer.with(["--rename-command", "AUTH", "RENAMED"], async (server) => {
    const store = makeStore(`redis://ann:hidden@127.0.0.1:${server.port}`);
    await rejects(store.open(), (error: unknown) => {
      ok(error instanceof StorageFailedError);
      match(error.message, /does not know a command that a peer needs \(ERR unknown command/);
      doesNotMatch(Deno.inspect(error, { depth: 9 }), /hidden/);
      return true;
    });
  });
});

redisTest("redis: nobody listens there", async () => {
  await RedisServer.with([], async (server) => {
    await server.down();
    match(await refusal(server.url), /does not listen \(connect ECONNREFUSED/);
  });
});

redisTest(
  "redis: a read-only replica is refused, at start and when a server has become one",
  async () => {
    await RedisServer.with([], async (server) => {
      await RedisServer.with([], async (primary) => {
        const { storage } = await openStore(server.url, { timeouts: { outageMs: 300 } });
        await storage.append(founded(GROUP));
        await server.send("CONFIG", "SET", "replica-serve-stale-data", "yes");
        await server.send("REPLICAOF", "127.0.0.1", "1");
        await rejects(
          storage.append([entries(GROUP, 2, 2)]),
          /is a read-only replica(?: of 127.0.0.1)?: a peer writes, and needs the primary/,
        );
        await storage.close();
        await server.send("REPLICAOF", "127.0.0.1", String(primary.port));
        match(await refusal(server.url), /is a read-only replica of 127.0.0.1: a peer writes/);
      });
    });
  },
);

redisTest("redis: no memory left, at a write and at opening; then it is gone on with", async () => {
  await RedisServer.with([], async (server) => {
    const { storage } = await openStore(server.url);
    await storage.append([...founded(GROUP), entries(GROUP, 2, 3)]);
    await server.send("CONFIG", "SET", "maxmemory", "1mb");
    await rejects(
      storage.append([entries(GROUP, 4, 4)]),
      /cannot write to the log: Redis at .* has no memory left: its maxmemory is reached \(OOM/,
    );
    await storage.close();
    match(await refusal(server.url), /has no memory left/);
    await server.send("CONFIG", "SET", "maxmemory", "0");
    await withStore(server.url, {}, async (again) => {
      const stored = await again.readEntries(GROUP, 2, 9, 1e6);
      deepStrictEqual(stored, [entry(2), entry(3)], "the batch is there wholly or not at all");
    });
  });
});

redisTest("redis: a peer that had a state is not begun anew where its files are lost", async () => {
  await RedisServer.with([], async (server) => {
    // One that was opened and left before it had an identity is no such peer.
    const unnamed = makeStore(server.url);
    await unnamed.open();
    await unnamed.close();
    await withStore(server.url, {}, () => Promise.resolve());
    await server.send("DEL", KEYS.names);
    await rejects(makeStore(server.url).open(), (error: unknown) => {
      ok(error instanceof StorageForeignError);
      match(error.message, /:names does not name its files any more: .* joins anew/);
      return true;
    });
  });
});

redisTest("redis: another format is refused, with which one it is", async () => {
  await RedisServer.with([], async (server) => {
    await withStore(server.url, {}, (storage) => storage.append(founded(GROUP)));
    for (const [format, age] of [["0", "an older"], ["2", "a newer"]] as const) {
      await server.send("HSET", KEYS.state, "format", format);
      await rejects(makeStore(server.url).open(), (error: unknown) => {
        ok(error instanceof StorageForeignError);
        match(error.message, new RegExp(`has format ${format}, and this version reads 1.*${age}`));
        return true;
      });
    }
  });
});

redisTest(
  "redis: what could be lost is said at start, and refused where it is asked for",
  async () => {
    const cases = [
      [["--appendonly", "no"], /keeps no append-only file/],
      [["--appendfsync", "everysec"], /appendfsync everysec.*up to two seconds/],
      [["--no-appendfsync-on-rewrite", "yes"], /does not fsync while it rewrites/],
      [["--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru"], /throws keys away/],
    ] as const;
    for (const [flags, warning] of cases) {
      await RedisServer.with(flags, async (server) => {
        const { logger, lines } = memoryLogger();
        await withStore(server.url, { logger }, () => Promise.resolve());
        match(lines.join("\n"), warning);
        match(
          await refusal(server.url, true),
          /refused by --redis-require-durable: the Redis server/,
        );
      });
    }
    await RedisServer.with([], async (server) => {
      const { logger, lines } = memoryLogger();
      await withStore(server.url, { logger, requireDurable: true }, () => Promise.resolve());
      deepStrictEqual(lines, []);
    });
  },
);

redisTest(
  "redis: behind another connection the server is asked again what it promises",
  async () => {
    await RedisServer.with([], async (server) => {
      const { logger, lines } = memoryLogger();
      const { storage } = await openStore(server.url, { logger });
      await storage.append(founded(GROUP));
      await server.send("CONFIG", "SET", "appendfsync", "everysec");
      for (let index = 2; index < 4; index++) {
        await server.send("CLIENT", "KILL", "TYPE", "normal");
        await storage.append([entries(GROUP, index, index)]);
      }
      const warned = lines.filter((line) => /appendfsync everysec/.test(line));
      strictEqual(warned.length, 1, lines.join("\n"));
      await storage.close();
      await server.send("CONFIG", "SET", "appendfsync", "always");
      await withStore(server.url, { requireDurable: true }, async (strict) => {
        await server.send("CONFIG", "SET", "appendfsync", "everysec");
        await server.send("CLIENT", "KILL", "TYPE", "normal");
        const refused = /refused by --redis-require-durable: the Redis server does not fsync every/;
        await rejects(strict.append([entries(GROUP, 4, 4)]), refused);
      });
    });
  },
);

redisTest("redis: what a server promises is asked again while nothing is lost", async () => {
  await RedisServer.with([], async (server) => {
    const { logger, lines } = memoryLogger();
    const timeouts = { examineMs: 50 };
    await withStore(server.url, { logger, timeouts }, async (storage) => {
      await withStore(server.url, { ...OTHER, requireDurable: true, timeouts }, async (strict) => {
        await server.send("CONFIG", "SET", "appendfsync", "no");
        await eventually("it is refused", 10_000, () => {
          match(strict.failure?.message ?? "", /refused by --redis-require-durable: .*fsync no/);
        });
      });
      await eventually("it is warned of", 10_000, () => {
        match(lines.join("\n"), /appendfsync no.*half a minute/);
      });
      strictEqual(storage.failure, null);
    });
  });
});

redisTest(
  "redis: who lacks a right that is needed first when something is stored is told",
  async () => {
    await RedisServer.with([], async (server) => {
      await server.send("ACL", "SETUSER", "peer", "on", ">secret", "~*", "+@all", "-setrange");
      const store = makeStore(`redis://peer:secret@127.0.0.1:${server.port}`);
      await store.open();
      await rejects(store.create(IDENTITY), (error: unknown) => {
        ok(error instanceof StorageFailedError);
        match(error.message, /does not let this user do what a peer must/);
        return true;
      });
      await store.close();
    });
  },
);

redisTest("redis: a snapshot that cannot be stored says why", async () => {
  await RedisServer.with([], async (server) => {
    const { storage } = await openStore(server.url, { timeouts: { outageMs: 100 } });
    await storage.append([...founded(GROUP), entries(GROUP, 2, 9)]);
    await server.down();
    const position = { index: 8, term: 1, timeMs: 1, configuration: VOTERS, valueFiles: [] };
    const written = storage.writeSnapshot(GROUP, position, chunksOf(bytesOf("state")));
    await rejects(written, (error: unknown) => {
      ok(error instanceof StorageFailedError);
      match(error.message, /does not listen|has closed the connection/);
      return true;
    });
    await storage.close();
  });
});

redisTest("redis: a server that tells nothing of itself is warned of; one may use it", async () => {
  const rights = ["on", ">secret", "~*", "+@all", "-config", "-client"];
  await RedisServer.with([], async (server) => {
    await server.send("ACL", "SETUSER", "peer", ...rights);
    const { logger, lines } = memoryLogger();
    const url = `redis://peer:secret@127.0.0.1:${server.port}`;
    await withStore(url, { logger }, (storage) => storage.append(founded(GROUP)));
    match(lines.join("\n"), /does not tell how it persists/);
    await server.send("ACL", "SETUSER", "peer", "-hincrby");
    match(await refusal(url), /does not let this user do what a peer must/);
  });
});

Deno.test("redis: servers that are too old, or replicas, are told from others by INFO", () => {
  const judge = (info: string) => judgeServer({ info, settings: null }).refusal;
  strictEqual(judge("redis_version:6.2.14\r\nrole:master\r\n"), null);
  strictEqual(judge("redis_version:7.2.4\r\nvalkey_version:8.0.1\r\nrole:master\r\n"), null);
  match(judge("redis_version:6.0.16\r\nrole:master\r\n") ?? "", /is version 6.0.16, and a peer/);
  match(judge("redis_version:7.0.15\r\nrole:slave\r\nmaster_host:b\r\n") ?? "", /replica of b/);
});

Deno.test("redis: addresses are read as they are written, and shown without a password", () => {
  const shown = (url: string) => {
    const address = parseRedisUrl(url);
    return address === null ? null : describeRedis(address);
  };
  strictEqual(shown("redis://ann:secret@cache.example:7000/2"), "redis://cache.example:7000/2");
  strictEqual(shown("rediss://[::1]"), "rediss://[::1]:6379");
  strictEqual(
    shown("redis-sentinel://:pw@a,b:7/primary/1"),
    "redis-sentinel://a:26379,b:7/primary/1",
  );
  strictEqual(shown("rediss-cluster://a:1,b:2"), "rediss-cluster://a:1,b:2");
  const login = parseRedisUrl("redis://ann:p%40ss@h");
  deepStrictEqual([login?.user, login?.password, login?.tls], ["ann", "p@ss", false]);
  for (
    const wrong of [
      "redis://",
      "http://h",
      "redis://a,b",
      "redis://h/x",
      "redis://h/1/2",
      "redis://h:0",
      "redis://h:70000",
      "redis-sentinel://a",
      "redis-cluster://a/1",
      "redis://ann@h",
      "redis://h?db=1",
      "redis://%zz:%zz@h",
    ]
  ) {
    strictEqual(parseRedisUrl(wrong), null, wrong);
  }
});
