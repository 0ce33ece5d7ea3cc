/**
 * The embedded log dies at every single step that changes something on disk, by kill -9 and by power cut, while
 * values are appended, named, dropped and received. Whatever snapshot is found in force afterwards: every value that
 * it refers to is there and sound, and no file is left that it does not name.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { SnapshotMeta } from "../../src/raft/entry.ts";
import { LogStorage } from "../../src/storage/log/log_storage.ts";
import { MemoryDisk, MemoryStorage } from "../../src/storage/memory.ts";
import {
  type Recovered,
  type Storage,
  StorageFailedError,
  type ValueReference,
} from "../../src/storage/storage.ts";
import { CrashFileSystem } from "./crash_file_system.ts";
import { bytesOf, chunksOf, entries, founded, IDENTITY, VOTERS } from "./records.ts";

const DIRECTORY = "/store";
const LIMITS = { reserveBytes: 0, preallocationBytes: 64, valueFileBytesMax: 200 };
const RECEIVED_INDEX = 100;

/** A state whose snapshot is the list of its references. */
function encodeState(references: readonly ValueReference[]): Uint8Array {
  return bytesOf(JSON.stringify(references));
}

/** Longer than a page of the crashing file system now and then, so that it may tear. */
function valueAt(index: number): Uint8Array {
  return bytesOf(`value ${index} `.repeat(index % 5 === 0 ? 80 : 4));
}

async function take(
  storage: Storage,
  index: number,
  references: readonly ValueReference[],
): Promise<SnapshotMeta> {
  const valueFiles = [...new Set(references.map(({ file }) => file))].sort((a, b) => a - b);
  const position = { index, term: 1, timeMs: 1, configuration: VOTERS, valueFiles };
  const chunks = chunksOf(encodeState(references));
  const snapshot = await storage.writeSnapshot(1, position, chunks);
  await storage.append([{ kind: "snapshot", group: 1, snapshot, keepEntries: true }]);
  return snapshot;
}

/** What another replica sends: a snapshot and its values as one stream. */
async function foreign(): Promise<{ snapshot: SnapshotMeta; bytes: Uint8Array }> {
  const source = new MemoryStorage(new MemoryDisk(), { valueFileBytesMax: 300 });
  await source.open();
  await source.create(IDENTITY);
  await source.append([...founded(1), entries(1, 2, RECEIVED_INDEX)]);
  const references = Array.from({ length: 12 }, (_, at) => source.appendValue(1, valueAt(at)));
  const snapshot = await take(source, RECEIVED_INDEX, references);
  ok(snapshot.values.length > 2);
  const parts: Uint8Array[] = [];
  for (let offset = 0;; offset += parts.at(-1)!.length) {
    const part = await source.readSnapshot(1, snapshot, offset, 400);
    if (part === null || part.length === 0) break;
    parts.push(part);
  }
  return { snapshot, bytes: new Uint8Array(parts.flatMap((part) => [...part])) };
}

/** What the workload was told, that it may rely on after a crash. */
interface Progress {
  /** The newest snapshot whose reference was acknowledged. */
  index: number;
}

async function workload(
  storage: LogStorage,
  sent: Awaited<ReturnType<typeof foreign>>,
  progress: Progress,
): Promise<void> {
  await storage.append([...founded(1), entries(1, 2, 60)]);
  let live: ValueReference[] = [];
  for (let index = 2; index <= 16; index++) {
    live.push(storage.appendValue(1, valueAt(index)));
    if (index % 2 === 0) await storage.readValues(1, live.slice(-1));
    if (index % 5 !== 0) continue;
    // Most of it is over by now: files go with the next reference.
    live = live.slice(-4);
    await take(storage, index, live);
    progress.index = index;
  }
  const incoming = await storage.receiveSnapshot(1, sent.snapshot);
  for (let at = 0; at < sent.bytes.length; at += 500) {
    await incoming.write(at, sent.bytes.subarray(at, at + 500));
    storage.appendValue(1, valueAt(at));
  }
  strictEqual(await incoming.finish(), true);
  await storage.append([
    { kind: "snapshot", group: 1, snapshot: sent.snapshot, keepEntries: false },
  ]);
  progress.index = RECEIVED_INDEX;
  await storage.append([entries(1, RECEIVED_INDEX + 1, RECEIVED_INDEX + 9)]);
  const [kept] = await storedReferences(storage, sent.snapshot);
  const own = storage.appendValue(1, valueAt(7));
  await take(storage, RECEIVED_INDEX + 1, [kept!, own]);
  progress.index = RECEIVED_INDEX + 1;
  await storage.compacted();
}

/** The references of a snapshot in force, as they are here. */
async function storedReferences(
  storage: Storage,
  snapshot: SnapshotMeta,
): Promise<readonly ValueReference[]> {
  const bytes = await storage.readSnapshot(1, snapshot, 0, 1e6);
  const here = storage.valueFilesOf(1, snapshot);
  ok(bytes !== null && here !== null);
  const references = JSON.parse(new TextDecoder().decode(bytes)) as ValueReference[];
  return references.map((reference) => {
    const place = snapshot.values.findIndex(({ file }) => file === reference.file);
    return { ...reference, file: here[place]! };
  });
}

/** Every value that the snapshot in force refers to is there, and nothing else is on the disk. */
async function judge(
  fileSystem: CrashFileSystem,
  storage: Storage,
  recovered: Recovered,
  progress: Progress,
): Promise<void> {
  const snapshot = recovered.groups[0]?.snapshot ?? null;
  ok((snapshot?.index ?? 0) >= progress.index, `${snapshot?.index} after ${progress.index}`);
  const files = fileSystem.paths().filter((path) => path.startsWith(`${DIRECTORY}/values/`));
  const snapshots = fileSystem.paths().filter((path) => path.startsWith(`${DIRECTORY}/snap/`));
  strictEqual(snapshots.length, snapshot === null ? 0 : 1);
  if (snapshot === null) return deepStrictEqual(files, []);
  const here = storage.valueFilesOf(1, snapshot)!;
  deepStrictEqual(files, here.map((file) => `${DIRECTORY}/values/1-${file}.val`).sort());
  for (const [place, { lengthBytes }] of snapshot.values.entries()) {
    const path = `${DIRECTORY}/values/1-${here[place]}.val`;
    strictEqual(fileSystem.bytesOf(path).length, lengthBytes);
  }
  const values = await storage.readValues(1, await storedReferences(storage, snapshot));
  ok(values.every((value) => value !== null));
}

function storageOn(fileSystem: CrashFileSystem): LogStorage {
  return new LogStorage({ directory: DIRECTORY, fileSystem, limits: LIMITS });
}

async function runUntilDeath(
  fileSystem: CrashFileSystem,
  sent: Awaited<ReturnType<typeof foreign>>,
  progress: Progress,
): Promise<void> {
  const storage = storageOn(fileSystem);
  try {
    const { identity } = await storage.open();
    if (identity === null) await storage.create(IDENTITY);
    await workload(storage, sent, progress);
  } catch (error) {
    ok(error instanceof StorageFailedError, String(error));
  }
}

for (const death of ["kill", "powerCut"] as const) {
  Deno.test(`log: a ${death} at any step leaves every value that a snapshot names`, async () => {
    const sent = await foreign();
    const whole = new CrashFileSystem();
    const progress = { index: 0 };
    await runUntilDeath(whole, sent, progress);
    strictEqual(progress.index, RECEIVED_INDEX + 1);
    ok(whole.steps > 60, `${whole.steps} steps`);
    for (let step = 1; step <= whole.steps; step++) {
      const fileSystem = new CrashFileSystem(step);
      const reached = { index: 0 };
      fileSystem.dieAtStep = step;
      await runUntilDeath(fileSystem, sent, reached);
      fileSystem[death]();
      const storage = storageOn(fileSystem);
      const recovered = await storage.open();
      try {
        await judge(fileSystem, storage, recovered, reached);
      } catch (error) {
        throw new Error(`died at step ${step}`, { cause: error });
      }
      // It goes on: the same work is done to its end in what was left.
      const again = recovered.groups[0] === undefined && recovered.identity !== null;
      if (again) await workload(storage, sent, { index: 0 });
      await storage.close();
    }
  });
}
