/**
 * The state in Redis beside the embedded log, in one run, both with every write fsynced (`appendfsync always`): three
 * peers under 64 clients over HTTP, in turns, which is what is aimed at; and the storages alone, where Redis pays for a
 * way to another process and back with every batch. `deno run -A bench/redis_bench.ts [SECONDS]`.
 */
import { REAL_CLOCK } from "../src/peer/real_clock.ts";
import { Random } from "../src/random.ts";
import { LogStorage } from "../src/storage/log/log_storage.ts";
import { RedisMemory } from "../src/storage/redis/owner.ts";
import { parseRedisUrl } from "../src/storage/redis/redis_address.ts";
import { redisKeys } from "../src/storage/redis/redis_keys.ts";
import { RedisStorage } from "../src/storage/redis/redis_storage.ts";
import type { Storage } from "../src/storage/storage.ts";
import { type LoadResult, runLoad } from "./peers/load.ts";
import { eventually, freePort, type Processes, startWith } from "./peers/processes.ts";
import { startSkein } from "./peers/skein.ts";

const CLIENTS = 64;
const WARM_UP_MS = 1_000;
const TURNS = 3;
const PAYLOAD = new Uint8Array(100).fill(7);
const IDENTITY = {
  storeId: "ab".repeat(16),
  publicKey: "00".repeat(32),
  secretKey: "00".repeat(64),
};

interface Server {
  readonly processes: Processes;
  readonly url: string;
}

function startServer(): Promise<Server> {
  return startWith(async (processes) => {
    const port = freePort();
    // deno-fmt-ignore
    processes.start("redis-server", [
      "--bind", "127.0.0.1", "--port", String(port), "--dir", processes.directory,
      "--appendonly", "yes", "--appendfsync", "always", "--save", "",
    ], "redis");
    await eventually("Redis", 10_000, async () => {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    });
    return { processes, url: `redis://127.0.0.1:${port}` };
  });
}

async function withServer<T>(run: (url: string) => Promise<T>): Promise<T> {
  const { processes, url } = await startServer();
  try {
    return await run(url);
  } finally {
    await processes.stop();
  }
}

/** One write of 100 bytes by each client, again and again. */
async function peersRate(durationMs: number, flags: readonly string[]): Promise<LoadResult> {
  const system = await startSkein(flags);
  try {
    return await runLoad(CLIENTS, durationMs, WARM_UP_MS, (client) => system.writes(client));
  } finally {
    await system.stop();
  }
}

function redisStorage(url: string): Storage {
  return new RedisStorage({
    address: parseRedisUrl(url)!,
    keys: redisKeys(null, "bench"),
    certificates: null,
    requireDurable: true,
    peer: "bench",
    memory: new RedisMemory(),
    clock: REAL_CLOCK,
    random: new Random(1),
    randomBytes: (sizeBytes) => crypto.getRandomValues(new Uint8Array(sizeBytes)),
  });
}

/** Entries of 100 bytes, each writer of its own group and one at a time. */
async function storageRate(storage: Storage, durationMs: number): Promise<number> {
  await storage.open();
  await storage.create(IDENTITY);
  const hardState = { term: 1, votedFor: null, commitIndex: 0 };
  const untilMs = performance.now() + durationMs;
  let entries = 0;
  await Promise.all(Array.from({ length: CLIENTS }, async (_, group) => {
    await storage.append([{ kind: "hardState", group, replica: 1, hardState }]);
    for (let index = 1; performance.now() < untilMs; index++, entries++) {
      const entry = { index, term: 1, kind: "command", timeMs: 1e12, payload: PAYLOAD } as const;
      await storage.append([{ kind: "entries", group, entries: [entry] }]);
    }
  }));
  await storage.close();
  return entries / (durationMs / 1_000);
}

async function logRate(durationMs: number): Promise<number> {
  const directory = await Deno.makeTempDir({ prefix: "skein-bench-" });
  try {
    return await storageRate(
      new LogStorage({ directory, limits: { reserveBytes: 0 } }),
      durationMs,
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1]!;
}

function report(
  what: string,
  aim: string,
  log: readonly number[],
  redis: readonly number[],
): void {
  const [one, other] = [median(log), median(redis)];
  const shown = (rates: readonly number[]) => rates.map((rate) => Math.round(rate)).join(" ");
  console.log(`${what}, embedded log: ${shown(log)} a second`);
  console.log(`${what}, Redis:        ${shown(redis)} a second`);
  console.log(`${what}: ${(other / one).toFixed(2)} × the embedded log${aim}`);
}

if (import.meta.main) {
  const durationMs = Number(Deno.args[0] ?? 5) * 1_000;
  const storages: [number[], number[]] = [[], []];
  const peers: [number[], number[]] = [[], []];
  for (let turn = 0; turn < TURNS; turn++) {
    storages[0].push(await logRate(durationMs));
    storages[1].push(await withServer((url) => storageRate(redisStorage(url), durationMs)));
  }
  report(`${CLIENTS} writers of a storage`, "", ...storages);
  for (let turn = 0; turn < TURNS; turn++) {
    peers[0].push((await peersRate(durationMs, [])).rate);
    peers[1].push(
      await withServer(async (url) => (await peersRate(durationMs, ["--redis", url])).rate),
    );
  }
  report(`three peers, ${CLIENTS} clients`, " (aim ≥ 0.6)", ...peers);
}
