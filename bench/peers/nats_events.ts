/**
 * NATS JetStream as an event log: a stream a topic, three replicas in file storage, with deduplication by message id
 * within its usual window of two minutes. Clients publish over plain sockets.
 */
import { RetentionPolicy } from "@nats-io/jetstream";
import type { EventPublishers, EventSystem } from "./events_suite.ts";
import { addStream, type NatsCluster, startCluster } from "./nats.ts";
import { isInstalled, startWith } from "./processes.ts";

/** @returns null, with the reason on the console, where nats-server is not installed */
export async function startNatsEvents(): Promise<EventSystem | null> {
  if (!await isInstalled("nats-server", "nats-server")) return null;
  return await startWith(async (processes) => {
    const cluster = await startCluster(processes);
    return {
      name: "nats",
      processes,
      notes: [
        "nats: three servers, file store, R3, each publish with Nats-Msg-Id; ids are remembered for two minutes. " +
        "It does not fsync before it acknowledges (every 2 minutes by default).",
      ],
      stop: cluster.close,
      open: (topics) => openStreams(cluster, topics),
    };
  });
}

async function openStreams(
  cluster: NatsCluster,
  topics: readonly string[],
): Promise<EventPublishers> {
  for (const topic of topics) await addStream(cluster, topic, RetentionPolicy.Limits);
  return (client) => {
    const wire = cluster.wires[client % cluster.wires.length]!;
    return Promise.resolve(async (topic, events) => {
      await Promise.all(events.map(({ id, body }) => wire.publishWithId(topic, id, body)));
    });
  };
}
