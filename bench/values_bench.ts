/**
 * How fast values go to their files and come back. `deno bench -A bench/values_bench.ts` times batches; run as a
 * program, `deno run -A bench/values_bench.ts` prints what a million values of 100 bytes and ten thousand blobs of
 * 10 KiB cost: appending, naming them durably in a snapshot, reading them, sending them to another store.
 */
import { LogStorage } from "../src/storage/log/log_storage.ts";
import { transferBytes } from "../src/raft/entry.ts";
import type { ValueReference } from "../src/storage/storage.ts";

const GROUP = 1;
const IDENTITY = {
  storeId: "ab".repeat(16),
  publicKey: "00".repeat(32),
  secretKey: "00".repeat(64),
};
const VOTER = { peer: "a", replica: 1 };
const CONFIGURATION = {
  index: 1,
  voters: [VOTER],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
};
/** Appended without a look at how much waits to be written, and read by one call. */
const BATCH = 1_000;

async function withLog<T>(run: (storage: LogStorage) => Promise<T>): Promise<T> {
  const directory = await Deno.makeTempDir({ prefix: "skein-bench-" });
  const storage = new LogStorage({ directory, limits: { reserveBytes: 0 } });
  try {
    await storage.open();
    await storage.create(IDENTITY);
    const hardState = { term: 1, votedFor: null, commitIndex: 1 };
    await storage.append([
      { kind: "foundation", group: GROUP, configuration: CONFIGURATION },
      { kind: "hardState", group: GROUP, replica: 1, hardState },
    ]);
    return await run(storage);
  } finally {
    await storage.close();
    await Deno.remove(directory, { recursive: true });
  }
}

async function append(
  storage: LogStorage,
  value: Uint8Array,
  count: number,
): Promise<ValueReference[]> {
  const references: ValueReference[] = [];
  while (references.length < count) {
    const end = Math.min(count, references.length + BATCH);
    while (references.length < end) references.push(storage.appendValue(GROUP, value));
    await storage.valueRoom();
  }
  return references;
}

async function* oneChunk(): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(new Uint8Array(1));
}

async function snapshot(storage: LogStorage, references: readonly ValueReference[]) {
  const valueFiles = [...new Set(references.map(({ file }) => file))].sort((a, b) => a - b);
  const position = { index: 1, term: 1, timeMs: 1, configuration: CONFIGURATION, valueFiles };
  const taken = await storage.writeSnapshot(GROUP, position, oneChunk());
  await storage.append([{ kind: "snapshot", group: GROUP, snapshot: taken, keepEntries: true }]);
  return taken;
}

for (const [count, sizeBytes] of [[1_000, 100], [100, 10_240]] as const) {
  const value = new Uint8Array(sizeBytes).fill(7);
  Deno.bench(`values: append ${count} of ${sizeBytes} B`, { n: 50, warmup: 5 }, async (b) => {
    await withLog(async (storage) => {
      b.start();
      const references = await append(storage, value, count);
      b.end();
      await storage.readValues(GROUP, references.slice(-1));
    });
  });
  Deno.bench(`values: read ${count} of ${sizeBytes} B`, { n: 50, warmup: 5 }, async (b) => {
    await withLog(async (storage) => {
      const references = await append(storage, value, count);
      await storage.readValues(GROUP, references.slice(-1));
      b.start();
      await storage.readValues(GROUP, references);
      b.end();
    });
  });
}

async function timed<T>(what: string, count: number, bytes: number, run: () => Promise<T>) {
  const began = performance.now();
  const result = await run();
  const seconds = (performance.now() - began) / 1_000;
  const mib = (bytes / seconds / 2 ** 20).toFixed(0);
  console.log(`  ${what}: ${Math.round(count / seconds)} values/s, ${mib} MiB/s`);
  return result;
}

async function figures(count: number, sizeBytes: number): Promise<void> {
  console.log(`${count} values of ${sizeBytes} B`);
  const value = new Uint8Array(sizeBytes).fill(7);
  const bytes = count * (sizeBytes + 4);
  await withLog(async (storage) => {
    const references = await timed("append", count, bytes, async () => {
      const appended = await append(storage, value, count);
      await storage.readValues(GROUP, appended.slice(-1));
      return appended;
    });
    const taken = await timed(
      "fsync and name",
      count,
      bytes,
      () => snapshot(storage, references),
    );
    await timed("read, 100 neighbours at once", count, bytes, async () => {
      for (let at = 0; at < count; at += 100) {
        await storage.readValues(GROUP, references.slice(at, at + 100));
      }
    });
    const scattered = Math.min(count, 20_000);
    await timed("read, one at a time", scattered, scattered * (sizeBytes + 4), async () => {
      for (let at = 0; at < scattered; at++) {
        await storage.readValues(GROUP, [references[(at * 7_919) % count]!]);
      }
    });
    await withLog((other) =>
      timed("send to another store", count, bytes, async () => {
        const incoming = await other.receiveSnapshot(GROUP, taken);
        while (incoming.storedBytes < transferBytes(taken)) {
          const at = incoming.storedBytes;
          await incoming.write(at, (await storage.readSnapshot(GROUP, taken, at, 2 ** 20))!);
        }
        if (!await incoming.finish()) throw new Error("the transfer was damaged");
      })
    );
  });
}

if (import.meta.main) {
  await figures(1_000_000, 100);
  await figures(10_000, 10_240);
}
