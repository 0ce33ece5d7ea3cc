import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import type { Group } from "../../src/groups/group.ts";
import { Snapshots } from "../../src/groups/snapshots.ts";
import type { SnapshotMeta } from "../../src/raft/entry.ts";
import type { IncomingSnapshot, Storage } from "../../src/storage/storage.ts";
import { ManualClock } from "../manual_clock.ts";

const POLICY = { snapshotEntries: 10, snapshotBytes: 1_000 };
const CONFIGURATION = { index: 1, voters: [], votersOutgoing: [], learners: [], learnersNext: [] };

function metaOf(index: number, sizeBytes = 4): SnapshotMeta {
  return {
    index,
    term: 1,
    timeMs: 0,
    configuration: CONFIGURATION,
    sizeBytes,
    checksum: 7,
    values: [],
  };
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A group that has applied up to 100, and a storage whose work ends when the test says so. */
function manualSnapshots() {
  const clock = new ManualClock();
  const done: string[] = [];
  const writing: PromiseWithResolvers<void>[] = [];
  const receiving: PromiseWithResolvers<void>[] = [];
  const reading: PromiseWithResolvers<Uint8Array | null>[] = [];
  const fake = {
    id: 0,
    ended: false,
    restoring: false,
    awaited: null as SnapshotMeta | null,
    awaits(snapshot: SnapshotMeta) {
      return this.awaited === snapshot;
    },
    appliedIndex: 100,
    appliedTerm: 1,
    appliedBytes: 0,
    values: {
      deadBytes: 0,
      inUse: () => ({ alive: [], dead: [] }),
      dropped: (_files: readonly number[]) => {},
      restore: ({ index }: SnapshotMeta) => void done.push(`restored ${index}`),
    },
    machine: { timeMs: 5, snapshot: () => [new Uint8Array(1), new Uint8Array(1)].values() },
    raft: {
      snapshot: metaOf(50) as SnapshotMeta | null,
      configuration: { ...CONFIGURATION },
      snapshotTaken: ({ index }: SnapshotMeta) => void done.push(`taken ${index}`),
      snapshotStored: ({ index }: SnapshotMeta, offset: number | null) =>
        void done.push(`stored ${index} ${offset}`),
    },
  };
  const file = {
    storedBytes: 0,
    write(_offset: number, bytes: Uint8Array) {
      this.storedBytes += bytes.length;
      return Promise.resolve(this.storedBytes);
    },
    finish: () => Promise.resolve(true),
  };
  const storage = {
    writeSnapshot: async (
      _group: number,
      position: SnapshotMeta,
      chunks: AsyncIterable<unknown>,
    ) => {
      for await (const _chunk of chunks) done.push(`chunk at ${clock.monotonicMs()}`);
      const turn = Promise.withResolvers<void>();
      writing.push(turn);
      await turn.promise;
      return { ...position, sizeBytes: 2, checksum: 1, values: [] };
    },
    append: ([record]: readonly { kind: string; keepEntries: boolean }[]) => {
      done.push(`${record!.kind} keeps ${record!.keepEntries}`);
      return Promise.resolve();
    },
    readSnapshot: async () => {
      const turn = Promise.withResolvers<Uint8Array | null>();
      reading.push(turn);
      return await turn.promise;
    },
    valueFilesOf: () => [],
    receiveSnapshot: async (): Promise<IncomingSnapshot> => {
      const turn = Promise.withResolvers<void>();
      receiving.push(turn);
      await turn.promise;
      return file;
    },
  } as unknown as Storage;
  const snapshots = new Snapshots(storage, clock, POLICY);
  return {
    clock,
    done,
    writing,
    receiving,
    reading,
    fake,
    file,
    group: fake as unknown as Group,
    snapshots,
  };
}

Deno.test("one is due after so many entries, or so many bytes", () => {
  const { fake, group, snapshots } = manualSnapshots();
  fake.appliedIndex = 59;
  assert.ok(!snapshots.due(group, 200));
  fake.appliedIndex = 60;
  assert.ok(snapshots.due(group, 200));
  fake.appliedIndex = 51;
  fake.appliedBytes = 1_000;
  assert.ok(snapshots.due(group, 200));
  fake.appliedIndex = 50;
  assert.ok(!snapshots.due(group, 200), "not without a new entry");
});

Deno.test("one is due where all groups together have so much, of those with the larger parts", () => {
  const { fake, snapshots } = manualSnapshots();
  const groupOf = (entries: number, sizeBytes = 0) =>
    ({
      ...fake,
      appliedIndex: 50 + entries,
      raft: { ...fake.raft, snapshot: metaOf(50, sizeBytes) },
    }) as unknown as Group;
  const [small, large, other] = [groupOf(1), groupOf(6), groupOf(4)];
  assert.ok(!snapshots.due(small, 200));
  assert.ok(!snapshots.due(large, 200));
  assert.ok(snapshots.due(other, 200));
  assert.ok(!snapshots.due(small, 200), "others have more");
  assert.ok(snapshots.due(large, 200));
  assert.ok(!snapshots.due(groupOf(9, 1_000), 200), "its state is larger than what it would save");
  assert.ok(snapshots.due(groupOf(10, 1_000), 200));
  const { snapshots: fewer } = manualSnapshots();
  fewer.due(large, 200);
  fewer.drop(large);
  assert.ok(!fewer.due(other, 200), "what is gone does not count");
});

Deno.test("of all groups' sake one is taken at a time", async () => {
  const { fake, writing, snapshots } = manualSnapshots();
  const groupOf = (entries: number) =>
    ({
      ...fake,
      appliedIndex: 50 + entries,
      raft: { ...fake.raft, snapshot: metaOf(50, 0) },
    }) as unknown as Group;
  const [one, other] = [groupOf(6), groupOf(6)];
  snapshots.due(one, 200);
  assert.ok(snapshots.due(other, 200));
  const taking = snapshots.take(other, 200);
  assert.ok(!snapshots.due(one, 200));
  await settled();
  writing[0]!.resolve();
  await taking;
  assert.ok(snapshots.due(one, 200));
});

Deno.test("none is taken of what is not durable, of no one index, or of no machine", async () => {
  const { fake, group, snapshots } = manualSnapshots();
  const expectNone = async (durableIndex: number) => {
    assert.ok(!snapshots.due(group, durableIndex));
    assert.equal((await snapshots.take(group, durableIndex))?.index, 50);
  };
  await expectNone(99);
  fake.raft.configuration.index = 101;
  await expectNone(200);
  fake.raft.configuration.index = 100;
  assert.ok(snapshots.due(group, 200));
  fake.restoring = true;
  await expectNone(200);
  fake.restoring = false;
  fake.ended = true;
  await expectNone(200);
});

Deno.test("it is referenced once its file is durable, keeps the entries behind it, and is told then", async () => {
  const { done, writing, fake, group, snapshots } = manualSnapshots();
  fake.appliedBytes = 5_000;
  const taking = snapshots.take(group, 200);
  assert.equal(snapshots.take(group, 200), taking, "one at a time, for all who ask");
  assert.ok(!snapshots.due(group, 200));
  fake.appliedIndex = 120;
  fake.appliedBytes = 30;
  await settled();
  assert.ok(done.every((what) => what.startsWith("chunk")));
  writing[0]!.resolve();
  assert.equal((await taking)?.index, 100, "of the moment at which it began");
  assert.deepEqual(done.slice(-2), ["snapshot keeps true", "taken 100"]);
  assert.equal(fake.appliedBytes, 30, "counted from when it began");
  await settled();
  fake.raft.snapshot = metaOf(100);
  assert.ok(snapshots.due(group, 200), "the next one may follow");
});

Deno.test("one that a leader's snapshot overtook, or whose replica ended, is never referenced", async () => {
  for (const end of ["overtaken", "ended"]) {
    const { done, writing, fake, group, snapshots } = manualSnapshots();
    const taking = snapshots.take(group, 200);
    await settled();
    if (end === "ended") fake.ended = true;
    else fake.raft.snapshot = metaOf(300);
    writing[0]!.resolve();
    assert.equal((await taking)?.index, end === "ended" ? 50 : 300);
    assert.ok(done.every((what) => what.startsWith("chunk")));
  }
});

Deno.test("encoding lets others run after every slice", async () => {
  const { clock, done, writing, fake, group, snapshots } = manualSnapshots();
  fake.machine.snapshot = () => {
    let left = 6;
    return {
      next: () => {
        clock.advance(4);
        return left-- > 0 ? { done: false, value: new Uint8Array(1) } : { done: true };
      },
    } as unknown as ArrayIterator<Uint8Array<ArrayBuffer>>;
  };
  const taking = snapshots.take(group, 200);
  await settled();
  assert.equal(done.length, 3, "no more than 10 ms at once");
  for (let slice = 0; slice < 3; slice++) {
    clock.advance(0);
    await settled();
  }
  assert.equal(done.length, 6);
  writing[0]!.resolve();
  await taking;
});

Deno.test("parts are stored one after the other, and the core hears of each", async () => {
  const { done, receiving, group, snapshots } = manualSnapshots();
  const snapshot = metaOf(300);
  const part = (offsetBytes: number, size: number) =>
    snapshots.store(group, { snapshot, offsetBytes, bytes: new Uint8Array(size) });
  const stored = [part(0, 0), part(0, 2), part(0, 2), part(2, 2)];
  await settled();
  assert.equal(receiving.length, 1, "one file for all of them");
  receiving[0]!.resolve();
  await Promise.all(stored);
  assert.deepEqual(done, ["stored 300 0", "stored 300 2", "stored 300 2", "stored 300 4"]);
});

Deno.test("what turns out to be damaged is begun anew", async () => {
  const { done, receiving, file, group, snapshots } = manualSnapshots();
  file.finish = () => Promise.resolve(false);
  const snapshot = metaOf(300);
  const storing = snapshots.store(group, { snapshot, offsetBytes: 0, bytes: new Uint8Array(4) });
  await settled();
  receiving[0]!.resolve();
  await storing;
  assert.deepEqual(done, ["stored 300 null"]);
  void snapshots.store(group, { snapshot, offsetBytes: 0, bytes: new Uint8Array(0) });
  await settled();
  assert.equal(receiving.length, 2);
});

Deno.test("one that a newer one overtook while it was loaded is left alone, whatever became of its file", async () => {
  for (const gone of [true, false]) {
    const { done, reading, fake, group, snapshots } = manualSnapshots();
    const [former, newer] = [metaOf(300), metaOf(400)];
    fake.awaited = former;
    const loading = snapshots.load(group, former);
    fake.awaited = newer;
    const loadingNewer = snapshots.load(group, newer);
    reading[0]!.resolve(gone ? null : new Uint8Array(4));
    assert.equal(await loading, false);
    reading[1]!.resolve(new Uint8Array(4));
    assert.equal(await loadingNewer, true);
    assert.deepEqual(done, ["restored 400"]);
  }
});

Deno.test("that the snapshot in force cannot be read is a bug, and said", async () => {
  const { reading, fake, group, snapshots } = manualSnapshots();
  fake.awaited = metaOf(300);
  const loading = snapshots.load(group, fake.awaited);
  reading[0]!.resolve(null);
  await assert.rejects(loading, /the snapshot in force of group 0 can be read at 0/);
});
