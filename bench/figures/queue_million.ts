/** An ordinary day of a topic: a million messages published, every peer started again, all of them consumed. */
import { eventually, withDeadline } from "../peers/processes.ts";
import { BATCH_SIZE, bodiesOf } from "../peers/queue_loads.ts";
import { openTopic, startSkeinQueue } from "../peers/skein_queue.ts";
import { count, type Figure } from "./figure.ts";

const MESSAGES = 1_000_000;
const CLIENTS = 8;
const READY_MS_MAX = 60_000;
const CONSUMED_MS_MAX = 300_000;

export async function* queueMillion(): AsyncGenerator<Figure> {
  const system = await startSkeinQueue();
  try {
    const topic = openTopic(system, "million");
    const publishing = performance.now();
    await Promise.all(Array.from({ length: CLIENTS }, async (_, client) => {
      const publish = await topic.batchPublisher!(client);
      for (let round = 0; round < MESSAGES / BATCH_SIZE / CLIENTS; round++) {
        await publish(bodiesOf(client, round));
      }
    }));
    yield rate("a million messages into one topic, in batches of 100, a second", publishing);
    yield memory("peak resident memory of each peer by then, MB", system.processes.usage());

    await system.processes.killAll();
    const restarted = performance.now();
    system.restart();
    await eventually("the restarted cluster", READY_MS_MAX, system.ready, 5);
    const readyMs = performance.now() - restarted;
    yield {
      name: "a million ready messages: all three peers after kill -9 until all are ready",
      measured: `${readyMs.toFixed(0)} ms`,
      aim: "< 10,000 ms",
    };

    const consuming = performance.now();
    await consumeAll(openTopic(system, "million").consume!);
    yield rate("all of them consumed and acknowledged, 100 a request, a second", consuming);
    yield memory("peak resident memory of each peer since then, MB", system.processes.usage());
  } finally {
    await system.stop();
  }
}

/** @throws {Error} when one is missing after a while, or is none of those that were published */
async function consumeAll(consume: NonNullable<ReturnType<typeof openTopic>["consume"]>) {
  const missing = new Set<string>();
  for (let client = 0; client < CLIENTS; client++) {
    for (let round = 0; round < MESSAGES / BATCH_SIZE / CLIENTS; round++) {
      for (const body of bodiesOf(client, round)) missing.add(body);
    }
  }
  const done = Promise.withResolvers<void>();
  let acknowledged = 0;
  const consumers = await consume(CLIENTS, BATCH_SIZE, {
    arrived(body) {
      if (!missing.delete(body)) done.reject(new Error(`not expected, or not again: ${body}`));
    },
    acknowledged(more) {
      acknowledged += more;
      if (acknowledged === MESSAGES) done.resolve();
    },
  });
  try {
    await withDeadline(done.promise, CONSUMED_MS_MAX);
  } finally {
    await consumers.stop();
  }
}

function rate(name: string, sinceMs: number): Figure {
  const measured = count(MESSAGES / (performance.now() - sinceMs) * 1_000);
  return { name, measured, aim: "told" };
}

function memory(name: string, usage: readonly { readonly peakResidentBytes: number }[]): Figure {
  const measured = usage.map(({ peakResidentBytes }) => Math.round(peakResidentBytes / 1e6));
  return { name, measured: measured.join(", "), aim: "≤ 600" };
}
