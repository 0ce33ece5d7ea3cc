/** Entries of a slow group, which compaction carries along again and again while newer ones come. */
import assert from "node:assert/strict";
import { LogStorage } from "../../src/storage/log/log_storage.ts";
import { CrashFileSystem } from "./crash_file_system.ts";
import { bytesOf, chunksOf, entries, founded, IDENTITY, VOTERS } from "./records.ts";

const LIMITS = {
  reserveBytes: 0,
  segmentBytesMax: 4096,
  preallocationBytes: 512,
  batchBytesMax: 1024,
  recordBytesMax: 2000,
};
const [SLOW, FAST] = [3, 2];
const FAST_ROUND = 20;

for (const [slowEvery, rounds] of [[1, 120], [3, 240], [7, 240]] as const) {
  Deno.test(`a group that appends in one of ${slowEvery} rounds is whole whenever the log is opened`, async () => {
    const fileSystem = new CrashFileSystem();
    const open = () => new LogStorage({ directory: "/store", fileSystem, limits: LIMITS });
    let storage = open();
    await storage.open();
    await storage.create(IDENTITY);
    await storage.append([...founded(FAST), ...founded(SLOW)]);
    let [slow, fast] = [1, 1];
    for (let round = 1; round <= rounds; round++) {
      if (round % slowEvery === 0) await storage.append([entries(SLOW, slow + 1, ++slow)]);
      await storage.append([entries(FAST, fast + 1, fast + FAST_ROUND)]);
      fast += FAST_ROUND;
      const position = { index: fast, term: 1, timeMs: fast, configuration: VOTERS };
      const snapshot = await storage.writeSnapshot(FAST, position, chunksOf(bytesOf("state")));
      await storage.append([{ kind: "snapshot", group: FAST, snapshot, keepEntries: true }]);
      if (round % 2 === 0) await storage.compacted();
      if (round % 5 !== 0) continue;
      await storage.close();
      storage = open();
      const { groups } = await storage.open();
      const found = groups.find(({ group }) => group === SLOW);
      assert.equal(found?.lastIndex, slow, `round ${round}`);
      if (slow === 1) continue;
      const kept = await storage.readEntries(SLOW, 2, slow + 1, Infinity);
      assert.deepEqual(kept?.map(({ index }) => index), range(2, slow));
    }
    assert.ok(!fileSystem.paths().some((path) => path.endsWith("/0000000000000002.seg")));
    await storage.close();
  });
}

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: to - from + 1 }, (_, place) => from + place);
}
