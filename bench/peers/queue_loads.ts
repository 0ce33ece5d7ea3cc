/**
 * The loads of the queues, the same for every system: publishing one by one and in batches, consuming with
 * acknowledgement, and the time from a publish to its arrival. Messages have 100 bytes.
 */
import process from "node:process";
import { type LoadResult, runLoad } from "./load.ts";
import { withDeadline } from "./processes.ts";
import type { QueueSystem, Told, Topic } from "./queue_system.ts";

export const BATCH_SIZE = 100;
const MESSAGE_BYTES = 100;
const WARM_UP_MS = 2_000;

/** Clients that fill a queue before it is consumed, each with batches. */
const FILLING_CLIENTS = 8;
const FILL_MS_MAX = 20_000;
/** Of the messages consumed, the first ones warm up. */
const WARM_UP_SHARE = 0.2;
/** Nothing that works takes this long to consume what was published. */
const DRAIN_MS_MAX = 120_000;

/** @returns null where the system has no such thing */
type QueueLoad = (topic: Topic, durationMs: number) => Promise<LoadResult | null>;

/** Runs the load on a queue of its own. */
export function onNewTopic(load: QueueLoad) {
  return async (system: QueueSystem, durationMs: number): Promise<LoadResult | null> => {
    const topic = await system.open(`topic-${crypto.randomUUID().slice(0, 8)}`);
    try {
      return await load(topic, durationMs);
    } finally {
      await topic.close();
    }
  };
}

export function publishing(clients: number): QueueLoad {
  return (topic, durationMs) => {
    return runLoad(clients, durationMs, WARM_UP_MS, async (client) => {
      const publish = await topic.publisher(client);
      return async (round) => {
        await publish(bodyOf(client, round));
        return null;
      };
    });
  };
}

export function publishingBatches(clients: number): QueueLoad {
  return async (topic, durationMs) => {
    const { batchPublisher } = topic;
    if (batchPublisher === null) return null;
    return await runLoad(clients, durationMs, WARM_UP_MS, async (client) => {
      const publish = await batchPublisher(client);
      return async (round) => {
        await publish(bodiesOf(client, round));
        return null;
      };
    }, BATCH_SIZE);
  };
}

/**
 * Consumes what was published before.
 * @param max messages that a consumer asks for at a time
 * @param messages as many are published, or what 20 s are enough for
 */
export function consuming(clients: number, max: number, messages: number): QueueLoad {
  return async (topic) => {
    const { consume } = topic;
    if (consume === null) return null;
    const count = await fill(topic, messages);
    const warmUp = Math.floor(count * WARM_UP_SHARE);
    const done = Promise.withResolvers<void>();
    let acknowledged = 0;
    let from = { ms: NaN, cpu: process.cpuUsage(), count: 0 };
    const told: Told = {
      arrived() {},
      acknowledged(more) {
        const before = acknowledged;
        acknowledged += more;
        if (before < warmUp && acknowledged >= warmUp) {
          from = { ms: performance.now(), cpu: process.cpuUsage(), count: acknowledged };
        }
        if (acknowledged >= count) done.resolve();
      },
    };
    const consumers = await consume(clients, max, told);
    await withDeadline(done.promise, DRAIN_MS_MAX);
    const seconds = (performance.now() - from.ms) / 1_000;
    const cpu = process.cpuUsage(from.cpu);
    await consumers.stop();
    return {
      clients,
      operations: count - from.count,
      seconds,
      rate: (count - from.count) / seconds,
      p50Ms: NaN,
      p95Ms: NaN,
      p99Ms: NaN,
      loadCpuSeconds: (cpu.user + cpu.system) / 1e6,
    };
  };
}

/** @returns how many were published */
async function fill(topic: Topic, messages: number): Promise<number> {
  const until = performance.now() + FILL_MS_MAX;
  let published = 0;
  await Promise.all(Array.from({ length: FILLING_CLIENTS }, async (_, client) => {
    const publish = await topic.batchPublisher!(client);
    for (let round = 0; published < messages && performance.now() < until; round++) {
      published += BATCH_SIZE;
      await publish(bodiesOf(client, round));
    }
  }));
  return published;
}

/** From the call to publish until a consumer has the message; a client's next one follows then. */
export function endToEnd(clients: number): QueueLoad {
  return async (topic, durationMs) => {
    const { consume } = topic;
    if (consume === null) return null;
    const expected = new Map<string, () => void>();
    const told: Told = {
      arrived(body) {
        expected.get(body)?.();
      },
      acknowledged() {},
    };
    // Twice as many, so that one always waits while another acknowledges.
    const consumers = await consume(2 * clients, 1, told);
    try {
      return await runLoad(clients, durationMs, WARM_UP_MS, async (client) => {
        const publish = await topic.publisher(client);
        return async (round) => {
          const body = bodyOf(client, round);
          const arrival = Promise.withResolvers<void>();
          expected.set(body, arrival.resolve);
          const from = performance.now();
          const published = publish(body);
          await arrival.promise;
          const latencyMs = performance.now() - from;
          expected.delete(body);
          await published;
          return latencyMs;
        };
      });
    } finally {
      await consumers.stop();
    }
  };
}

/** A message of 100 bytes that no other client and number has. */
export function bodyOf(client: number, number: number): string {
  return `${client}/${number}/`.padEnd(MESSAGE_BYTES, "x");
}

/** A batch: those of the numbers from round × 100 on. */
export function bodiesOf(client: number, round: number): readonly string[] {
  return Array.from({ length: BATCH_SIZE }, (_, place) => {
    return bodyOf(client, round * BATCH_SIZE + place);
  });
}
