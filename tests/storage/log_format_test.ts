/**
 * The format on disk: a store that version 1 wrote must open for ever. `fixtures/format_1` is never written
 * anew; a change of format brings a fixture of its own.
 */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { crc32 } from "node:zlib";
import { checkLog } from "../../src/storage/log/check.ts";
import { LogStorage } from "../../src/storage/log/log_storage.ts";
import { StorageForeignError } from "../../src/storage/storage.ts";
import { bytesOf, entries, entry, IDENTITY, VOTERS } from "./records.ts";

const FIXTURE = new URL("./fixtures/format_1", import.meta.url).pathname;

async function withCopy(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "skein-format-" });
  try {
    await copy(FIXTURE, directory);
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
