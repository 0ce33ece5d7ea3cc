/** What compaction writes again comes behind newer records, and must not undo them. */
import assert from "node:assert/strict";
import { LogStorage } from "../../src/storage/log/log_storage.ts";
import { CrashFileSystem } from "./crash_file_system.ts";
import { bytesOf, chunksOf, entries, founded, hardState, IDENTITY, VOTERS } from "./records.ts";

const LIMITS = {
  reserveBytes: 0,
  segmentBytesMax: 4096,
  preallocationBytes: 512,
  batchBytesMax: 1024,
  recordBytesMax: 2000,
};

Deno.test("a group that came to be again outlives the rewriting of its tombstone", async () => {
  const fileSystem = new CrashFileSystem();
  const open = () => new LogStorage({ directory: "/store", fileSystem, limits: LIMITS });
  const storage = open();
  await storage.open();
  await storage.create(IDENTITY);
  await storage.append([...founded(2), hardState(3, 1, 0, 5), entries(3, 2, 3)]);
  await storage.append([{ kind: "tombstone", group: 3, lowestReplica: 6 }]);
  await storage.append([hardState(3, 2, 0, 6), entries(3, 2, 9, 2)]);
  // Group 2 fills segments and lets them go, until the first, with the tombstone, is gone.
  let last = 1;
  while (fileSystem.paths().some((path) => path.endsWith("/0000000000000001.seg"))) {
    assert.ok(last < 5_000, "the first segment was never compacted");
    await storage.append([entries(2, last + 1, last + 20)]);
    last += 20;
    const position = { index: last, term: 1, timeMs: last, configuration: VOTERS };
    const snapshot = await storage.writeSnapshot(2, position, chunksOf(bytesOf("state")));
    await storage.append([{ kind: "snapshot", group: 2, snapshot, keepEntries: true }]);
    await storage.compacted();
  }
  await storage.close();
  const again = open();
  const { groups, tombstones } = await again.open();
  const reborn = groups.find(({ group }) => group === 3);
  assert.deepEqual([reborn?.replica, reborn?.lastIndex], [6, 9]);
  assert.deepEqual([...tombstones], [[3, 6]]);
  assert.equal((await again.readEntries(3, 2, 10, 1e9))?.length, 8);
  await again.close();
});
