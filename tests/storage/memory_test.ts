import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { Random } from "../../src/random.ts";
import { MemoryDisk, MemoryStorage, soundDisk } from "../../src/storage/memory.ts";
import { StorageCorruptError, StorageFailedError } from "../../src/storage/storage.ts";
import { conformance, type Medium } from "./conformance.ts";
import { bytesOf, entries, founded, IDENTITY } from "./records.ts";
import { VALUE_FILE_BYTES_MAX, valueConformance } from "./value_conformance.ts";

function makeMedium(): Promise<Medium> {
  const disk = new MemoryDisk();
  return Promise.resolve({
    instance: () => new MemoryStorage(disk, { valueFileBytesMax: VALUE_FILE_BYTES_MAX }),
    remove: () => Promise.resolve(),
  });
}

conformance("memory", makeMedium);
valueConformance("memory", makeMedium);

Deno.test("memory: a damaged value is found when it is read, naming file and offset", async () => {
  const disk = new MemoryDisk();
  const storage = await made(disk);
  await storage.append(founded(1));
  const [, value] = [bytesOf("sound"), bytesOf("to be damaged")].map((bytes) =>
    storage.appendValue(1, bytes)
  );
  ok(value !== undefined);
  disk.valueFiles.get("1-1.val")!.bytes[value.offsetBytes + 6]! ^= 1;
  await rejects(storage.readValues(1, [value]), (error: unknown) => {
    ok(error instanceof StorageCorruptError);
    deepStrictEqual([error.file, error.offsetBytes], ["memory/1-1.val", value.offsetBytes]);
    return true;
  });
});

/** A scheduler that runs nothing by itself. */
function manual() {
  const waiting: (() => void)[] = [];
  return {
    schedule: (_delayMs: number, run: () => void) => void waiting.push(run),
    async runAll() {
      for (let turn = 0; turn < 10; turn++) {
        await Promise.resolve();
        for (const run of waiting.splice(0)) run();
      }
    },
  };
}

async function made(disk: MemoryDisk): Promise<MemoryStorage> {
  const storage = new MemoryStorage(disk);
  await storage.open();
  if (disk.identity === null) await storage.create(IDENTITY);
  return storage;
}

Deno.test("memory: a crash before the fsync loses the batch, and its promise never settles", async () => {
  const disk = new MemoryDisk();
  await (await made(disk)).close();
  const scheduler = manual();
  const storage = new MemoryStorage(disk, { schedule: scheduler.schedule });
  const opening = storage.open();
  await scheduler.runAll();
  await opening;
  const durable = storage.append(founded(1));
  await scheduler.runAll();
  await durable;
  let settled = false;
  storage.append([entries(1, 2, 9)]).finally(() => settled = true);
  await Promise.resolve();
  await Promise.resolve();
  disk.crash({ tornTail: false });
  await scheduler.runAll();
  strictEqual(settled, false);
  const after = new MemoryStorage(disk);
  const recovered = await after.open();
  strictEqual(recovered.groups[0]?.lastIndex, 1);
  strictEqual(recovered.tornTail?.sizeBytes, 8);
});

Deno.test("memory: a crash may keep any prefix of what was written, a kill keeps all", async () => {
  const kept = new Set<number>();
  for (let seed = 0; seed < 200; seed++) {
    const disk = new MemoryDisk();
    const first = await made(disk);
    await first.append(founded(1));
    await first.close();
    const scheduler = manual();
    const storage = new MemoryStorage(disk, {
      schedule: scheduler.schedule,
      random: new Random(seed),
    });
    const opening = storage.open();
    await scheduler.runAll();
    await opening;
    storage.append([entries(1, 2, 4)]);
    await Promise.resolve();
    await Promise.resolve();
    if (seed === 0) disk.kill();
    else disk.crash({ tornTail: true });
    const recovered = await new MemoryStorage(disk).open();
    const lastIndex = recovered.groups[0]!.lastIndex;
    if (seed === 0) strictEqual(lastIndex, 4);
    kept.add(lastIndex);
  }
  deepStrictEqual([...kept].sort(), [1, 2, 3, 4]);
});

Deno.test("memory: after a failed write everything is refused until it is opened anew", async () => {
  const disk = new MemoryDisk();
  await (await made(disk)).close();
  const faults = soundDisk();
  const storage = new MemoryStorage(disk, { faults });
  await storage.open();
  await storage.append(founded(1));
  faults.full = true;
  const first = storage.append([entries(1, 2, 3)]);
  const second = storage.append([entries(1, 4, 5)]);
  await rejects(first, StorageFailedError);
  await rejects(second, StorageFailedError);
  faults.full = false;
  await rejects(storage.append([entries(1, 6, 7)]), StorageFailedError);
  await rejects(storage.readEntries(1, 2, 3, 99), StorageFailedError);
  ok(storage.failure instanceof StorageFailedError);
  await storage.close();
  const after = new MemoryStorage(disk, { faults });
  const recovered = await after.open();
  strictEqual(after.failure, null);
  ok(recovered.groups[0]!.lastIndex <= 5);
  await after.append([{ kind: "truncation", group: 1, fromIndex: 2 }, entries(1, 2, 4)]);
});

Deno.test("memory: a damaged disk is refused, naming file and offset", async () => {
  const disk = new MemoryDisk();
  await (await made(disk)).close();
  disk.corrupt("memory/x.seg", 77);
  await rejects(new MemoryStorage(disk).open(), (error: unknown) => {
    ok(error instanceof StorageCorruptError);
    deepStrictEqual([error.file, error.offsetBytes], ["memory/x.seg", 77]);
    return true;
  });
});

Deno.test("memory: a torn first batch leaves no half-born group", async () => {
  const disk = new MemoryDisk();
  await (await made(disk)).close();
  disk.unsynced = [...founded(1)];
  disk.settle(0.4);
  deepStrictEqual((await new MemoryStorage(disk).open()).groups, []);
});
