import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import type { Group } from "../../src/groups/group.ts";
import { StorageWork } from "../../src/groups/storage_work.ts";
import type { Storage, StorageRecord } from "../../src/storage/storage.ts";
import { ManualClock } from "../manual_clock.ts";

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

function manualWork() {
  const appended: StorageRecord["kind"][] = [];
  const room = Promise.withResolvers<void>();
  const read: number[] = [];
  const storage = {
    append: (records: readonly StorageRecord[]) => {
      appended.push(...records.map(({ kind }) => kind));
      return Promise.resolve();
    },
    valueRoom: () => room.promise,
    readEntries: (_group: number, fromIndex: number) => {
      read.push(fromIndex);
      return Promise.resolve([]);
    },
  } as unknown as Storage;
  const work = new StorageWork({
    storage,
    clock: new ManualClock(),
    done() {},
    written() {},
    damaged() {},
    failed: (error) => assert.fail(String(error)),
  }, { snapshotEntries: 10, snapshotBytes: 1_000 });
  const group = { id: 3, ended: false, raft: { fetched() {} } } as unknown as Group;
  return { work, group, appended, room, read };
}

Deno.test("a tombstone is written at once: values of a successor lie behind it", () => {
  const { work, group, appended } = manualWork();
  work.bury(group, 5);
  assert.deepEqual(appended, ["tombstone"]);
});

Deno.test("a log is read no faster than its values are written", async () => {
  const { work, group, room, read } = manualWork();
  work.readEntries(group, { id: 1, fromIndex: 7, toIndex: 9, bytesMax: 100 });
  await settled();
  assert.deepEqual(read, []);
  room.resolve();
  await settled();
  assert.deepEqual(read, [7]);
});
