/** Snapshot and value files of the embedded log: when they come, stay and go. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { crc32 } from "node:zlib";
import { CrashFileSystem } from "./crash_file_system.ts";
import { DIRECTORY, LIMITS, opened } from "./opened_log.ts";
import { bytesOf, chunksOf, entries, founded, hardState, VOTERS } from "./records.ts";

Deno.test("log: an older snapshot stays while it is read, and goes with the next but one", async () => {
  const fileSystem = new CrashFileSystem();
  const { storage } = await opened(fileSystem);
  await storage.append([...founded(1), entries(1, 2, 9)]);
  const take = async (index: number) => {
    const position = { index, term: 1, timeMs: 1, configuration: VOTERS };
    const snapshot = await storage.writeSnapshot(1, position, chunksOf(bytesOf(`at ${index}`)));
    await storage.append([{ kind: "snapshot", group: 1, snapshot, keepEntries: true }]);
    await storage.compacted();
    return snapshot;
  };
  const first = await take(3);
  deepStrictEqual(await storage.readSnapshot(1, first, 0, 2), bytesOf("at"));
  const second = await take(4);
  deepStrictEqual(await storage.readSnapshot(1, first, 3, 2), bytesOf("3"));
  await take(5);
  strictEqual(await storage.readSnapshot(1, second, 0, 9), null);
  await take(6);
  strictEqual(await storage.readSnapshot(1, first, 0, 9), null);
  strictEqual(fileSystem.paths().filter((path) => path.endsWith(".snap")).length, 1);
  await storage.close();
});

Deno.test("log: a snapshot that waits for its reference outlives that of an older one", async () => {
  const { storage } = await opened(new CrashFileSystem());
  await storage.append([...founded(1), entries(1, 2, 9)]);
  const write = (index: number) =>
    storage.writeSnapshot(
      1,
      { index, term: 1, timeMs: 1, configuration: VOTERS },
      chunksOf(bytesOf(`at ${index}`)),
    );
  const older = await write(3);
  const newer = await write(4);
  await storage.append([{ kind: "snapshot", group: 1, snapshot: older, keepEntries: true }]);
  await storage.compacted();
  await storage.append([{ kind: "snapshot", group: 1, snapshot: newer, keepEntries: true }]);
  deepStrictEqual(await storage.readSnapshot(1, newer, 0, 9), bytesOf("at 4"));
  await storage.close();
});

Deno.test("log: values of a replica that comes after a removed one are its own", async () => {
  const fileSystem = new CrashFileSystem();
  const { storage } = await opened(fileSystem);
  await storage.append(founded(1));
  const former = storage.appendValue(1, bytesOf("former"));
  await storage.readValues(1, [former]);
  const removed = storage.append([{ kind: "tombstone", group: 1, lowestReplica: 5 }]);
  await removed;
  const born = storage.append([hardState(1, 1, 0, 5)]);
  const value = storage.appendValue(1, bytesOf("latter"));
  await born;
  await storage.compacted();
  deepStrictEqual(await storage.readValues(1, [value]), [bytesOf("latter")]);
  await storage.close();
});

Deno.test("log: opening cuts value files to what the snapshot names", async () => {
  const fileSystem = new CrashFileSystem();
  const { storage } = await opened(fileSystem);
  await storage.append(founded(1));
  const { file: valueFile } = storage.appendValue(1, bytesOf("named"));
  const valueFiles = [valueFile];
  const position = { index: 1, term: 1, timeMs: 1, configuration: VOTERS, valueFiles };
  const snapshot = await storage.writeSnapshot(1, position, chunksOf(bytesOf("state")));
  const late = storage.appendValue(1, bytesOf("late"));
  await storage.readValues(1, [late]);
  await storage.append([{ kind: "snapshot", group: 1, snapshot, keepEntries: true }]);
  await storage.close();
  const file = `${DIRECTORY}/values/1-1.val`;
  strictEqual(fileSystem.bytesOf(file).length, late.offsetBytes + 8);
  const again = await opened(fileSystem);
  strictEqual(fileSystem.bytesOf(file).length, late.offsetBytes);
  await again.storage.close();
});

Deno.test("log: compaction carries the numbers of value files along", async () => {
  const fileSystem = new CrashFileSystem();
  const limits = { ...LIMITS, segmentBytesMax: 4_096, batchBytesMax: 512, recordBytesMax: 1_000 };
  const { storage } = await opened(fileSystem, limits);
  await storage.append([...founded(1), ...founded(2), entries(1, 2, 3)]);
  const former = storage.appendValue(1, bytesOf("of the former state"));
  const bytes = bytesOf("state");
  const value = bytesOf("sent: value");
  const snapshot = {
    index: 9,
    term: 1,
    timeMs: 1,
    configuration: VOTERS,
    sizeBytes: bytes.length,
    checksum: crc32(bytes),
    values: [{ file: 17, lengthBytes: value.length, checksum: crc32(value) }],
  };
  const incoming = await storage.receiveSnapshot(1, snapshot);
  await incoming.write(0, bytes);
  await incoming.write(bytes.length, value);
  strictEqual(await incoming.finish(), true);
  await storage.append([{ kind: "snapshot", group: 1, snapshot, keepEntries: false }]);
  for (let last = 1; last < 400; last += 20) {
    await storage.append([entries(2, last + 1, last + 20)]);
    const position = { index: last + 20, term: 1, timeMs: 1, configuration: VOTERS };
    const taken = await storage.writeSnapshot(2, position, chunksOf(bytesOf(`at ${last}`)));
    await storage.append([{ kind: "snapshot", group: 2, snapshot: taken, keepEntries: true }]);
  }
  await storage.compacted();
  const first = `${DIRECTORY}/wal/0000000000000001.seg`;
  strictEqual(fileSystem.paths().includes(first), false, "compaction must have worked");
  await storage.close();
  const again = await opened(fileSystem, limits);
  deepStrictEqual(again.recovered.groups[0]?.snapshot, snapshot);
  deepStrictEqual(again.storage.valueFilesOf(1, snapshot), [former.file + 1]);
  deepStrictEqual(await again.storage.readSnapshot(1, snapshot, bytes.length, 99), value);
  await again.storage.close();
});
