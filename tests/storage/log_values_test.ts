/** Value files of the embedded log: how few reads bring many values, and how much may wait to be written. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { LogStorage } from "../../src/storage/log/log_storage.ts";
import type { FileHandle, FileSystem } from "../../src/storage/log/file_system.ts";
import type { LogLimits } from "../../src/storage/log/log_limits.ts";
import { planReads } from "../../src/storage/log/value_reads.ts";
import type { ValueReference } from "../../src/storage/storage.ts";
import { CrashFileSystem } from "./crash_file_system.ts";
import { DIRECTORY } from "./opened_log.ts";
import { bytesOf, chunksOf, founded, IDENTITY, VOTERS } from "./records.ts";

/** Counts reads of value files, and holds writes to them while it is told to. */
class WatchedFileSystem extends CrashFileSystem {
  valueReads = 0;
  /** Value files that are open now. */
  openFiles = 0;
  readonly held: (() => void)[] = [];
  holds = false;

  override async open(...[path, mode]: Parameters<FileSystem["open"]>): Promise<FileHandle> {
    const handle = await super.open(path, mode);
    if (!path.endsWith(".val")) return handle;
    this.openFiles++;
    return {
      ...handle,
      close: () => {
        this.openFiles--;
        handle.close();
      },
      read: (offsetBytes, into) => {
        this.valueReads++;
        return handle.read(offsetBytes, into);
      },
      write: async (offsetBytes, bytes) => {
        if (this.holds) await new Promise<void>((go) => this.held.push(go));
        return await handle.write(offsetBytes, bytes);
      },
    };
  }

  release(): void {
    this.holds = false;
    for (const go of this.held.splice(0)) go();
  }
}

async function opened(limits: Partial<LogLimits> = {}) {
  const fileSystem = new WatchedFileSystem();
  const all = { reserveBytes: 0, preallocationBytes: 64, ...limits };
  const storage = new LogStorage({ directory: DIRECTORY, fileSystem, limits: all });
  await storage.open();
  await storage.create(IDENTITY);
  await storage.append(founded(1));
  return { fileSystem, storage };
}

Deno.test("log: neighbours come by one read, in whatever order they are asked for", async () => {
  const { fileSystem, storage } = await opened();
  const references = Array.from({ length: 1_000 }, (_, at) => {
    return storage.appendValue(1, bytesOf(`value ${at}`));
  });
  await storage.readValues(1, references.slice(0, 1));
  fileSystem.valueReads = 0;
  const found = await storage.readValues(1, references.toReversed());
  deepStrictEqual(found[0], bytesOf("value 999"));
  strictEqual(fileSystem.valueReads, 1);
  await storage.close();
});

Deno.test("log: values far from each other come by reads of their own, of bounded size", () => {
  const at = (offsetBytes: number, sizeBytes: number, file = 1): ValueReference => ({
    file,
    offsetBytes,
    sizeBytes,
  });
  const spans = (...references: ValueReference[]) =>
    planReads(references).map(({ file, offsetBytes, endBytes, places }) => [
      file,
      offsetBytes,
      endBytes,
      places,
    ]);
  deepStrictEqual(spans(), []);
  deepStrictEqual(spans(at(8_204, 10), at(0, 4), at(8, 4_100)), [[1, 0, 8_218, [1, 2, 0]]]);
  deepStrictEqual(spans(at(0, 4), at(4_105, 1)), [[1, 0, 8, [0]], [1, 4_105, 4_110, [1]]]);
  deepStrictEqual(spans(at(0, 4), at(8, 4, 2)), [[1, 0, 8, [0]], [2, 8, 16, [1]]]);
  const large = Array.from({ length: 40 }, (_, place) => at(place * 100_004, 100_000));
  const reads = planReads(large);
  strictEqual(reads.length, 4);
  ok(reads.every(({ offsetBytes, endBytes }) => endBytes - offsetBytes <= 1024 * 1024));
  strictEqual(planReads([at(0, 5_000_000)])[0]!.endBytes, 5_000_004);
});

Deno.test("log: who appends many values is told when there is room again", async () => {
  const { fileSystem, storage } = await opened({ pendingValueBytesMax: 1_000 });
  fileSystem.holds = true;
  let room = 0;
  const ask = () => storage.valueRoom().then(() => void room++);
  storage.appendValue(1, new Uint8Array(900));
  await ask();
  strictEqual(room, 1);
  const late = storage.appendValue(1, new Uint8Array(200));
  const waiting = ask();
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  strictEqual(room, 1, "too much waits");
  fileSystem.release();
  await waiting;
  strictEqual(room, 2);
  deepStrictEqual(await storage.readValues(1, [late]), [new Uint8Array(200)]);
  await storage.close();
});

Deno.test("log: who waits for room is let go when the store fails", async () => {
  const { fileSystem, storage } = await opened({ pendingValueBytesMax: 10 });
  fileSystem.room = 0;
  storage.appendValue(1, new Uint8Array(900));
  await storage.valueRoom();
  ok(storage.failure !== null);
  await storage.close();
});

Deno.test("log: of many value files few are open, and none when the store is closed", async () => {
  const { fileSystem, storage } = await opened({ valueFileBytesMax: 40, openValueFilesMax: 3 });
  const texts = Array.from({ length: 30 }, (_, at) => `a value of its own file, ${at}`);
  const references = texts.map((text) => storage.appendValue(1, bytesOf(text)));
  const valueFiles = references.map(({ file }) => file);
  strictEqual(new Set(valueFiles).size, 30);
  const position = { index: 1, term: 1, timeMs: 1, configuration: VOTERS, valueFiles };
  const snapshot = await storage.writeSnapshot(1, position, chunksOf(bytesOf("state")));
  await storage.append([{ kind: "snapshot", group: 1, snapshot, keepEntries: true }]);
  const many = [...references, ...references].map((one) => storage.readValues(1, [one]));
  deepStrictEqual((await Promise.all(many)).flat(), [...texts, ...texts].map(bytesOf));
  deepStrictEqual(await storage.readValues(1, references), texts.map(bytesOf));
  strictEqual(fileSystem.openFiles, 3);
  await storage.close();
  strictEqual(fileSystem.openFiles, 0);
});
