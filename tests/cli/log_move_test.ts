/** `skein log move`: a peer's state goes to Redis and back, and is at one place at a time. */
import assert from "node:assert/strict";
import { LogStorage } from "../../src/storage/log/log_storage.ts";
import { redisKeys } from "../../src/storage/redis/redis_keys.ts";
import type { Recovered } from "../../src/storage/storage.ts";
import { RedisServer, redisTest } from "../redis_server.ts";
import { skeinCommand } from "../skein_command.ts";
import { bytesOf, chunksOf, entries, founded, IDENTITY, VOTERS } from "../storage/records.ts";
import { makeStore, withStore } from "../storage/redis_store.ts";
import { withDirectory } from "../with_directory.ts";

const KEY = "a cluster key of this test";
const NAMED = ["--name", "n1", "--cluster-key", KEY];
const KEYS = redisKeys(KEY, "n1");

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function move(...args: readonly string[]): Promise<Ran> {
  return moveIn({}, ...args);
}

async function moveIn(
  environment: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Promise<Ran> {
  const command = skeinCommand(["log", "move", ...args], { environment });
  const { code, stdout, stderr } = await command.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** @returns all that it wrote to a terminal */
async function onTerminal(args: readonly string[]): Promise<string> {
  const { code, stdout } = await skeinCommand(args, { onTerminal: true }).output();
  const drawn = new TextDecoder().decode(stdout);
  assert.equal(code, 0, drawn);
  return drawn;
}

/** A store with a snapshot, a value that it names, entries, a tombstone and a property. */
async function fill(directory: string): Promise<Recovered> {
  const storage = new LogStorage({ directory, limits: { reserveBytes: 1024 } });
  await storage.open();
  await storage.create(IDENTITY);
  await storage.append([...founded(1), entries(1, 2, 40)]);
  const value = storage.appendValue(1, bytesOf("a payload"));
  const position = { index: 30, term: 1, timeMs: 5, configuration: VOTERS };
  const snapshot = await storage.writeSnapshot(
    1,
    { ...position, valueFiles: [value.file] },
    chunksOf(bytesOf("state")),
  );
  await storage.append([
    { kind: "snapshot", group: 1, snapshot, keepEntries: true },
    { kind: "tombstone", group: 7, lowestReplica: 3 },
    { kind: "property", name: "plan", value: bytesOf("of the cluster") },
  ]);
  await storage.close();
  return await openedOnce(directory);
}

async function openedOnce(directory: string): Promise<Recovered> {
  const storage = new LogStorage({ directory, limits: { reserveBytes: 1024 } });
  const recovered = await storage.open();
  const [group] = recovered.groups;
  const read = await storage.readEntries(1, 31, 41, 1e6);
  assert.equal(read?.length, 10);
  const value = { file: 1, offsetBytes: 0, sizeBytes: 9 };
  assert.deepEqual(await storage.readValues(1, [value]), [bytesOf("a payload")]);
  assert.equal(group?.lastIndex, 40);
  await storage.close();
  return recovered;
}

redisTest("log move: to Redis and back, verified, and at one place at a time", async () => {
  await RedisServer.with([], async (server) => {
    await withDirectory(async (directory) => {
      const before = await fill(directory);
      const there = await move("--from", directory, "--to", server.url, ...NAMED);
      assert.equal(there.code, 0, there.stderr);
      assert.match(there.stdout, /^moved 1 groups in \d+ files, \d+ bytes, from .*; verified\n$/);
      await withStore(server.url, { keys: KEYS }, async (storage, recovered) => {
        assert.deepEqual(recovered, before);
        await storage.append([entries(1, 41, 42)]);
      });
      const gone = await skeinCommand(["log", "check", directory]).output();
      assert.equal(gone.code, 4);
      assert.match(new TextDecoder().decode(gone.stderr), /was moved to redis:\/\/127.0.0.1/);

      const again = await move("--from", directory, "--to", `${server.url}/1`, ...NAMED);
      assert.match(again.stderr, /what was in .* was moved to redis:/);

      // With a password that no command line shows.
      await server.send("CONFIG", "SET", "requirepass", "secret");
      const file = `${server.directory}/url`;
      await Deno.writeTextFile(file, `redis://:secret@127.0.0.1:${server.port}\n`);
      const ends = ["--from", "redis:", "--to", directory, "--json"];
      const back = await moveIn({ REDIS_URL_FILE: file }, ...ends, ...NAMED);
      assert.equal(back.code, 0, back.stdout);
      assert.doesNotMatch(back.stdout + back.stderr, /secret/);
      const { success, store_id, groups } = JSON.parse(back.stdout);
      assert.deepEqual([success, store_id, groups], [true, IDENTITY.storeId, 1]);
      const storage = new LogStorage({ directory, limits: { reserveBytes: 1024 } });
      const recovered = await storage.open();
      assert.equal(recovered.groups[0]?.lastIndex, 42);
      await storage.close();
      const left = makeStore(await Deno.readTextFile(file).then((url) => url.trim()), {
        keys: KEYS,
      });
      await assert.rejects(left.open(), /was moved to /);
    });
  });
});

redisTest("log move: what is not complete is not opened, and moved once more", async () => {
  await RedisServer.with([], async (server) => {
    await withDirectory(async (directory) => {
      const before = await fill(directory);
      await server.send("CONFIG", "SET", "maxmemory", "1");
      const full = await move("--from", directory, "--to", server.url, ...NAMED);
      assert.equal(full.code, 3, full.stderr);
      assert.match(full.stderr, /has no memory left/);
      await server.send("CONFIG", "SET", "maxmemory", "0");

      assert.equal((await move("--from", directory, "--to", server.url, ...NAMED)).code, 0);
      // As if it had been cut short right before its last step.
      const moving = `${KEYS.files}/moving.json`;
      await server.send("SET", moving, JSON.stringify({ storeId: IDENTITY.storeId, place: "x" }));
      await server.send("SADD", KEYS.names, moving);
      const opening = makeStore(server.url, { keys: KEYS }).open();
      await assert.rejects(opening, /moving it from x to .* was not completed/);
      assert.equal((await move("--from", directory, "--to", server.url, ...NAMED)).code, 0);
      await withStore(server.url, { keys: KEYS }, (_storage, recovered) => {
        assert.deepEqual(recovered, before);
        return Promise.resolve();
      });
    });
  });
});

redisTest("log move: how far it is, as a bar on a terminal, and not among documents", async () => {
  await RedisServer.with([], async (server) => {
    await withDirectory(async (directory) => {
      await fill(directory);
      const there = ["log", "move", "--from", directory, "--to", server.url, ...NAMED];
      const drawn = await onTerminal(there);
      assert.match(drawn, /[█░]{30} \d+ % \| [\d.]+ of [\d.]+ MB \| \d+ of \d+ files/);
      assert.match(drawn, /100 % .*\n.*moved 1 groups in \d+ files/s);
      const back = await move("--from", server.url, "--to", directory, "--json", ...NAMED);
      assert.equal(back.stderr, "");
      assert.equal(JSON.parse(back.stdout).success, true);
    });
  });
});

redisTest("log move: places that cannot be moved from or to are named", async () => {
  await RedisServer.with([], async (server) => {
    await withDirectory(async (directory) => {
      const unnamed = await move("--from", directory, "--to", server.url);
      assert.deepEqual([unnamed.code, /give --name/.test(unnamed.stderr)], [2, true]);
      const nothing = await move("--from", directory, "--to", server.url, ...NAMED);
      assert.match(nothing.stderr, /there is no state of a peer in /);
      const nowhere = await move("--from", `${directory}/x`, "--to", server.url, ...NAMED);
      assert.match(nowhere.stderr, /there is no directory /);
      const unset = await move("--from", directory, "--to", "redis:", ...NAMED);
      assert.match(unset.stderr, /--to redis: is the Redis of the settings, which name none/);
      const wrong = await move("--from", directory, "--to", "redis://h/x", ...NAMED);
      assert.match(wrong.stderr, /cannot use the value of --to; allowed: /);
      await fill(directory);
      await withStore(server.url, { keys: KEYS }, async () => {
        const held = await move("--from", directory, "--to", server.url, ...NAMED);
        assert.equal(held.code, 5, held.stderr);
        assert.match(held.stderr, /another process, which calls itself n1, has .* open/);
      });
      const taken = await move("--from", directory, "--to", server.url, ...NAMED);
      assert.match(taken.stderr, /is not empty; allowed: an empty place/);
      const open = new LogStorage({ directory, limits: { reserveBytes: 1024 } });
      await open.open();
      const running = await move("--from", directory, "--to", `${server.url}/2`, ...NAMED);
      assert.match(running.stderr, /a peer runs with /);
      await open.close();
    });
  });
});
