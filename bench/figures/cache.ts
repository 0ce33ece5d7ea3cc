/**
 * The cache of three peers in this process, over TCP: what a hit, a write and a miss cost, and a load of which one in 20
 * writes, beside the same load on Redis. What HTTP adds, `bench/cache_http_bench.ts` measures.
 */
import type { GetRequest, PutRequest } from "../../src/cache/cache.ts";
import { Random } from "../../src/random.ts";
import { startWith } from "../peers/processes.ts";
import { CacheBench } from "./cache_cluster.ts";
import { count, type Figure, quantile } from "./figure.ts";
import { startRedis } from "./redis.ts";

const DATA = new TextEncoder().encode(JSON.stringify("x".repeat(98)));
/** After so many operations what else the process has to do is done: leases must be renewed. */
const TURN = 20_000;
const TURNS = 100;
/** Programs get warm in the first ones, which do not count. */
const TRIPS = 24_000;
const TRIPS_COUNTED = 3_000;
const CLIENTS = 64;
const LOAD_MS = 6_000;
const KEYS = 1_000;
const READ_SHARE = 0.95;
/** A client looks at the clock after so many operations, and lets others have their turn after so long. */
const GLANCES = 20;
const TURN_MS = 5;

export async function* cacheFigures(): AsyncGenerator<Figure> {
  const bench = await CacheBench.start();
  try {
    yield* await ownLines(bench);
    yield await missOverRpc(bench);
    yield* await besideRedis(bench);
  } finally {
    await bench.stop();
  }
}

function getOf(key: string): GetRequest {
  return { key, fill: false, waitMs: 0, fillTtlMs: null };
}

function putOf(key: string): PutRequest {
  const plain = { ttlMs: null, durable: false, ifVersion: undefined, fillToken: null };
  return { key, data: DATA, ...plain, request: null };
}

/** @returns how many a second, of the time that was spent on them alone */
async function rateOf(operation: () => Promise<unknown>): Promise<number> {
  let spentMs = 0;
  for (let turn = 0; turn < TURNS; turn++) {
    const began = performance.now();
    for (let done = 0; done < TURN; done++) await operation();
    spentMs += performance.now() - began;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return TURN * TURNS / spentMs * 1_000;
}

async function ownLines(bench: CacheBench): Promise<Figure[]> {
  const { cache } = bench.away;
  const key = await bench.owned();
  const [get, put] = [getOf(key), putOf(key)];
  await rateOf(() => cache.get(get));
  const hits = await rateOf(() => cache.get(get));
  await rateOf(() => cache.put(put));
  const writes = await rateOf(() => cache.put(put));
  return [
    { name: "hits of the cache in process, a second", measured: count(hits), aim: "≥ 2,000,000" },
    {
      name: "writes in E or M in process, a second; of a hit's rate",
      measured: `${count(writes)}; ${(writes / hits).toFixed(2)}`,
      aim: "≥ 0.5",
    },
  ];
}

async function missOverRpc(bench: CacheBench): Promise<Figure> {
  const { cache } = bench.away;
  const [misses, trips]: [number[], number[]] = [[], []];
  let number = 0;
  const timed = async (operation: () => Promise<unknown>) => {
    const began = performance.now();
    await operation();
    return performance.now() - began;
  };
  // In turn, so that both meet the same machine.
  for (let round = 0; round < TRIPS; round++) {
    const key = bench.keyAwayFromHome(number++);
    misses.push(await timed(() => cache.get(getOf(key))));
    trips.push(await timed(() => bench.rpc()));
  }
  const [miss, trip] = [misses, trips].map((times) => quantile(times.slice(-TRIPS_COUNTED), 0.5));
  return {
    name: "a miss, ms; over the round trip of one rpc",
    measured: `${miss!.toFixed(3)}; ${(miss! / trip!).toFixed(2)}`,
    aim: "≤ 1.5",
  };
}

/** Of each key how often it is asked for falls with its rank. */
class Zipf {
  readonly #random: Random;
  readonly #cumulated: readonly number[];

  constructor(random: Random) {
    this.#random = random;
    let sum = 0;
    this.#cumulated = Array.from({ length: KEYS }, (_, rank) => sum += 1 / (rank + 1));
  }

  next(): { readonly key: string; readonly isRead: boolean } {
    const at = this.#random.integer(0, 1e9) / 1e9 * this.#cumulated.at(-1)!;
    let [low, high] = [0, KEYS - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#cumulated[middle]! < at) low = middle + 1;
      else high = middle;
    }
    return { key: `zipf:${low}`, isRead: this.#random.chance(READ_SHARE) };
  }
}

type Operate = (client: number, key: string, isRead: boolean) => Promise<unknown>;

/**
 * Clients that each do one thing after the other. Where nothing makes them wait they let others have their turn, since
 * peers in the same process must renew their leases.
 * @returns how many things were done, and how many a second
 */
async function runLoad(clients: number, operate: Operate): Promise<{ done: number; rate: number }> {
  const began = performance.now();
  let done = 0;
  let turned = Promise.withResolvers<void>();
  let turnedMs = began;
  const turns = setInterval(() => {
    turnedMs = performance.now();
    turned.resolve();
    turned = Promise.withResolvers();
  }, 1);
  const client = async (number: number) => {
    const zipf = new Zipf(new Random(number + 1, 2, 3));
    for (;;) {
      for (let count = 0; count < GLANCES; count++) {
        const { key, isRead } = zipf.next();
        await operate(number, key, isRead);
      }
      done += GLANCES;
      const nowMs = performance.now();
      if (nowMs - began > LOAD_MS) return;
      if (nowMs - turnedMs > TURN_MS) await turned.promise;
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  clearInterval(turns);
  return { done, rate: done / (performance.now() - began) * 1_000 };
}

async function besideRedis(bench: CacheBench): Promise<Figure[]> {
  const caches = bench.peers.map(({ cache }) => cache);
  const operate: Operate = (client, key, isRead) => {
    const cache = caches[client % caches.length]!;
    return isRead ? cache.get(getOf(key)) : cache.put(putOf(key));
  };
  await runLoad(CLIENTS, operate);
  const before = caches.map((cache) => cache.stats());
  const ours = await runLoad(CLIENTS, operate);
  const sum = (of: (stats: typeof before[number]) => number) =>
    caches.reduce((total, cache, place) => total + of(cache.stats()) - of(before[place]!), 0);
  const [hits, misses, sent] = [
    sum((s) => s.hits),
    sum((s) => s.misses),
    sum((s) => s.messagesSent),
  ];
  const own = await runLoad(CLIENTS, (_client, key, isRead) => {
    const [cache] = caches;
    return isRead ? cache!.get(getOf(key)) : cache!.put(putOf(key));
  });
  const redis = await startWith(async (processes) => {
    const clients = await startRedis(processes, CLIENTS);
    return {
      processes,
      rate: (await runLoad(CLIENTS, clients.operate)).rate,
      stop: () => clients.stop(),
    };
  });
  await redis.stop();
  await redis.processes.stop();
  const load = `${READ_SHARE * 100} % reads of ${KEYS} keys, Zipf, ${CLIENTS} clients, three peers`;
  return [
    { name: `${load}: operations/s`, measured: count(ours.rate), aim: "—" },
    {
      name: `the same: hit ratio; messages an operation`,
      measured: `${(hits / (hits + misses)).toFixed(3)}; ${(sent / ours.done).toFixed(2)}`,
      aim: "—",
    },
    {
      name: "the same through one of the peers: operations/s",
      measured: count(own.rate),
      aim: "—",
    },
    { name: "the same on Redis, GET and SET: operations/s", measured: count(redis.rate), aim: "—" },
    {
      name: "in process over Redis: three peers; one of them",
      measured: `${(ours.rate / redis.rate).toFixed(1)} ×; ${(own.rate / redis.rate).toFixed(1)} ×`,
      aim: "≥ 10 ×",
    },
  ];
}
