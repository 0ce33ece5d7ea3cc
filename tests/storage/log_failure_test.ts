/** What the embedded log does when the disk is full, an fsync fails, writes are short, or others are there. */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import type { LogLevel } from "../../src/logger.ts";
import { LogStorage } from "../../src/storage/log/log_storage.ts";
import {
  StorageCorruptError,
  StorageFailedError,
  StorageInUseError,
  type StorageRecord,
} from "../../src/storage/storage.ts";
import { limitMs } from "../speed_limit.ts";
import { CrashFileSystem } from "./crash_file_system.ts";
import { DIRECTORY, LIMITS, opened } from "./opened_log.ts";
import {
  bytesOf,
  chunksOf,
  entries,
  entry,
  founded,
  hardState,
  IDENTITY,
  VOTERS,
} from "./records.ts";

Deno.test("log: writes that are cut short by the system are completed", async () => {
  const fileSystem = new CrashFileSystem();
  fileSystem.writeBytesMax = 7;
  const { storage } = await opened(fileSystem);
  await storage.append([...founded(1), entries(1, 2, 30)]);
  await storage.close();
  const { recovered } = await opened(fileSystem);
  strictEqual(recovered.groups[0]?.lastIndex, 30);
});

Deno.test("log: a failed fsync is not tried again, and nothing behind it is called durable", async () => {
  const fileSystem = new CrashFileSystem();
  const { storage } = await opened(fileSystem);
  await storage.append([...founded(1), entries(1, 2, 5)]);
  fileSystem.failingSyncs = 1;
  const inFlight = storage.append([entries(1, 6, 7)]);
  const behind = storage.append([entries(1, 8, 9)]);
  await rejects(inFlight, StorageFailedError);
  await rejects(behind, StorageFailedError);
  const syncs = fileSystem.syncs;
  await rejects(storage.append([entries(1, 10, 11)]), StorageFailedError);
  await rejects(storage.readEntries(1, 2, 3, 99), StorageFailedError);
  ok(storage.failure instanceof StorageFailedError);
  await storage.close();
  strictEqual(fileSystem.syncs, syncs);

  // The page cache still shows them: what is kept is made durable anew, in another file.
  const again = await opened(fileSystem);
  strictEqual(again.recovered.groups[0]?.lastIndex, 9);
  await again.storage.append([entries(1, 10, 12)]);
  await again.storage.close();
  fileSystem.powerCut();
  strictEqual((await opened(fileSystem)).recovered.groups[0]?.lastIndex, 12);
});

Deno.test("log: a full disk stops it, and room lets a new instance go on", async () => {
  const fileSystem = new CrashFileSystem();
  const { storage } = await opened(fileSystem);
  await storage.append(founded(1));
  fileSystem.room = 1_000;
  let last = 1;
  await rejects(async () => {
    for (;;) {
      await storage.append([entries(1, last + 1, last + 5)]);
      last += 5;
    }
  }, (error: unknown) => {
    ok(error instanceof StorageFailedError);
    ok(error.message.includes("the disk is full"), error.message);
    return true;
  });
  ok(last > 5, "some were acknowledged before");
  await storage.close();
  await rejects(opened(fileSystem), StorageFailedError);
  fileSystem.room = 100_000;
  const again = await opened(fileSystem);
  ok(again.recovered.groups[0]!.lastIndex >= last);
  await again.storage.close();
});

Deno.test("log: the reserve lets a full disk be opened and compacted, and is made again", async () => {
  const fileSystem = new CrashFileSystem();
  const limits = { ...LIMITS, reserveBytes: 20_000, segmentBytesMax: 4_096, recordBytesMax: 2_000 };
  const { storage } = await opened(fileSystem, limits);
  await storage.append(founded(1));
  const reserve = `${DIRECTORY}/reserve`;
  await until(() =>
    fileSystem.paths().includes(reserve) && fileSystem.bytesOf(reserve).length === 20_000
  );
  let last = 1;
  const write = async (to: number) => {
    for (; last < to; last++) await storage.append([entries(1, last + 1, last + 1)]);
  };
  await write(300);
  const snapshot = await storage.writeSnapshot(
    1,
    { index: 290, term: 1, timeMs: 1, configuration: VOTERS },
    chunksOf(bytesOf("state")),
  );
  fileSystem.room = 0;
  const dying: Promise<void>[] = [
    storage.append([{ kind: "snapshot", group: 1, snapshot, keepEntries: true }]),
  ];
  for (let at = 0; at < 100; at++) dying.push(storage.append([hardState(1, 2, 290)]));
  const outcomes = await Promise.allSettled(dying);
  ok(outcomes.some(({ status }) => status === "rejected"));
  // It dies before it can give the reserve up itself.
  fileSystem.kill();
  const messages: string[] = [];
  const logger = { log: (_level: LogLevel, message: string) => void messages.push(message) };
  const again = new LogStorage({ directory: DIRECTORY, fileSystem, limits, logger });
  strictEqual((await again.open()).groups[0]?.lastIndex, 300);
  ok(messages.includes("the disk is full: the store is opened in its reserve"), messages.join());
  const free = fileSystem.room;
  ok(free > 0 && free < 20_000, `${free} bytes are free`);
  ok(!fileSystem.paths().includes(reserve) || fileSystem.bytesOf(reserve).length < 20_000);
  fileSystem.room += 40_000;
  await again.compacted();
  await again.close();
  const third = await opened(fileSystem, limits);
  await until(() =>
    fileSystem.paths().includes(reserve) && fileSystem.bytesOf(reserve).length === 20_000
  );
  await third.storage.close();
});

Deno.test("log: a store that closes on a full disk leaves its reserve to the next one", async () => {
  const fileSystem = new CrashFileSystem();
  const limits = { ...LIMITS, reserveBytes: 20_000 };
  const { storage } = await opened(fileSystem, limits);
  const reserve = `${DIRECTORY}/reserve`;
  await until(() => fileSystem.paths().includes(reserve) && fileSystem.bytesOf(reserve).length > 0);
  await storage.append(founded(1));
  fileSystem.room = 0;
  await rejects(storage.append([entries(1, 2, 99)]), StorageFailedError);
  await storage.close();
  ok(!fileSystem.paths().includes(reserve));
  const again = await opened(fileSystem, limits);
  await again.storage.append([entries(1, again.recovered.groups[0]!.lastIndex + 1, 200)]);
  await again.storage.close();
});

Deno.test("log: a failing snapshot or value write fails the store too", async () => {
  const fileSystem = new CrashFileSystem();
  const { storage } = await opened(fileSystem);
  await storage.append(founded(1));
  fileSystem.failingSyncs = 1;
  const position = { index: 1, term: 1, timeMs: 1, configuration: VOTERS };
  await rejects(
    storage.writeSnapshot(1, position, chunksOf(bytesOf("x"))),
    StorageFailedError,
  );
  await rejects(storage.append([hardState(1, 5)]), StorageFailedError);
  await storage.close();
  const second = await opened(fileSystem);
  fileSystem.room = 0;
  const value = second.storage.appendValue(1, bytesOf("no room"));
  await rejects(second.storage.readValues(1, [value]), StorageFailedError);
  ok(second.storage.failure !== null);
  await second.storage.close();
});

Deno.test("log: an encoder that gives up costs its snapshot, not the store", async () => {
  const fileSystem = new CrashFileSystem();
  const { storage } = await opened(fileSystem);
  await storage.append(founded(1));
  const position = { index: 1, term: 1, timeMs: 1, configuration: VOTERS };
  const chunks = (async function* () {
    yield await Promise.resolve(bytesOf("half"));
    throw new RangeError("no more");
  })();
  await rejects(storage.writeSnapshot(1, position, chunks), RangeError);
  strictEqual(storage.failure, null);
  ok(!fileSystem.paths().some((path) => path.includes("/snap/")));
  await storage.append([entries(1, 2, 3)]);
  await storage.close();
});

Deno.test("log: an entry that goes bad while the store is open is not handed out", async () => {
  const fileSystem = new CrashFileSystem();
  const { storage } = await opened(fileSystem);
  await storage.append([...founded(1), entries(1, 2, 9)]);
  const file = `${DIRECTORY}/wal/0000000000000001.seg`;
  const bytes = fileSystem.bytesOf(file);
  const at = storage.statistics().sizeBytes - 1;
  bytes[at]! ^= 1;
  fileSystem.setBytes(file, bytes);
  await rejects(storage.readEntries(1, 2, 3, 99), StorageCorruptError);
  await storage.close();
});

Deno.test("log: a read during which the log is truncated gives entries of one log", async () => {
  for (let delay = 0; delay < 60; delay++) {
    const { storage } = await opened(new CrashFileSystem());
    await storage.append(founded(1));
    const large = (index: number, term: number) => ({
      ...entry(index, term),
      payload: new Uint8Array(9_000),
    });
    for (let index = 2; index < 14; index++) {
      await storage.append([{ kind: "entries", group: 1, entries: [large(index, 1)] }]);
    }
    const reading = storage.readEntries(1, 2, 14, 16_000 * 20);
    for (let turn = 0; turn < delay; turn++) await Promise.resolve();
    const anew = [4, 5, 6, 7, 8, 9, 10, 11, 12, 13].map((index) => large(index, 2));
    await storage.append([
      { kind: "truncation", group: 1, fromIndex: 4 },
      { kind: "entries", group: 1, entries: anew },
    ]);
    const terms = new Set(
      (await reading)?.filter(({ index }) => index >= 4).map(({ term }) => term),
    );
    strictEqual(terms.size, 1, `after ${delay} turns`);
    await storage.close();
  }
});

Deno.test("log: past the bound of bytes that wait for the disk, it fails instead of growing", async () => {
  const fileSystem = new CrashFileSystem();
  const limits = { ...LIMITS, pendingWriteBytesMax: 10_000 };
  const { storage } = await opened(fileSystem, limits);
  await storage.append(founded(1));
  const pending: Promise<void>[] = [];
  for (let index = 2; index < 500; index++) {
    pending.push(storage.append([entries(1, index, index)]));
  }
  const outcomes = await Promise.allSettled(pending);
  ok(outcomes.some(({ status }) => status === "rejected"));
  ok(storage.failure?.message.includes("wait for the disk"), storage.failure?.message);
  await storage.close();
});

Deno.test("log: a group whose first batch was torn never was, and may come to be later", async () => {
  const fileSystem = new CrashFileSystem();
  const { storage } = await opened(fileSystem);
  await storage.append(founded(1));
  const before = storage.statistics().sizeBytes;
  const [foundation, state] = founded(2) as [StorageRecord, StorageRecord];
  await storage.append([foundation, entries(2, 2, 4), state]);
  const after = storage.statistics().sizeBytes;
  await storage.close();
  const file = `${DIRECTORY}/wal/0000000000000001.seg`;
  fileSystem.setBytes(file, fileSystem.bytesOf(file).subarray(0, after - 3));
  ok(after - 3 > before);
  const second = await opened(fileSystem);
  deepStrictEqual(second.recovered.groups.map(({ group }) => group), [1]);
  await second.storage.append([foundation, entries(2, 2, 3), state]);
  await second.storage.close();
  const third = await opened(fileSystem);
  strictEqual(third.recovered.groups[1]?.lastIndex, 3);
  await third.storage.close();
});

Deno.test("log: files that do not belong to it are removed on opening", async () => {
  const fileSystem = new CrashFileSystem();
  const { storage } = await opened(fileSystem);
  await storage.append(founded(1));
  await storage.close();
  const strays = [
    `${DIRECTORY}/wal/0000000000000009.seg.tmp`,
    `${DIRECTORY}/snap/1-7-1-00000000.snap`,
    `${DIRECTORY}/snap/1-1.tmp`,
    `${DIRECTORY}/values/1-1.val`,
  ];
  for (const path of strays) fileSystem.setBytes(path, bytesOf("stray"));
  const again = await opened(fileSystem);
  for (const path of strays) ok(!fileSystem.paths().includes(path), path);
  await again.storage.close();
});

Deno.test("log: a making that was cut short is begun anew", async () => {
  for (let step = 1; step < 12; step++) {
    const fileSystem = new CrashFileSystem(step);
    fileSystem.dieAtStep = step;
    await opened(fileSystem).catch((error) => ok(error instanceof StorageFailedError));
    fileSystem.powerCut();
    const { storage, recovered } = await opened(fileSystem);
    deepStrictEqual(recovered.groups, []);
    await storage.append(founded(1));
    await storage.close();
  }
});

Deno.test("log: a second process is refused, and the identity is its owner's alone", async () => {
  const directory = await Deno.makeTempDir({ prefix: "skein-lock-" });
  const storage = new LogStorage({ directory, limits: { reserveBytes: 0 } });
  await storage.open();
  await storage.create(IDENTITY);
  const source = new URL("../../src/storage/log/log_storage.ts", import.meta.url).href;
  const program = `import { LogStorage } from ${JSON.stringify(source)};
    try {
      await new LogStorage({ directory: ${JSON.stringify(directory)} }).open();
    } catch (error) {
      Deno.stdout.writeSync(new TextEncoder().encode(error.name));
      Deno.exit(7);
    }`;
  const run = () =>
    new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-lock", program],
      cwd: new URL("../..", import.meta.url),
      stdout: "piped",
      stderr: "piped",
    }).output();
  const refused = await run();
  strictEqual(new TextDecoder().decode(refused.stdout), StorageInUseError.name);
  strictEqual(refused.code, 7);
  if (Deno.build.os !== "windows") {
    strictEqual((await Deno.stat(`${directory}/identity.json`)).mode! & 0o777, 0o600);
  }
  await storage.close();
  await Deno.remove(directory, { recursive: true });
});

Deno.test("log: on a small real file system that is full, nothing acknowledged is lost", async (t) => {
  const directory = await Deno.makeTempDir({ prefix: "skein-full-" });
  const mounted = await mountSmall(directory);
  // Visible in the output: a person must see that this machine has not shown it.
  const name = mounted ? "a tmpfs of 4 MiB" : "SKIPPED: no right to mount a tmpfs here";
  await t.step(name, async () => {
    if (mounted) await fillUp(directory);
  });
  if (mounted) await new Deno.Command("umount", { args: [directory] }).output();
  await Deno.remove(directory, { recursive: true });
});

async function mountSmall(directory: string): Promise<boolean> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  const args = ["-t", "tmpfs", "-o", "size=4m", "tmpfs", directory];
  return (await new Deno.Command("mount", { args }).output()).success;
}

async function fillUp(mount: string): Promise<void> {
  const directory = `${mount}/store`;
  const limits = {
    reserveBytes: 1024 * 1024,
    segmentBytesMax: 1024 * 1024,
    recordBytesMax: 500_000,
  };
  const storage = new LogStorage({ directory, limits });
  await storage.open();
  await storage.create(IDENTITY);
  await storage.append(founded(1));
  let last = 1;
  await rejects(async () => {
    for (;;) {
      await storage.append([entries(1, last + 1, last + 500)]);
      last += 500;
    }
  }, /the disk is full/);
  await storage.close();
  const again = new LogStorage({ directory, limits });
  const recovered = await again.open();
  ok(recovered.groups[0]!.lastIndex >= last);
  const end = recovered.groups[0]!.lastIndex;
  const snapshot = await again.writeSnapshot(
    1,
    { index: end, term: 1, timeMs: 1, configuration: VOTERS },
    chunksOf(bytesOf("all of it")),
  );
  await again.append([{ kind: "snapshot", group: 1, snapshot, keepEntries: true }]);
  await until(async () => {
    await again.compacted();
    return again.statistics().segments <= 2;
  });
  await again.append([entries(1, end + 1, end + 1000)]);
  await again.close();
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + limitMs(5_000);
  while (!await condition()) {
    ok(performance.now() < deadline, "the condition did not come about in 5 s");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
