/**
 * What every storage does with value files: naming them in snapshots, sending and receiving them, dropping those that
 * nothing needs. Media for it begin a new value file after `VALUE_FILE_BYTES_MAX`.
 */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { isSameSnapshot, type SnapshotMeta, transferBytes } from "../../src/raft/entry.ts";
import { MemoryDisk, MemoryStorage } from "../../src/storage/memory.ts";
import {
  type GroupId,
  type IncomingSnapshot,
  type Storage,
  StorageCorruptError,
  type ValueReference,
} from "../../src/storage/storage.ts";
import { eventually } from "../eventually.ts";
import { create, type Medium, type Opened } from "./conformance.ts";
import { bytesOf, chunksOf, entries, founded, hardState, IDENTITY, VOTERS } from "./records.ts";

export const VALUE_FILE_BYTES_MAX = 64;

const GROUP = 1;

/** Four bytes of head, and this: three of them fill a file. */
function value(text: string): Uint8Array {
  return bytesOf(text.padEnd(16, "."));
}

function append(storage: Storage, ...texts: string[]): ValueReference[] {
  return texts.map((text) => storage.appendValue(GROUP, value(text)));
}

function filesOf(references: readonly ValueReference[]): number[] {
  return [...new Set(references.map(({ file }) => file))].sort((left, right) => left - right);
}

async function write(
  storage: Storage,
  index: number,
  valueFiles: readonly number[],
): Promise<SnapshotMeta> {
  const position = { index, term: 1, timeMs: 1, configuration: VOTERS, valueFiles };
  return await storage.writeSnapshot(GROUP, position, chunksOf(bytesOf(`state at ${index}`)));
}

/** Takes a snapshot of a state that refers to these files. */
async function take(
  storage: Storage,
  index: number,
  valueFiles: readonly number[],
): Promise<SnapshotMeta> {
  const snapshot = await write(storage, index, valueFiles);
  await storage.append([{ kind: "snapshot", group: GROUP, snapshot, keepEntries: true }]);
  return snapshot;
}

/** All of a transfer's bytes, read in parts of this size. */
async function stream(
  storage: Storage,
  snapshot: SnapshotMeta,
  partBytes: number,
): Promise<Uint8Array> {
  const bytes: number[] = [];
  while (bytes.length < transferBytes(snapshot)) {
    const part = await storage.readSnapshot(GROUP, snapshot, bytes.length, partBytes);
    ok(part !== null && part.length > 0 && part.length <= partBytes);
    bytes.push(...part);
  }
  return new Uint8Array(bytes);
}

async function feed(
  incoming: IncomingSnapshot,
  bytes: Uint8Array,
  partBytes: number,
): Promise<void> {
  while (incoming.storedBytes < bytes.length) {
    const at = incoming.storedBytes;
    strictEqual(
      await incoming.write(at, bytes.subarray(at, at + partBytes)),
      Math.min(bytes.length, at + partBytes),
    );
  }
}

/** A snapshot of another replica with values in three files, of which it names the last two. */
async function elsewhere(): Promise<{
  readonly source: Storage;
  readonly snapshot: SnapshotMeta;
  readonly bytes: Uint8Array;
  readonly references: readonly ValueReference[];
}> {
  const disk = new MemoryDisk();
  const source = new MemoryStorage(disk, { valueFileBytesMax: VALUE_FILE_BYTES_MAX });
  await source.open();
  await source.create(IDENTITY);
  await source.append([...founded(GROUP), entries(GROUP, 2, 30)]);
  append(source, "dead", "dead", "dead");
  const references = append(source, "zero", "one", "two", "three");
  const snapshot = await take(source, 20, filesOf(references));
  return { source, snapshot, bytes: await stream(source, snapshot, 1_000), references };
}

/** The references as they are at a replica that stored the snapshot's files under its own numbers. */
function translated(
  storage: Storage,
  snapshot: SnapshotMeta,
  references: readonly ValueReference[],
): readonly ValueReference[] {
  const here = storage.valueFilesOf(GROUP, snapshot);
  ok(here !== null);
  return references.map((reference) => {
    const place = snapshot.values.findIndex(({ file }) => file === reference.file);
    return { ...reference, file: here[place]! };
  });
}

async function receive(storage: Storage, group: GroupId, partBytes: number) {
  const sent = await elsewhere();
  const incoming = await storage.receiveSnapshot(group, sent.snapshot);
  await feed(incoming, sent.bytes, partBytes);
  strictEqual(await incoming.finish(), true);
  return sent;
}

async function assertValues(
  storage: Storage,
  references: readonly ValueReference[],
  texts: readonly string[],
): Promise<void> {
  deepStrictEqual(await storage.readValues(GROUP, references), texts.map(value));
}

/** Files are removed behind the reference that replaced them, beside what goes on. */
async function gone(storage: Storage, references: readonly ValueReference[]): Promise<void> {
  await eventually("the values' files have gone", 10_000, async () => {
    const found = await storage.readValues(GROUP, references);
    ok(found.every((one) => one === null));
  });
}

export function valueConformance(name: string, makeMedium: () => Promise<Medium>): void {
  const test = (what: string, run: (opened: Opened) => Promise<void>) => {
    Deno.test(`${name}: ${what}`, async () => {
      const medium = await makeMedium();
      const opened = await create(medium);
      try {
        await opened.storage.append([...founded(GROUP), entries(GROUP, 2, 50)]);
        await run(opened);
      } finally {
        await opened.storage.close();
        await medium.remove();
      }
    });
  };

  test("many values come by one call, in the order of asking", async ({ storage }) => {
    const texts = Array.from({ length: 20 }, (_, at) => `value ${at}`);
    const references = append(storage, ...texts);
    ok(filesOf(references).length > 5, "over several files");
    await assertValues(storage, references, texts);
    const order = [7, 3, 3, 19, 0, 8];
    await assertValues(storage, order.map((at) => references[at]!), order.map((at) => texts[at]!));
  });

  test("a value larger than a file is in a file of its own", async ({ storage }) => {
    const large = new Uint8Array(500).fill(7);
    const [small] = append(storage, "small");
    const reference = storage.appendValue(GROUP, large);
    ok(reference.file > small!.file);
    deepStrictEqual(await storage.readValues(GROUP, [reference]), [large]);
  });

  test("a snapshot names length and checksum of each file", async ({ storage }) => {
    const references = append(storage, "a", "b", "c", "d");
    const writing = write(storage, 5, filesOf(references));
    append(storage, "too late");
    const snapshot = await writing;
    deepStrictEqual(
      snapshot.values.map(({ file, lengthBytes }) => [file, lengthBytes]),
      [[1, 60], [2, 20]],
    );
    deepStrictEqual(storage.valueFilesOf(GROUP, snapshot), [1, 2]);
    const other = await write(storage, 6, [1]);
    strictEqual(other.values[0]!.checksum, snapshot.values[0]!.checksum);
  });

  test("the checksum goes on behind what an opening found", async (opened) => {
    const [first] = append(opened.storage, "before");
    await take(opened.storage, 5, [first!.file]);
    append(opened.storage, "never named");
    await opened.reopen();
    append(opened.storage, "after");
    const snapshot = await take(opened.storage, 6, [first!.file]);
    const bytes = await stream(opened.storage, snapshot, 1_000);
    const elsewhere = await makeMedium();
    const again = await create(elsewhere);
    await again.storage.append([...founded(GROUP)]);
    const incoming = await again.storage.receiveSnapshot(GROUP, snapshot);
    await feed(incoming, bytes, 1_000);
    strictEqual(await incoming.finish(), true);
    await again.storage.close();
    await elsewhere.remove();
  });

  test("files that a snapshot does not name go with its reference, and only then", async (opened) => {
    const { storage } = opened;
    const references = append(storage, "a", "b", "c", "d", "e", "f", "g");
    const snapshot = await write(storage, 5, [2]);
    await storage.readValues(GROUP, references);
    await storage.append([{ kind: "snapshot", group: GROUP, snapshot, keepEntries: true }]);
    const [late] = append(storage, "after");
    ok(late!.file > 3, "what is not named is not appended to");
    await opened.reopen();
    await assertValues(opened.storage, references.slice(3, 6), ["d", "e", "f"]);
    await rejects(opened.storage.readValues(GROUP, references.slice(6)), StorageCorruptError);
  });

  test("a value whose file has gone is null, beside others that are there", async ({ storage }) => {
    const references = append(storage, "a", "b", "c", "d");
    await take(storage, 5, [2]);
    await gone(storage, references.slice(0, 3));
    deepStrictEqual(
      await storage.readValues(GROUP, [references[0]!, references[3]!]),
      [null, value("d")],
    );
    const nowhere = { file: 99, offsetBytes: 0, sizeBytes: 1 };
    await rejects(storage.readValues(GROUP, [nowhere]), StorageCorruptError);
  });

  test("what came after a snapshot was begun outlives its reference", async ({ storage }) => {
    append(storage, "dead", "dead", "dead");
    const snapshot = await write(storage, 5, []);
    const later = append(storage, "x", "y", "z", "w");
    await storage.append([{ kind: "snapshot", group: GROUP, snapshot, keepEntries: true }]);
    await assertValues(storage, later, ["x", "y", "z", "w"]);
  });

  test("a transfer that is under way keeps its files for one turn", async ({ storage }) => {
    const references = append(storage, "a", "b", "c", "d");
    const first = await take(storage, 5, filesOf(references));
    const before = await stream(storage, first, 7);
    await take(storage, 6, []);
    deepStrictEqual(await stream(storage, first, 9), before);
    await take(storage, 7, []);
    deepStrictEqual(await stream(storage, first, 9), before, "it was read again");
    await take(storage, 8, []);
    await take(storage, 9, []);
    await gone(storage, references);
    strictEqual(await storage.readSnapshot(GROUP, first, 0, 9), null);
    strictEqual(await storage.readSnapshot(GROUP, first, first.sizeBytes, 9), null);
  });

  for (const partBytes of [1, 11, 1_000]) {
    test(`a snapshot is received with its values, ${partBytes} bytes at a time`, async (opened) => {
      append(opened.storage, "own", "own", "own", "own");
      const { snapshot, references, bytes } = await receive(opened.storage, GROUP, partBytes);
      await opened.storage.append([
        { kind: "snapshot", group: GROUP, snapshot, keepEntries: false },
      ]);
      const texts = ["zero", "one", "two", "three"];
      const here = translated(opened.storage, snapshot, references);
      ok(here.every(({ file }) => file > 2), "under numbers of their own");
      await assertValues(opened.storage, here, texts);
      await opened.reopen();
      deepStrictEqual(opened.recovered.groups[0]?.snapshot, snapshot);
      deepStrictEqual(translated(opened.storage, snapshot, references), here);
      await assertValues(opened.storage, here, texts);
      deepStrictEqual(await stream(opened.storage, snapshot, 13), bytes, "it can be sent on");
    });
  }

  test("what was here before goes with the reference to a received snapshot", async (opened) => {
    const { storage } = opened;
    const former = append(storage, "a", "b", "c", "d");
    await take(storage, 3, filesOf(former));
    const { snapshot } = await receive(storage, GROUP, 100);
    const rest = append(storage, "of the former state");
    await assertValues(storage, rest, ["of the former state"]);
    await storage.append([{ kind: "snapshot", group: GROUP, snapshot, keepEntries: false }]);
    const [own] = append(storage, "of the new state");
    await storage.append([entries(GROUP, 21, 30)]);
    await take(storage, 22, [...storage.valueFilesOf(GROUP, snapshot)!, own!.file]);
    await gone(storage, [...former, ...rest]);
    await opened.reopen();
    await assertValues(opened.storage, [own!], ["of the new state"]);
  });

  test("a received snapshot without its reference leaves nothing", async (opened) => {
    const { snapshot } = await receive(opened.storage, GROUP, 100);
    await opened.reopen();
    strictEqual(opened.storage.valueFilesOf(GROUP, snapshot), null);
    strictEqual(append(opened.storage, "the first")[0]!.file, 1, "no number was taken");
  });

  test("a transfer with values resumes where it stands, within one snapshot", async ({ storage }) => {
    const { snapshot, bytes } = await elsewhere();
    const first = await storage.receiveSnapshot(GROUP, snapshot);
    await first.write(0, bytes.subarray(0, 40));
    const other = structuredClone(snapshot) as { values: { checksum: number }[] } & SnapshotMeta;
    strictEqual((await storage.receiveSnapshot(GROUP, structuredClone(snapshot))).storedBytes, 40);
    strictEqual(await first.write(bytes.length - 1, bytes.subarray(0, 4)), 40);
    strictEqual(await first.write(40, new Uint8Array(bytes.length)), 40, "past the end");
    other.values[1]!.checksum ^= 1;
    ok(!isSameSnapshot(other, snapshot));
    strictEqual((await storage.receiveSnapshot(GROUP, other)).storedBytes, 0);
  });

  test("damage on the way is found in the snapshot and in each of its files", async ({ storage }) => {
    const { snapshot, bytes } = await elsewhere();
    for (const at of [3, snapshot.sizeBytes + 5, bytes.length - 1]) {
      const damaged = bytes.slice();
      damaged[at]! ^= 16;
      const incoming = await storage.receiveSnapshot(GROUP, snapshot);
      await feed(incoming, damaged, 50);
      strictEqual(await incoming.finish(), false);
      strictEqual(storage.valueFilesOf(GROUP, snapshot), null);
    }
    const short = await storage.receiveSnapshot(GROUP, snapshot);
    await feed(short, bytes.subarray(0, bytes.length - 1), 50);
    strictEqual(await short.finish(), false);
    await receive(storage, GROUP, 50);
  });

  test("a replica that comes after a removed one has files of its own", async (opened) => {
    const { storage } = opened;
    const former = append(storage, "former");
    await take(storage, 5, filesOf(former));
    const removed = storage.append([{ kind: "tombstone", group: GROUP, lowestReplica: 5 }]);
    const latter = append(storage, "latter");
    ok(latter[0]!.file > former[0]!.file);
    await removed;
    await storage.append([hardState(GROUP, 1, 0, 5)]);
    await assertValues(storage, latter, ["latter"]);
    await gone(storage, former);
  });
}
