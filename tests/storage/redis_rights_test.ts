/** What a user of Redis must be allowed whom a peer is, as README says it. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { StorageInUseError } from "../../src/storage/storage.ts";
import { eventually } from "../eventually.ts";
import { RedisServer, redisTest } from "../redis_server.ts";
import { entries, founded } from "./records.ts";
import { makeStore, memoryLogger, withStore } from "./redis_store.ts";

const GROUP = 1;

redisTest("redis: the rights of README are enough, and one that lacks is said", async () => {
  const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
  const [, words = ""] = /SETUSER skein on '>secret' '~skein:\*' \\\n([^`]+)```/.exec(readme) ?? [];
  const rights = words.replaceAll(/['\\\n]/g, " ").trim().split(/ +/);
  ok(rights.length > 20, words);
  await RedisServer.with([], async (server) => {
    await server.send("ACL", "SETUSER", "skein", "on", ">secret", "~skein:*", ...rights);
    const { logger, lines } = memoryLogger();
    const url = `redis://skein:secret@127.0.0.1:${server.port}/2`;
    await withStore(url, { logger }, (storage) => storage.append(founded(GROUP)));
    const timeouts = { ownerMs: 1_500, examineMs: 50 };
    await withStore(url, { logger, timeouts }, async (storage) => {
      await storage.append([entries(GROUP, 2, 3)]);
      await rejects(makeStore(url, { timeouts: { ownerMs: 9_000 } }).open(), StorageInUseError);
      const value = storage.appendValue(GROUP, new Uint8Array(9));
      strictEqual((await storage.readValues(GROUP, [value]))[0]?.length, 9);
      await server.send("CLIENT", "KILL", "USER", "skein");
      await storage.append([entries(GROUP, 4, 4)]);
      deepStrictEqual(lines.filter((line) => /^warn (?!.*connecting anew)/.test(line)), []);
      await server.send("ACL", "SETUSER", "skein", "-pexpire");
      await eventually("it is said", 10_000, () => {
        match(lines.join("\n"), /one of its name may take over: .*does not let this user/);
      });
      strictEqual(storage.failure, null);
    });
  });
});
