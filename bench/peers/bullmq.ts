/**
 * BullMQ on one Redis server whose append-only file is fsynced before each answer. One connection publishes for
 * all clients: Redis runs commands one by one, and the client sends them ahead.
 */
import { Queue, Worker } from "bullmq";
import { Redis } from "ioredis";
import { eventually, freePort, isInstalled, type Processes, startWith } from "./processes.ts";
import type { QueueSystem, Topic } from "./queue_system.ts";

/** Jobs that one worker runs at a time, at most; more of them, or more workers, made it no faster. */
const CONCURRENCY_MAX = 1_000;

/** @returns null, with the reason on the console, where redis-server is not installed */
export async function startBullMq(): Promise<QueueSystem | null> {
  if (!await isInstalled("redis-server", "redis-server")) return null;
  return await startWith(startRedis);
}

async function startRedis(processes: Processes): Promise<QueueSystem> {
  const port = freePort();
  // deno-fmt-ignore
  processes.start("redis-server", [
    "--bind", "127.0.0.1", "--port", String(port), "--dir", processes.directory,
    "--appendonly", "yes", "--appendfsync", "always", "--save", "",
  ], "redis");
  const connect = () => new Redis({ host: "127.0.0.1", port, maxRetriesPerRequest: null });
  await eventually("Redis", 10_000, async () => {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
  });
  return {
    name: "bullmq",
    processes,
    stop: () => processes.stop(),
    notes: [
      "bullmq: one Redis server, no replica, appendfsync always. It has no consuming one by one: a worker " +
      "finishes a job and takes the next in one command.",
    ],
    open: (topic) => Promise.resolve(openQueue(topic, connect)),
  };
}

function openQueue(topic: string, connect: () => Redis): Topic {
  const connection = connect();
  const queue = new Queue(topic, {
    connection,
    defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
  });
  return {
    publisher() {
      return Promise.resolve(async (body) => {
        await queue.add("message", body);
      });
    },
    batchPublisher() {
      return Promise.resolve(async (bodies) => {
        await queue.addBulk(bodies.map((data) => ({ name: "message", data })));
      });
    },
    async consume(clients, max, told) {
      const connection = connect();
      const concurrency = Math.min(clients * max, CONCURRENCY_MAX);
      const work = (job: { data: string }) => Promise.resolve(told.arrived(job.data));
      const worker = new Worker(topic, work, { connection, concurrency });
      worker.on("completed", () => told.acknowledged(1));
      await worker.waitUntilReady();
      return {
        async stop() {
          await worker.close();
          connection.disconnect();
        },
      };
    },
    async close() {
      await queue.obliterate({ force: true });
      await queue.close();
      connection.disconnect();
    },
  };
}
