/**
 * The embedded log dies at every single step that changes something on disk, by kill -9 and by power cut,
 * while it appends, rolls segments, truncates, takes snapshots, compacts, and while it is opened again. What is
 * found must be what was appended, cut off somewhere behind the last acknowledged record.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { checkLog } from "../../src/storage/log/check.ts";
import { LogStorage } from "../../src/storage/log/log_storage.ts";
import { MemoryState } from "../../src/storage/memory_state.ts";
import {
  type Recovered,
  type Storage,
  StorageFailedError,
  type StorageRecord,
} from "../../src/storage/storage.ts";
import { CrashFileSystem } from "./crash_file_system.ts";
import { bytesOf, chunksOf, entries, founded, hardState, IDENTITY, VOTERS } from "./records.ts";

const DIRECTORY = "/store";
const LIMITS = {
  reserveBytes: 0,
  segmentBytesMax: 4096,
  preallocationBytes: 512,
  batchBytesMax: 1024,
  recordBytesMax: 2000,
  valueFileBytesMax: 200,
};

/** What was appended, and how much of it was acknowledged. */
class History {
  readonly records: StorageRecord[] = [];
  acknowledged = 0;

  async append(storage: Storage, records: readonly StorageRecord[]): Promise<void> {
    this.records.push(...records);
    const appended = this.records.length;
    await storage.append(records);
    this.acknowledged = Math.max(this.acknowledged, appended);
  }

  /** Every state that a crash now may leave, told by what can be seen of it. */
  possible(): Set<string> {
    const seen = new Set<string>();
    const state = new MemoryState();
    for (const [at, record] of this.records.entries()) {
      if (at >= this.acknowledged) seen.add(viewOf(state));
      state.apply(record);
    }
    return seen.add(viewOf(state));
  }
}

function viewOf(state: MemoryState): string {
  const born = state.clone();
  born.dropUnborn();
  return JSON.stringify([
    born.recovered(),
    [...born.groups].sort(([left], [right]) => left - right).map(([, group]) => group.entries),
    [...born.tombstones].sort(),
    [...born.properties].sort(),
  ]);
}

async function viewOfStore(storage: Storage, recovered: Recovered): Promise<string> {
  const kept: unknown[] = [];
  for (const { group, snapshot, lastIndex, terms } of recovered.groups) {
    const first = terms[0]?.firstIndex;
    kept.push(
      first === undefined ? [] : await storage.readEntries(group, first, lastIndex + 1, 1e9),
    );
    if (snapshot === null) continue;
    deepStrictEqual(
      await storage.readSnapshot(group, snapshot, 0, 99),
      bytesOf(`at ${snapshot.index}`),
    );
  }
  const { groups, tombstones, properties } = recovered;
  return JSON.stringify([groups, kept, [...tombstones].sort(), [...properties].sort()]);
}

/** Everything that moves segments: a slow group pins the first one, a fast one fills and compacts. */
async function workload(storage: LogStorage, history: History): Promise<void> {
  const append = (...records: StorageRecord[]) => history.append(storage, records);
  await append(...founded(1), ...founded(2));
  await append(entries(1, 2, 4), { kind: "property", name: "plan", value: bytesOf("kept") });
  await append(hardState(3, 1, 0, 5), entries(3, 2, 3));
  await append({ kind: "tombstone", group: 3, lowestReplica: 6 });
  let last = 1;
  for (let round = 1; round <= 8; round++) {
    for (let step = 0; step < 6; step++) {
      storage.appendValue(2, bytesOf(`value ${last}`));
      const first = append(entries(2, last + 1, last + 6, round));
      const second = append(entries(2, last + 7, last + 9, round), hardState(2, round, last));
      last += 9;
      await Promise.all([first, second]);
    }
    await append({ kind: "truncation", group: 2, fromIndex: last - 3 });
    last -= 4;
    await append(entries(2, last + 1, last + 2, round));
    last += 2;
    const snapshot = await storage.writeSnapshot(
      2,
      { index: last - 5, term: round, timeMs: last, configuration: VOTERS },
      chunksOf(bytesOf(`at ${last - 5}`)),
    );
    await append({ kind: "snapshot", group: 2, snapshot, keepEntries: true });
    await storage.compacted();
  }
  await append(hardState(3, 2, 0, 6), { kind: "truncation", group: 1, fromIndex: 4 });
  await append(entries(1, 4, 5, 2));
}

async function runUntilDeath(fileSystem: CrashFileSystem, history: History): Promise<void> {
  const storage = new LogStorage({ directory: DIRECTORY, fileSystem, limits: LIMITS });
  try {
    const { identity } = await storage.open();
    if (identity === null) await storage.create(IDENTITY);
    await workload(storage, history);
    await storage.compacted();
  } catch (error) {
    ok(error instanceof StorageFailedError, String(error));
  }
}

/** @returns what the final opening shows; dies once on the way there where `dieAtStep` says so */
async function openAfter(fileSystem: CrashFileSystem, dieAtStep: number, cut: () => void) {
  fileSystem.dieAtStep = dieAtStep;
  const first = new LogStorage({ directory: DIRECTORY, fileSystem, limits: LIMITS });
  await first.open().catch((error) => ok(error instanceof StorageFailedError, String(error)));
  cut();
  const report = await checkLog(DIRECTORY, fileSystem);
  strictEqual(report.verdict, "sound", JSON.stringify(report));
  const storage = new LogStorage({ directory: DIRECTORY, fileSystem, limits: LIMITS });
  const recovered = await storage.open();
  return { storage, recovered, view: await viewOfStore(storage, recovered) };
}

async function stepsOfAll(): Promise<number> {
  const fileSystem = new CrashFileSystem();
  const storage = new LogStorage({ directory: DIRECTORY, fileSystem, limits: LIMITS });
  await storage.open();
  await storage.create(IDENTITY);
  const history = new History();
  await workload(storage, history);
  await storage.compacted();
  const segments = fileSystem.paths().filter((path) => path.endsWith(".seg"));
  ok(!segments.includes(`${DIRECTORY}/wal/0000000000000001.seg`), "compaction must have worked");
  const { steps } = fileSystem;
  await storage.close();
  return steps;
}

for (const death of ["kill", "powerCut"] as const) {
  Deno.test(`log: a ${death} at any step loses nothing that was acknowledged`, async () => {
    const steps = await stepsOfAll();
    ok(steps > 200, `${steps} steps`);
    for (let step = 1; step <= steps; step++) {
      const fileSystem = new CrashFileSystem(step);
      const history = new History();
      fileSystem.dieAtStep = step;
      await runUntilDeath(fileSystem, history);
      fileSystem[death]();
      const { storage, recovered, view } = await openAfter(
        fileSystem,
        1 + step % 9,
        () => fileSystem[death](),
      );
      if (recovered.identity === null) {
        strictEqual(history.acknowledged, 0);
        continue;
      }
      const possible = history.possible();
      ok(possible.has(view), `died at step ${step}\n${view}\n${[...possible].join("\n")}`);
      await goesOn(storage, recovered, fileSystem);
    }
  });
}

/** The store is not only readable: it takes more, and keeps it. */
async function goesOn(
  storage: LogStorage,
  recovered: Recovered,
  fileSystem: CrashFileSystem,
): Promise<void> {
  const next = (recovered.groups.find(({ group }) => group === 1)?.lastIndex ?? 0) + 1;
  if (next > 1) await storage.append([entries(1, next, next + 2, 9)]);
  await storage.close();
  fileSystem.powerCut();
  const again = new LogStorage({ directory: DIRECTORY, fileSystem, limits: LIMITS });
  const groups = (await again.open()).groups;
  if (next > 1) strictEqual(groups.find(({ group }) => group === 1)?.lastIndex, next + 2);
  await again.close();
}
