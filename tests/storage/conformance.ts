/**
 * What every storage must do, whatever it keeps its bytes in: run with `conformance(name, medium)` by one
 * test file for each implementation. A medium outlives its instances, so `reopen` shows what was durable.
 */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { crc32 } from "node:zlib";
import { AssertionError } from "../../src/assert.ts";
import {
  type Recovered,
  type Storage,
  StorageCorruptError,
  StorageInUseError,
  type StorageRecord,
} from "../../src/storage/storage.ts";
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

export interface Medium {
  /** A new instance on the same bytes; not opened yet. */
  instance(): Storage;
  remove(): Promise<void>;
}

export interface Opened {
  storage: Storage;
  recovered: Recovered;
  reopen(): Promise<void>;
}

export function conformance(name: string, makeMedium: () => Promise<Medium>): void {
  const test = (what: string, run: (opened: Opened, medium: Medium) => Promise<void>) => {
    Deno.test(`${name}: ${what}`, async () => {
      const medium = await makeMedium();
      const opened = await create(medium);
      try {
        await run(opened, medium);
      } finally {
        await opened.storage.close();
        await medium.remove();
      }
    });
  };

  test("an empty store has no identity, a made one keeps it", async (opened, _medium) => {
    strictEqual(opened.recovered.identity, null);
    await opened.reopen();
    deepStrictEqual(opened.recovered.identity, IDENTITY);
    strictEqual(opened.recovered.tornTail, null);
  });

  test("a second instance is refused while the first is open", async (_opened, medium) => {
    await rejects(medium.instance().open(), StorageInUseError);
  });

  test("a founded group comes back with all its fields", async (opened) => {
    const change = { ...entry(4, 2, "change", "configuration"), payload: bytesOf("change") };
    await opened.storage.append([
      ...founded(3),
      entries(3, 2, 3),
      { kind: "entries", group: 3, entries: [change, entry(5, 2), entry(6, 5, "", "empty")] },
      hardState(3, 5, 4),
    ]);
    const before = await opened.storage.readEntries(3, 2, 7, 1e6);
    await opened.reopen();
    deepStrictEqual(opened.recovered.groups, [{
      group: 3,
      replica: 1,
      hardState: { term: 5, votedFor: "a", commitIndex: 4 },
      snapshot: null,
      configuration: VOTERS,
      terms: [{ firstIndex: 2, term: 1 }, { firstIndex: 4, term: 2 }, { firstIndex: 6, term: 5 }],
      lastIndex: 6,
      lastTimeMs: 1_060,
      configurationEntries: [change],
    }]);
    deepStrictEqual(await opened.storage.readEntries(3, 2, 7, 1e6), before);
  });

  test("an uninitialised replica is empty", async (opened) => {
    await opened.storage.append([hardState(2, 4, 0, 9)]);
    await opened.reopen();
    const [group] = opened.recovered.groups;
    strictEqual(group?.replica, 9);
    strictEqual(group.lastIndex, 0);
    strictEqual(group.lastTimeMs, 0);
    strictEqual(group.snapshot, null);
    deepStrictEqual(group.configuration.voters, []);
  });

  test("a replica that was empty may get its log from the formation on", async (opened) => {
    await opened.storage.append([hardState(2, 4, 0, 9)]);
    await opened.storage.append([entries(2, 2, 5)]);
    await opened.storage.append([{ kind: "truncation", group: 2, fromIndex: 2 }]);
    await opened.storage.append([entries(2, 2, 3, 2)]);
    await opened.reopen();
    strictEqual(opened.recovered.groups[0]?.lastIndex, 3);
    deepStrictEqual(await opened.storage.readEntries(2, 2, 9, 1e6), [entry(2, 2), entry(3, 2)]);
  });

  test("entries are read before they are durable, and within the byte bound", async (opened) => {
    const durable = opened.storage.append([...founded(0), entries(0, 2, 50)]);
    deepStrictEqual(
      await opened.storage.readEntries(0, 10, 13, 1e6),
      [entry(10), entry(11), entry(12)],
    );
    await durable;
    strictEqual((await opened.storage.readEntries(0, 2, 51, 100))?.length, 2);
    strictEqual((await opened.storage.readEntries(0, 2, 51, 1))?.length, 1);
    strictEqual((await opened.storage.readEntries(0, 2, 99, 1e6))?.length, 49);
    strictEqual(await opened.storage.readEntries(0, 1, 5, 1e6), null);
    strictEqual(await opened.storage.readEntries(7, 1, 5, 1e6), null);
  });

  test("a truncation brings the end back, and new entries follow it", async (opened) => {
    const change = entry(6, 1, "to be undone", "configuration");
    await opened.storage.append([
      ...founded(1),
      entries(1, 2, 5),
      { kind: "entries", group: 1, entries: [change, entry(7)] },
    ]);
    await opened.storage.append([{ kind: "truncation", group: 1, fromIndex: 4 }]);
    await opened.reopen();
    strictEqual(opened.recovered.groups[0]?.lastIndex, 3);
    strictEqual(opened.recovered.groups[0]?.lastTimeMs, 1_030);
    deepStrictEqual(opened.recovered.groups[0]?.configurationEntries, []);
    await opened.storage.append([entries(1, 4, 6, 2)]);
    await opened.reopen();
    deepStrictEqual(opened.recovered.groups[0]?.terms, [
      { firstIndex: 2, term: 1 },
      { firstIndex: 4, term: 2 },
    ]);
    deepStrictEqual(
      await opened.storage.readEntries(1, 3, 7, 1e6),
      [entry(3), entry(4, 2), entry(5, 2), entry(6, 2)],
    );
  });

  test("entries that do not follow the last one are our bug", async (opened) => {
    await opened.storage.append([...founded(1), entries(1, 2, 5)]);
    await rejects(async () => await opened.storage.append([entries(1, 5, 6)]), AssertionError);
    await rejects(async () => await opened.storage.append([entries(1, 7, 8)]), AssertionError);
  });

  test("a snapshot taken here keeps the entries after it", async (opened) => {
    const { storage } = opened;
    await storage.append([...founded(4), entries(4, 2, 20)]);
    const snapshot = await storage.writeSnapshot(
      4,
      { index: 15, term: 1, timeMs: 1_150, configuration: VOTERS },
      chunksOf(bytesOf("hello "), bytesOf("world")),
    );
    strictEqual(snapshot.sizeBytes, 11);
    strictEqual(snapshot.checksum, crc32("hello world"));
    await storage.append([{ kind: "snapshot", group: 4, snapshot, keepEntries: true }]);
    strictEqual(await storage.readEntries(4, 15, 17, 1e6), null);
    await opened.reopen();
    const [group] = opened.recovered.groups;
    deepStrictEqual(group?.snapshot, snapshot);
    deepStrictEqual(group.configuration, VOTERS);
    strictEqual(group.lastIndex, 20);
    deepStrictEqual(group.terms, [{ firstIndex: 16, term: 1 }]);
    deepStrictEqual(await opened.storage.readEntries(4, 16, 18, 1e6), [entry(16), entry(17)]);
    deepStrictEqual(await opened.storage.readSnapshot(4, snapshot, 6, 3), bytesOf("wor"));
    deepStrictEqual(await opened.storage.readSnapshot(4, snapshot, 6, 99), bytesOf("world"));
  });

  test("a snapshot without its reference does not count", async (opened) => {
    await opened.storage.append(founded(4));
    const snapshot = await opened.storage.writeSnapshot(
      4,
      { index: 1, term: 1, timeMs: 0, configuration: VOTERS },
      chunksOf(bytesOf("never named")),
    );
    await opened.reopen();
    strictEqual(opened.recovered.groups[0]?.snapshot, null);
    strictEqual(await opened.storage.readSnapshot(4, snapshot, 0, 99), null);
  });

  test("a received snapshot comes in parts, resumes, and voids all entries", async (opened) => {
    const { storage } = opened;
    await storage.append([...founded(5), entries(5, 2, 9)]);
    const bytes = bytesOf("0123456789");
    const snapshot = {
      index: 100,
      term: 3,
      timeMs: 9_999,
      configuration: { ...VOTERS, index: 88 },
      sizeBytes: 10,
      checksum: crc32(bytes),
      values: [],
    };
    const first = await storage.receiveSnapshot(5, snapshot);
    strictEqual(await first.write(0, bytes.subarray(0, 4)), 4);
    strictEqual(await first.write(3, bytes.subarray(3, 6)), 4, "a wrong offset changes nothing");
    const resumed = await storage.receiveSnapshot(5, snapshot);
    strictEqual(resumed.storedBytes, 4);
    strictEqual(await resumed.write(4, bytes.subarray(4)), 10);
    strictEqual(await resumed.finish(), true);
    await storage.append([
      { kind: "snapshot", group: 5, snapshot, keepEntries: false },
      entries(5, 101, 103, 3),
    ]);
    await opened.reopen();
    strictEqual(opened.recovered.groups[0]?.lastIndex, 103);
    deepStrictEqual(opened.recovered.groups[0]?.snapshot, snapshot);
    strictEqual(await opened.storage.readEntries(5, 100, 102, 1e6), null);
    deepStrictEqual(await opened.storage.readSnapshot(5, snapshot, 0, 99), bytes);
  });

  test("a received snapshot of another checksum begins anew, a damaged one goes", async (opened) => {
    await opened.storage.append(founded(5));
    const snapshot = {
      index: 50,
      term: 3,
      timeMs: 1,
      configuration: VOTERS,
      sizeBytes: 4,
      checksum: crc32("good"),
      values: [],
    };
    const other = await opened.storage.receiveSnapshot(5, { ...snapshot, checksum: 1 });
    await other.write(0, bytesOf("go"));
    const incoming = await opened.storage.receiveSnapshot(5, snapshot);
    strictEqual(incoming.storedBytes, 0);
    await incoming.write(0, bytesOf("evil"));
    strictEqual(await incoming.finish(), false);
    strictEqual((await opened.storage.receiveSnapshot(5, snapshot)).storedBytes, 0);
  });

  test("a tombstone removes the group, for ever", async (opened) => {
    await opened.storage.append([...founded(6), entries(6, 2, 4)]);
    await opened.storage.append([{ kind: "tombstone", group: 6, lowestReplica: 8 }]);
    await opened.reopen();
    strictEqual(opened.recovered.groups.length, 0);
    deepStrictEqual([...opened.recovered.tombstones], [[6, 8]]);
    await rejects(async () => await opened.storage.append([hardState(6, 1, 1, 7)]), AssertionError);
    await opened.storage.append([hardState(6, 3, 0, 8)]);
    await opened.reopen();
    strictEqual(opened.recovered.groups[0]?.replica, 8);
    deepStrictEqual([...opened.recovered.tombstones], [[6, 8]]);
  });

  test("properties: the last value wins, null removes", async (opened) => {
    const set = (name: string, value: string | null): StorageRecord => ({
      kind: "property",
      name,
      value: value === null ? null : bytesOf(value),
    });
    await opened.storage.append([set("plan", "one"), set("boot", "x"), set("plan", "two")]);
    await opened.storage.append([set("boot", null)]);
    await opened.reopen();
    deepStrictEqual([...opened.recovered.properties], [["plan", bytesOf("two")]]);
  });

  test("values are read back, and last when a snapshot names their file", async (opened) => {
    await opened.storage.append([...founded(1), entries(1, 2, 9)]);
    const first = opened.storage.appendValue(1, bytesOf("payload one"));
    const empty = opened.storage.appendValue(1, new Uint8Array());
    deepStrictEqual(
      await opened.storage.readValues(1, [first, empty]),
      [bytesOf("payload one"), new Uint8Array()],
    );
    const snapshot = await opened.storage.writeSnapshot(
      1,
      { index: 5, term: 1, timeMs: 1, configuration: VOTERS, valueFiles: [first.file] },
      chunksOf(bytesOf("names the value")),
    );
    await opened.storage.append([{ kind: "snapshot", group: 1, snapshot, keepEntries: true }]);
    const late = opened.storage.appendValue(1, bytesOf("after the snapshot"));
    await opened.storage.readValues(1, [late]);
    await opened.reopen();
    deepStrictEqual(await opened.storage.readValues(1, [first]), [bytesOf("payload one")]);
    await rejects(opened.storage.readValues(1, [late]), StorageCorruptError);
    deepStrictEqual(opened.storage.appendValue(1, bytesOf("replayed, and longer!")), {
      ...late,
      sizeBytes: 21,
    });
  });

  test("appends of one moment share a batch, and later ones keep their order", async (opened) => {
    const { storage } = opened;
    await storage.append(founded(1));
    const before = storage.statistics();
    const order: number[] = [];
    const pending: Promise<void>[] = [];
    for (let index = 2; index < 102; index++) {
      pending.push(storage.append([entries(1, index, index)]).then(() => void order.push(index)));
      if (index % 10 === 0) await Promise.resolve();
    }
    await Promise.all(pending);
    deepStrictEqual(order, order.slice().sort((left, right) => left - right));
    const after = storage.statistics();
    ok(after.fsyncs - before.fsyncs < 20, `${after.fsyncs - before.fsyncs} fsyncs of 100 appends`);
    ok(after.batches > before.batches);
    strictEqual(after.records - before.records, 100);
  });
}

/** A store with an identity, on a new medium. */
export async function create(medium: Medium): Promise<Opened> {
  const storage = medium.instance();
  const opened: Opened = {
    storage,
    recovered: await storage.open(),
    async reopen() {
      await opened.storage.close();
      opened.storage = medium.instance();
      opened.recovered = await opened.storage.open();
    },
  };
  await storage.create(IDENTITY);
  return opened;
}
