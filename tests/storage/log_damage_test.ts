/** What a damaged log is taken for: cut anywhere, flipped anywhere, imitated, incomplete. */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { checkLog } from "../../src/storage/log/check.ts";
import { LogStorage } from "../../src/storage/log/log_storage.ts";
import {
  type Recovered,
  StorageCorruptError,
  StorageForeignError,
} from "../../src/storage/storage.ts";
import { CrashFileSystem } from "./crash_file_system.ts";
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

const DIRECTORY = "/store";
const FIRST = `${DIRECTORY}/wal/0000000000000001.seg`;
const BATCH_HEADER_BYTES = 32;
const RECORD_FRAME_BYTES = 8;
const LIMITS = {
  reserveBytes: 0,
  segmentBytesMax: 4096,
  preallocationBytes: 64,
  batchBytesMax: 2048,
  entriesRecordBytesMax: 512,
  recordBytesMax: 2000,
};

function storageOn(fileSystem: CrashFileSystem): LogStorage {
  return new LogStorage({ directory: DIRECTORY, fileSystem, limits: LIMITS });
}

async function made(seed = 1): Promise<{ fileSystem: CrashFileSystem; storage: LogStorage }> {
  const fileSystem = new CrashFileSystem(seed);
  const storage = storageOn(fileSystem);
  await storage.open();
  await storage.create(IDENTITY);
  return { fileSystem, storage };
}

async function openingOf(fileSystem: CrashFileSystem): Promise<Recovered> {
  const storage = storageOn(fileSystem);
  const recovered = await storage.open();
  await storage.close();
  return recovered;
}

/** Opening and the check say the same: corrupt, in this file, at this offset or a little before `below`. */
async function assertCorrupt(fileSystem: CrashFileSystem, file: string, below: number) {
  const before = fileSystem.paths().map((path) => [path, fileSystem.bytesOf(path)]);
  const report = await checkLog(DIRECTORY, fileSystem);
  deepStrictEqual(fileSystem.paths().map((path) => [path, fileSystem.bytesOf(path)]), before);
  strictEqual(report.verdict, "corrupt");
  await rejects(openingOf(fileSystem), (error: unknown) => {
    ok(error instanceof StorageCorruptError, String(error));
    strictEqual(error.file, file);
    ok(error.offsetBytes <= below, `${error.offsetBytes} > ${below}`);
    deepStrictEqual([report.file, report.offsetBytes], [error.file, error.offsetBytes]);
    ok(error.message.includes(file) && error.message.includes(String(error.offsetBytes)));
    return true;
  });
}

function flipped(bytes: Uint8Array, at: number, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[at]! ^= 1 << bit;
  return copy;
}

/** Three batches: [64..96) made, founding, [x..y) entries 2 to 4, and the last: entries 5 to 7 and a state. */
async function threeBatches() {
  const { fileSystem, storage } = await made();
  await storage.append(founded(1));
  await storage.append([entries(1, 2, 4)]);
  const attestedBytes = storage.statistics().sizeBytes;
  await storage.append([entries(1, 5, 5), entries(1, 6, 7), hardState(1, 3, 6)]);
  const endBytes = storage.statistics().sizeBytes;
  await storage.close();
  return { fileSystem, attestedBytes, endBytes };
}

Deno.test("log: cut at every byte of the last records, it opens with all that lies before", async () => {
  const { fileSystem, attestedBytes, endBytes } = await threeBatches();
  const whole = fileSystem.bytesOf(FIRST);
  const seen = new Set<string>();
  for (let cut = attestedBytes; cut <= endBytes; cut++) {
    const damaged = fileSystem.copy();
    damaged.setBytes(FIRST, whole.subarray(0, cut));
    const report = await checkLog(DIRECTORY, damaged);
    strictEqual(report.verdict, "sound");
    const { groups, tornTail } = await openingOf(damaged);
    const [group] = groups;
    ok(group !== undefined);
    deepStrictEqual(report.tornTail, tornTail);
    strictEqual(report.groups[0]?.lastIndex, group.lastIndex);
    strictEqual(tornTail === null, cut === attestedBytes || cut === endBytes, `cut at ${cut}`);
    seen.add(`${group.lastIndex} ${group.hardState.term}`);
    // And once more: what was rewritten is sound, and the same.
    const again = await openingOf(damaged);
    deepStrictEqual(again.groups, groups);
    strictEqual(again.tornTail, null);
  }
  deepStrictEqual([...seen], ["4 1", "5 1", "7 1", "7 3"]);
});

Deno.test("log: every bit flipped below an attested offset is corruption, named alike by the check", async () => {
  const { fileSystem, attestedBytes } = await threeBatches();
  const whole = fileSystem.bytesOf(FIRST);
  for (let at = 0; at < attestedBytes; at++) {
    const damaged = fileSystem.copy();
    damaged.setBytes(FIRST, flipped(whole, at, at % 8));
    await assertCorrupt(damaged, FIRST, at);
  }
});

Deno.test("log: every bit flipped above the attested offset is a torn tail, and cut", async () => {
  const { fileSystem, attestedBytes, endBytes } = await threeBatches();
  const whole = fileSystem.bytesOf(FIRST);
  for (let at = attestedBytes; at < endBytes; at++) {
    const damaged = fileSystem.copy();
    damaged.setBytes(FIRST, flipped(whole, at, at % 8));
    const { groups, tornTail } = await openingOf(damaged);
    ok(groups[0]!.lastIndex >= 4 && groups[0]!.lastIndex <= 7);
    ok(groups[0]!.hardState.term === 1, "the record behind the bad one is not kept");
    ok(tornTail !== null && tornTail.offsetBytes <= at);
    strictEqual(tornTail.file, FIRST);
  }
});

Deno.test("log: a segment with a successor is attested to its end", async () => {
  const { fileSystem, storage } = await made();
  await storage.append(founded(1));
  for (let index = 2; index < 200; index++) await storage.append([entries(1, index, index)]);
  await storage.close();
  const segments = fileSystem.paths().filter((path) => path.endsWith(".seg"));
  ok(segments.length >= 3, `${segments.length} segments`);
  const [first, second] = segments as [string, string];
  const whole = fileSystem.bytesOf(first);
  const header = new DataView(fileSystem.bytesOf(second).buffer);
  const lengthBytes = header.getUint32(48, true);
  for (let at = 0; at < lengthBytes; at += 7) {
    const damaged = fileSystem.copy();
    damaged.setBytes(first, flipped(whole, at, at % 8));
    await assertCorrupt(damaged, first, at);
  }
  const beyond = fileSystem.copy();
  beyond.setBytes(first, new Uint8Array([...whole.subarray(0, lengthBytes), 1, 2, 3]));
  strictEqual((await openingOf(beyond)).groups[0]?.lastIndex, 199, "bytes past it are ignored");
  const missing = fileSystem.copy();
  missing.forget(second);
  await assertCorrupt(missing, second, 0);
});

Deno.test("log: a torn header of the newest segment is tail", async () => {
  const { fileSystem, storage } = await made();
  await storage.append(founded(1));
  let index = 2;
  const newestOf = () => fileSystem.paths().filter((path) => path.endsWith(".seg")).at(-1)!;
  while (newestOf() === FIRST) {
    await storage.append([entries(1, index, index)]);
    index++;
  }
  await storage.close();
  const newest = newestOf();
  const whole = fileSystem.bytesOf(newest);
  for (const size of [0, 1, 63]) {
    const torn = fileSystem.copy();
    torn.setBytes(newest, whole.subarray(0, size));
    const recovered = await openingOf(torn);
    strictEqual(recovered.groups[0]?.lastIndex, index - 2);
    deepStrictEqual(recovered.tornTail, { file: newest, offsetBytes: 0, sizeBytes: size });
    deepStrictEqual((await openingOf(torn)).groups, recovered.groups);
  }
  // Nothing attests its first batch: a flip in the header takes that batch with it.
  const flippedHeader = fileSystem.copy();
  flippedHeader.setBytes(newest, flipped(whole, 20, 3));
  strictEqual((await openingOf(flippedHeader)).groups[0]?.lastIndex, index - 2);
});

Deno.test("log: a damaged header that later batches attest is corruption, in the newest segment too", async () => {
  const { fileSystem, storage } = await made();
  await storage.append(founded(1));
  const newestOf = () => fileSystem.paths().filter((path) => path.endsWith(".seg")).at(-1)!;
  let index = 2;
  for (let more = 3; more > 0; index++) {
    await storage.append([entries(1, index, index)]);
    if (newestOf() !== FIRST) more--;
  }
  await storage.close();
  const newest = newestOf();
  const whole = fileSystem.bytesOf(newest);
  for (let at = 0; at < 64; at++) {
    const damaged = fileSystem.copy();
    damaged.setBytes(newest, flipped(whole, at, at % 8));
    await assertCorrupt(damaged, newest, 0);
  }
});

Deno.test("log: a payload that imitates a batch header attests nothing", async () => {
  const { fileSystem, storage } = await made();
  await storage.append([...founded(1), entries(1, 2, 3)]);
  const attested = storage.statistics().sizeBytes;
  await storage.append([entries(1, 4, 4)]);
  const real = fileSystem.bytesOf(FIRST).subarray(attested, attested + BATCH_HEADER_BYTES);
  const last = storage.statistics().sizeBytes;
  const payload = new Uint8Array([...real, ...real, ...real]);
  await storage.append([
    { kind: "entries", group: 1, entries: [{ ...entry(5), payload }, entry(6)] },
  ]);
  await storage.close();
  const whole = fileSystem.bytesOf(FIRST);
  // The record before the imitations is bad; nothing real behind it attests it.
  fileSystem.setBytes(FIRST, flipped(whole, last + BATCH_HEADER_BYTES + RECORD_FRAME_BYTES, 0));
  const recovered = await openingOf(fileSystem);
  strictEqual(recovered.groups[0]?.lastIndex, 4);
  strictEqual(recovered.tornTail?.offsetBytes, last + BATCH_HEADER_BYTES);
});

Deno.test("log: a bad record does not hide the attestation behind it", async () => {
  const { fileSystem, attestedBytes } = await threeBatches();
  const whole = fileSystem.bytesOf(FIRST);
  // All from the founding on to the last batch's header is gone: that header alone speaks.
  const damaged = whole.slice();
  damaged.fill(0xff, 96, attestedBytes);
  fileSystem.setBytes(FIRST, damaged);
  await assertCorrupt(fileSystem, FIRST, 96);
});

Deno.test("log: a reference to a snapshot without its file, or with another, is corruption", async () => {
  const { fileSystem, storage } = await made();
  await storage.append([...founded(1), entries(1, 2, 9)]);
  const value = storage.appendValue(1, bytesOf("a value"));
  const snapshot = await storage.writeSnapshot(
    1,
    { index: 5, term: 1, timeMs: 1, configuration: VOTERS, valueFiles: [value.file] },
    chunksOf(bytesOf("state")),
  );
  await storage.append([{ kind: "snapshot", group: 1, snapshot, keepEntries: true }]);
  await storage.close();
  const [file] = fileSystem.paths().filter((path) => path.endsWith(".snap"));
  ok(file !== undefined && value.file === 1);
  const missing = fileSystem.copy();
  missing.forget(file);
  await assertCorrupt(missing, file, 0);
  const changed = fileSystem.copy();
  changed.setBytes(file, bytesOf("stale"));
  await assertCorrupt(changed, file, 0);
  const short = fileSystem.copy();
  short.setBytes(file, bytesOf("sta"));
  await assertCorrupt(short, file, 3);
  const values = `${DIRECTORY}/values/1-1.val`;
  const cut = fileSystem.copy();
  cut.setBytes(values, fileSystem.bytesOf(values).subarray(0, 5));
  await assertCorrupt(cut, values, 5);
  const flippedValue = fileSystem.copy();
  flippedValue.setBytes(values, flipped(fileSystem.bytesOf(values), 6, 1));
  const reopened = storageOn(flippedValue);
  await reopened.open();
  await rejects(reopened.readValues(1, [value]), (error: unknown) => {
    ok(error instanceof StorageCorruptError);
    deepStrictEqual([error.file, error.offsetBytes], [values, value.offsetBytes]);
    return true;
  });
  await reopened.close();
});

Deno.test("log: identity and segments that do not belong together are refused", async () => {
  const { fileSystem } = await threeBatches();
  const identity = `${DIRECTORY}/identity.json`;
  const refused = async (change: (damaged: CrashFileSystem) => void) => {
    const damaged = fileSystem.copy();
    change(damaged);
    strictEqual((await checkLog(DIRECTORY, damaged)).verdict, "foreign");
    await rejects(openingOf(damaged), StorageForeignError);
  };
  await refused((damaged) => damaged.forget(identity));
  await refused((damaged) => damaged.forget(FIRST));
  await refused((damaged) => {
    const text = new TextDecoder().decode(damaged.bytesOf(identity));
    damaged.setBytes(identity, bytesOf(text.replace(IDENTITY.storeId, "00".repeat(16))));
  });
  await refused((damaged) => damaged.setBytes(identity, bytesOf("{}")));
  await refused((damaged) => damaged.setBytes(identity, bytesOf("not json")));
});

Deno.test("log: the check tells what a store holds", async () => {
  const { fileSystem } = await threeBatches();
  const report = await checkLog(DIRECTORY, fileSystem);
  ok(report.verdict === "sound");
  strictEqual(report.storeId, IDENTITY.storeId);
  deepStrictEqual(report.groups, [{
    group: 1,
    replica: 1,
    term: 3,
    commitIndex: 6,
    firstIndex: 2,
    lastIndex: 7,
    snapshot: null,
    valueBytes: 0,
  }]);
  deepStrictEqual(report.segments.map(({ toBeMade }) => toBeMade), [false, true]);
  strictEqual((await checkLog("/nothing", fileSystem)).verdict, "sound");
  const open = storageOn(fileSystem);
  await open.open();
  strictEqual((await checkLog(DIRECTORY, fileSystem)).verdict, "inUse");
  await open.close();
});
