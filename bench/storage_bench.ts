/**
 * How fast the storages are. `deno bench -A bench/storage_bench.ts` times the memory storage and single
 * batches of the embedded log with real fsyncs; run as a program, `deno run -A bench/storage_bench.ts`
 * prints entries a second, latencies, and how long a million entries take to open.
 */
import { LogStorage } from "../src/storage/log/log_storage.ts";
import { MemoryDisk, MemoryStorage } from "../src/storage/memory.ts";
import type { Entry } from "../src/raft/entry.ts";
import type { Storage, StorageRecord } from "../src/storage/storage.ts";

const PAYLOAD = new Uint8Array(100).fill(7);
const IDENTITY = {
  storeId: "ab".repeat(16),
  publicKey: "00".repeat(32),
  secretKey: "00".repeat(64),
};
const LIMITS = { reserveBytes: 0 };

/** A group that is appended to, `size` entries at a time. */
class Appender {
  #next = 1;

  constructor(readonly storage: Storage, readonly group: number) {}

  batch(size: number): StorageRecord {
    const entries: Entry[] = [];
    for (let at = 0; at < size; at++) {
      entries.push({
        index: this.#next++,
        term: 1,
        kind: "command",
        timeMs: 1e12,
        payload: PAYLOAD,
      });
    }
    return { kind: "entries", group: this.group, entries };
  }

  append(size: number): Promise<void> {
    return this.storage.append([this.batch(size)]);
  }

  /** Snapshots everything, so that neither memory nor disk fills up. */
  async forget(): Promise<void> {
    const configuration = {
      index: 0,
      voters: [],
      votersOutgoing: [],
      learners: [],
      learnersNext: [],
    };
    const snapshot = await this.storage.writeSnapshot(
      this.group,
      { index: this.#next - 1, term: 1, timeMs: 1e12, configuration },
      (async function* () {
        yield await Promise.resolve(new Uint8Array(1));
      })(),
    );
    await this.storage.append([
      { kind: "snapshot", group: this.group, snapshot, keepEntries: true },
    ]);
  }
}

async function prepared(storage: Storage, group = 1): Promise<Appender> {
  await storage.open();
  await storage.create(IDENTITY);
  return await withGroup(storage, group);
}

async function withGroup(storage: Storage, group: number): Promise<Appender> {
  const hardState = { term: 1, votedFor: null, commitIndex: 0 };
  await storage.append([{ kind: "hardState", group, replica: 1, hardState }]);
  return new Appender(storage, group);
}

async function withLog<T>(run: (storage: LogStorage, directory: string) => Promise<T>): Promise<T> {
  const directory = await Deno.makeTempDir({ prefix: "skein-bench-" });
  const storage = new LogStorage({ directory, limits: LIMITS });
  try {
    return await run(storage, directory);
  } finally {
    await storage.close();
    await Deno.remove(directory, { recursive: true });
  }
}

for (const size of [1, 100]) {
  Deno.bench(`memory: 1,000 appends of ${size} in one batch`, { n: 50, warmup: 5 }, async (b) => {
    const appender = await prepared(new MemoryStorage(new MemoryDisk()));
    b.start();
    let last: Promise<void> = Promise.resolve();
    for (let at = 0; at < 1000; at++) last = appender.append(size);
    await last;
    b.end();
  });
}

for (const size of [1, 10, 100, 1000]) {
  Deno.bench(`log: a batch of ${size} entries with fsync`, { n: 200, warmup: 20 }, async (b) => {
    await withLog(async (storage) => {
      const appender = await prepared(storage);
      b.start();
      await appender.append(size);
      b.end();
    });
  });
}

function quantile(sorted: readonly number[], part: number): string {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!.toFixed(3);
}

async function memoryThroughput(size: number): Promise<void> {
  const appender = await prepared(new MemoryStorage(new MemoryDisk()));
  const entries = 1_000_000;
  const began = performance.now();
  for (let done = 0; done < entries;) {
    let last: Promise<void> = Promise.resolve();
    for (let at = 0; at < 64 && done < entries; at++, done += size) last = appender.append(size);
    await last;
  }
  const seconds = (performance.now() - began) / 1000;
  report(`memory, ${size} entries an append`, `${Math.round(entries / seconds)} entries/s`);
}

/** One batch after the other: what a single client waits for. */
async function logLatency(size: number): Promise<void> {
  await withLog(async (storage) => {
    const appender = await prepared(storage);
    const times: number[] = [];
    for (let at = 0; at < 2000; at++) {
      const began = performance.now();
      await appender.append(size);
      times.push(performance.now() - began);
      if (at % 500 === 499) await appender.forget();
    }
    times.sort((left, right) => left - right);
    report(
      `log, one batch of ${size} at a time`,
      `p50 ${quantile(times, 0.5)} ms, p99 ${quantile(times, 0.99)} ms`,
    );
  });
}

/** Many writers at once: group commit gathers while an fsync is in flight. */
async function logThroughput(writers: number): Promise<void> {
  await withLog(async (storage) => {
    const appenders = [await prepared(storage, 1)];
    for (let group = 2; group <= writers; group++) appenders.push(await withGroup(storage, group));
    const rounds = Math.ceil(60_000 / writers);
    const before = storage.statistics();
    const began = performance.now();
    await Promise.all(appenders.map(async (appender) => {
      for (let round = 0; round < rounds; round++) await appender.append(1);
    }));
    const seconds = (performance.now() - began) / 1000;
    const { fsyncs, fsyncMs } = storage.statistics();
    const appends = rounds * writers;
    report(
      `log, ${writers} writers of single entries`,
      `${Math.round(appends / seconds)} entries/s, ${fsyncs - before.fsyncs} fsyncs of ${
        ((fsyncMs - before.fsyncMs) / (fsyncs - before.fsyncs)).toFixed(3)
      } ms`,
    );
  });
}

async function logVolume(): Promise<void> {
  await withLog(async (storage) => {
    const appender = await prepared(storage);
    const entries = 1_000_000;
    const began = performance.now();
    let waiting: Promise<void>[] = [];
    for (let done = 0; done < entries; done += 1000) {
      waiting.push(appender.append(1000));
      if (waiting.length === 8) await Promise.all(waiting.splice(0));
    }
    await Promise.all(waiting);
    waiting = [];
    const seconds = (performance.now() - began) / 1000;
    report("log, batches of 8,000 entries", `${Math.round(entries / seconds)} entries/s`);
  });
}

/** @param size entries a record: 1 is the worst case for the index */
async function openingTime(size: number): Promise<void> {
  await withLog(async (storage, directory) => {
    const appender = await prepared(storage);
    for (let done = 0; done < 1_000_000;) {
      let last: Promise<void> = Promise.resolve();
      for (let at = 0; at < 10_000; at += size, done += size) last = appender.append(size);
      await last;
    }
    await storage.close();
    const again = new LogStorage({ directory, limits: LIMITS });
    const began = performance.now();
    await again.open();
    const ms = performance.now() - began;
    report(`log, opening 1,000,000 entries, ${size} a record`, `${Math.round(ms)} ms`);
    await again.close();
  });
}

/** Appends beside a compaction that moves a slow group's entries. */
async function compactionStall(): Promise<void> {
  await withLog(async (storage) => {
    const fast = await prepared(storage, 1);
    const slow = await withGroup(storage, 2);
    for (let at = 0; at < 80; at++) await slow.append(1000);
    for (let at = 0; at < 600; at++) await fast.append(1000);
    await fast.forget();
    const times: number[] = [];
    let compacting = true;
    storage.compacted().finally(() => compacting = false);
    while (compacting) {
      const began = performance.now();
      await fast.append(1);
      times.push(performance.now() - began);
    }
    times.sort((left, right) => left - right);
    report(
      "log, appends while 10 MB are compacted",
      `${times.length} appends, p50 ${quantile(times, 0.5)} ms, longest ${quantile(times, 1)} ms`,
    );
  });
}

function report(what: string, figure: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${what.padEnd(50)} ${figure}\n`));
}

if (import.meta.main) {
  for (const size of [1, 10, 100]) await memoryThroughput(size);
  for (const size of [1, 10, 100, 1000]) await logLatency(size);
  for (const writers of [1, 8, 64]) await logThroughput(writers);
  await logVolume();
  for (const size of [1, 100]) await openingTime(size);
  await compactionStall();
}
