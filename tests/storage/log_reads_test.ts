/** How much is read from disk to give entries back: of one group alone, and of many that lie between each other. */
import { deepStrictEqual, ok } from "node:assert/strict";
import type { Entry } from "../../src/raft/entry.ts";
import type { GroupId } from "../../src/storage/storage.ts";
import { CrashFileSystem } from "./crash_file_system.ts";
import { opened } from "./opened_log.ts";
import { entry, founded } from "./records.ts";

const KIB = 1024;
const WINDOW_BYTES = 16 * KIB;
const LIMITS = { reserveBytes: 0, preallocationBytes: 2 * KIB * KIB };

/** A log that holds these entries, opened anew: nothing of it is in memory. */
async function reopened(
  groups: readonly GroupId[],
  batches: readonly (readonly { readonly group: GroupId; readonly entry: Entry }[])[],
) {
  const fileSystem = new CrashFileSystem();
  const { storage: writing } = await opened(fileSystem, LIMITS);
  await writing.append(groups.flatMap(founded));
  for (const batch of batches) {
    await writing.append(
      batch.map(({ group, entry }) => ({ kind: "entries", group, entries: [entry] })),
    );
  }
  await writing.close();
  const { storage } = await opened(fileSystem, LIMITS);
  fileSystem.reads = fileSystem.readBytes = 0;
  return { storage, fileSystem };
}

Deno.test("log: few entries among those of many groups cost a small window each", async () => {
  const groups = Array.from({ length: 50 }, (_, group) => group);
  const indices = [2, 3, 4];
  const filler = "x".repeat(8 * KIB);
  const batches = indices.map((index) =>
    groups.map((group) => ({ group, entry: entry(index, 1, `${group} ${index} ${filler}`) }))
  );
  const { storage, fileSystem } = await reopened(groups, batches);
  for (const group of groups) {
    const read = await storage.readEntries(group, 2, 5, 8 * KIB * KIB);
    const expected = indices.map((index) => entry(index, 1, `${group} ${index} ${filler}`));
    deepStrictEqual(read, expected);
  }
  const boundBytes = 1.1 * groups.length * indices.length * WINDOW_BYTES;
  ok(fileSystem.readBytes <= boundBytes, `${fileSystem.readBytes} bytes were read`);
  await storage.close();
});

Deno.test("log: many entries of one group are read in few, large windows", async () => {
  const count = 4_000;
  const batches = Array.from(
    { length: count / 100 },
    (_, batch) =>
      Array.from({ length: 100 }, (_, place) => ({
        group: 7,
        entry: entry(2 + batch * 100 + place, 1, "x".repeat(KIB)),
      })),
  );
  const { storage, fileSystem } = await reopened([7], batches);
  let next = 2;
  while (next < 2 + count) {
    const read = await storage.readEntries(7, next, 2 + count, 8 * KIB * KIB);
    ok(read !== null && read.length > 0);
    next += read.length;
  }
  ok(fileSystem.reads <= 20, `${fileSystem.reads} reads`);
  ok(fileSystem.readBytes <= 3 * count * KIB, `${fileSystem.readBytes} bytes were read`);
  await storage.close();
});
