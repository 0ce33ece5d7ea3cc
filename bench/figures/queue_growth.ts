/** Whether a publish takes longer when many messages are ready in its topic. */
import { runLoad } from "../peers/load.ts";
import { BATCH_SIZE, bodiesOf, bodyOf } from "../peers/queue_loads.ts";
import type { Topic } from "../peers/queue_system.ts";
import { openTopic, startSkeinQueue } from "../peers/skein_queue.ts";
import { partitionOf } from "../../src/ring/partition_of.ts";
import { type Figure, quantile } from "./figure.ts";

const PARTITIONS = 16;
const FEW = 1_000;
const MANY = 1_000_000;
const FILLING_CLIENTS = 8;
/** Publishing clients, of which each waits for its answer. */
const CLIENTS = 8;
/** One after the other, because what else the machine does changes with time. */
const ROUNDS = 7;
const ROUND_MS = 2_000;
const WARM_UP_MS = 500;

export async function* queueGrowth(): AsyncGenerator<Figure> {
  const system = await startSkeinQueue(["--partitions", String(PARTITIONS)]);
  try {
    const names = inOnePartition(ROUNDS + 1);
    const grown = openTopic(system, names[0]!);
    await fill(grown, MANY);
    const [few, many]: [number[], number[]] = [[], []];
    for (const name of names.slice(1)) {
      const fresh = openTopic(system, name);
      await fill(fresh, FEW);
      few.push(await latencyMs(fresh));
      many.push(await latencyMs(grown));
      await fresh.close();
    }
    const [fewMs, manyMs] = [quantile(few, 0.5), quantile(many, 0.5)];
    yield {
      name: "publish p50 with 1,000,000 messages ready, over that with 1,000",
      measured: `${(manyMs / fewMs).toFixed(2)} (${manyMs.toFixed(2)} ms over ${
        fewMs.toFixed(2)
      } ms, medians of ${ROUNDS} rounds in turn)`,
      aim: "≤ 1.2",
    };
  } finally {
    await system.stop();
  }
}

/** Topics of one partition, so that one peer leads them all. */
function inOnePartition(topics: number): readonly string[] {
  const names: string[] = [];
  const wanted = partitionOf("queue", "growth", PARTITIONS);
  for (let number = 0; names.length < topics; number++) {
    const name = `growth-${number}`;
    if (partitionOf("queue", name, PARTITIONS) === wanted) names.push(name);
  }
  return names;
}

async function fill(topic: Topic, messages: number): Promise<void> {
  let left = messages / BATCH_SIZE;
  await Promise.all(Array.from({ length: FILLING_CLIENTS }, async (_, client) => {
    const publish = await topic.batchPublisher!(client);
    for (let round = 0; left-- > 0; round++) await publish(bodiesOf(client, round));
  }));
}

/** @returns the median */
async function latencyMs(topic: Topic): Promise<number> {
  const { p50Ms } = await runLoad(CLIENTS, ROUND_MS, WARM_UP_MS, async (client) => {
    const publish = await topic.publisher(client);
    return async (round) => {
      await publish(bodyOf(client, round));
      return null;
    };
  });
  return p50Ms;
}
