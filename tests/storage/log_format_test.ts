/**
 * The format on disk: a store that version 1 wrote must open for ever. The fixtures are never written anew; a change
 * of format brings one of its own. `format_1_values` is from when references to snapshots began to keep
 * checksums of value files, and numbers of files that came from elsewhere.
 */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { crc32 } from "node:zlib";
import { checkLog } from "../../src/storage/log/check.ts";
import { LogStorage } from "../../src/storage/log/log_storage.ts";
import { StorageForeignError } from "../../src/storage/storage.ts";
import { bytesOf, entries, entry, IDENTITY, VOTERS } from "./records.ts";

async function withCopy(
  run: (directory: string) => Promise<void>,
  fixture = "format_1",
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "skein-format-" });
  try {
    await copy(new URL(`./fixtures/${fixture}`, import.meta.url).pathname, directory);
    await run(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function copy(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copy(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

Deno.test("format: a store of version 1 opens, with all that was in it", async () => {
  await withCopy(async (directory) => {
    strictEqual((await checkLog(directory)).verdict, "sound");
    const storage = new LogStorage({ directory, limits: { reserveBytes: 0 } });
    const recovered = await storage.open();
    deepStrictEqual(recovered.identity, IDENTITY);
    deepStrictEqual([...recovered.tombstones], [[7, 4]]);
    deepStrictEqual([...recovered.properties], [["plan", bytesOf("formed")]]);
    deepStrictEqual(recovered.groups.map(({ group, lastIndex }) => [group, lastIndex]), [
      [0, 5],
      [1, 61],
    ]);
    const [system, partition] = recovered.groups;
    ok(system !== undefined && partition !== undefined);
    deepStrictEqual(system.configuration, VOTERS);
    deepStrictEqual(await storage.readEntries(0, 2, 6, 1e6), entriesOf(0, 2, 5));
    deepStrictEqual(partition.hardState, { term: 3, votedFor: "a", commitIndex: 57 });
    deepStrictEqual(partition.terms, [{ firstIndex: 56, term: 2 }, { firstIndex: 58, term: 3 }]);
    deepStrictEqual(partition.configuration, { ...VOTERS, index: 5 });
    deepStrictEqual(
      await storage.readEntries(1, 56, 62, 1e6),
      [entry(56, 2), entry(57, 2), ...entriesOf(1, 58, 61, 3)],
    );
    ok(partition.snapshot !== null);
    deepStrictEqual(
      await storage.readSnapshot(1, partition.snapshot, 0, 99),
      bytesOf("state at 55"),
    );
    deepStrictEqual(
      await storage.readValues(1, [{ file: 1, offsetBytes: 0, sizeBytes: 14 }]),
      [bytesOf("a stored value")],
    );
    await storage.close();
  });
});

Deno.test("format: a reference of before value files had checksums is completed", async () => {
  await withCopy(async (directory) => {
    const storage = new LogStorage({ directory, limits: { reserveBytes: 0 } });
    const snapshot = (await storage.open()).groups[1]?.snapshot;
    const bytes = await Deno.readFile(`${directory}/values/1-1.val`);
    deepStrictEqual(snapshot?.values, [{ file: 1, lengthBytes: 18, checksum: crc32(bytes) }]);
    deepStrictEqual(storage.valueFilesOf(1, snapshot), [1]);
    await storage.close();
  });
});

Deno.test("format: value files open, own ones and those that came from elsewhere", async () => {
  await withCopy(async (directory) => {
    strictEqual((await checkLog(directory)).verdict, "sound");
    const storage = new LogStorage({ directory, limits: { reserveBytes: 0 } });
    const [own, received] = (await storage.open()).groups.map(({ snapshot }) => snapshot!);
    ok(own !== undefined && received !== undefined);
    deepStrictEqual(storage.valueFilesOf(1, own), [1]);
    deepStrictEqual(
      await storage.readValues(1, [{ file: 1, offsetBytes: 0, sizeBytes: 12 }]),
      [bytesOf("an own value")],
    );
    deepStrictEqual(received.values.map(({ file, lengthBytes }) => [file, lengthBytes]), [
      [1, 21],
      [2, 56],
    ]);
    deepStrictEqual(storage.valueFilesOf(2, received), [3, 4]);
    const sent = [[3, 17], [4, 52]].map(([file, sizeBytes]) => ({
      file: file!,
      offsetBytes: 0,
      sizeBytes: sizeBytes!,
    }));
    deepStrictEqual(await storage.readValues(2, sent), [
      bytesOf("sent along, first"),
      bytesOf("sent along, second, and long enough for another file"),
    ]);
    await storage.close();
  }, "format_1_values");
});

Deno.test("format: a segment of a later version is refused, and not called damaged", async () => {
  await withCopy(async (directory) => {
    for await (const { name } of Deno.readDir(`${directory}/wal`)) {
      const path = `${directory}/wal/${name}`;
      const bytes = await Deno.readFile(path);
      const view = new DataView(bytes.buffer);
      view.setUint32(8, 2, true);
      view.setUint32(12, crc32(bytes.subarray(16, 64), crc32(bytes.subarray(0, 12))), true);
      await Deno.writeFile(path, bytes);
    }
    const storage = new LogStorage({ directory, limits: { reserveBytes: 0 } });
    await rejects(storage.open(), (error: unknown) => {
      ok(error instanceof StorageForeignError);
      ok(error.message.includes("format version is 2"), error.message);
      return true;
    });
  });
});

function entriesOf(group: number, from: number, to: number, term = 1) {
  const record = entries(group, from, to, term);
  return record.kind === "entries" ? record.entries : [];
}
