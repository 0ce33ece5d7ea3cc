/** The pure parts, in this process: the memory log, the deadlock search, status reads. */
import type { Entry } from "../../src/raft/entry.ts";
import { LockMachine } from "../../src/locks/machine.ts";
import { LockService } from "../../src/locks/service.ts";
import type { Groups } from "../../src/groups/groups.ts";
import { SILENT } from "../../src/logger.ts";
import { MemoryDisk, MemoryStorage } from "../../src/storage/memory.ts";
import { count, type Figure, quantile } from "./figure.ts";

const PEER = "5e".repeat(32);

export async function* partFigures(): AsyncGenerator<Figure> {
  yield await memoryAppends();
  yield deadlockSearch();
  yield await statusReads();
}

async function memoryAppends(): Promise<Figure> {
  const storage = new MemoryStorage(new MemoryDisk());
  await storage.open();
  await storage.create({ storeId: "ab".repeat(16), publicKey: "", secretKey: "" });
  const hardState = { term: 1, votedFor: null, commitIndex: 1 };
  await storage.append([{ kind: "hardState", group: 0, replica: 1, hardState }]);
  const payload = new Uint8Array(100);
  const [total, size] = [1_000_000, 100];
  const began = performance.now();
  for (let first = 2; first < total; first += size) {
    const entries = Array.from({ length: size }, (_, place): Entry => {
      return { index: first + place, term: 1, kind: "command", timeMs: 0, payload };
    });
    await storage.append([{ kind: "entries", group: 0, entries }]);
  }
  const rate = total / (performance.now() - began) * 1000;
  const name = "append to the memory log, 100 entries of 100 bytes a time, entries/s";
  return { name, measured: count(rate), aim: "≥ 1,000,000" };
}

/** A machine with 10,000 waiters, of which each new one may close a cycle; what the last apply takes. */
function deadlockSearch(): Figure {
  const machine = new LockMachine();
  const waiters = 10_000;
  let index = 2;
  const acquire = (resource: string, owner: string, waitMs: number) => {
    const attachment = { peer: PEER, bootId: "boot", serial: index };
    const mode = "exclusive" as const;
    const command = { kind: "acquire", resource, owner, mode, waitMs, ttlMs: 60_000, attachment };
    const context = { group: 0, index: index++, term: 1, timeMs: 0 };
    return machine.apply(command as Parameters<typeof machine.apply>[0], context);
  };
  for (let n = 0; n <= waiters; n++) acquire(`r${n}`, `o${n}`, 0);
  // A chain: each owner waits for the next one's lock, so the whole of it is searched.
  for (let n = waiters - 1; n > 0; n--) acquire(`r${n + 1}`, `o${n}`, 60_000);
  const samples: number[] = [];
  const warmUp = 200;
  for (let round = 0; round < warmUp + 1_000; round++) {
    const began = performance.now();
    acquire(`r${1 + round % 10}`, `o${waiters}`, 60_000);
    if (round >= warmUp) samples.push(performance.now() - began);
  }
  const [p50, p99] = [quantile(samples, 0.5), quantile(samples, 0.99)];
  const name = "closing a cycle over 10,000 waiters, ms p50 / p99";
  return { name, measured: `${p50.toFixed(2)} / ${p99.toFixed(2)}`, aim: "p99 < 1" };
}

async function statusReads(): Promise<Figure> {
  const machine = new LockMachine();
  const attachment = { peer: PEER, bootId: "boot", serial: 1 };
  const acquire = { kind: "acquire", resource: "r", owner: "o", mode: "exclusive" } as const;
  machine.apply({ ...acquire, waitMs: 0, ttlMs: 60_000, attachment }, {
    group: 0,
    index: 2,
    term: 1,
    timeMs: 0,
  });
  const groups = { listen() {}, timeMs: () => 0 } as Partial<Groups> as Groups;
  const clock = {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    timer: () => ({ cancel() {} }),
  };
  const service = new LockService({
    groups,
    machine,
    clock,
    logger: SILENT,
    peer: PEER,
    bootId: "boot",
  });
  const reads = 2_000_000;
  const began = performance.now();
  for (let round = 0; round < reads; round++) await service.status("r", { stale: true });
  const rate = reads / (performance.now() - began) * 1000;
  return { name: "status reads in process, a second", measured: count(rate), aim: "≥ 1,000,000" };
}
