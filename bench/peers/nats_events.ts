/**
 * NATS JetStream as an event log: a stream a topic, three replicas in file storage, with deduplication by message id
 * within its usual window of two minutes. Clients publish over plain sockets.
 */
import { RetentionPolicy, StorageType } from "@nats-io/jetstream";
import type { EventPublishers, EventSystem } from "./events_suite.ts";
import { type NatsCluster, startCluster } from "./nats.ts";
import { eventually, isInstalled, startWith, withDeadline } from "./processes.ts";

const REPLICAS = 3;

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
  { manager, wires }: NatsCluster,
  topics: readonly string[],
): Promise<EventPublishers> {
  for (const topic of topics) {
    await eventually("a stream", 30_000, () => {
      return manager.streams.add({
        name: topic,
        subjects: [topic],
        storage: StorageType.File,
        num_replicas: REPLICAS,
        retention: RetentionPolicy.Limits,
      });
    });
    // A server that has not heard of the stream yet drops what is published to it.
    await Promise.all(wires.map((wire) => {
      return eventually("a stream that every server knows", 30_000, () => {
        return withDeadline(wire.publish(topic, "ready"), 500);
      });
    }));
  }
  return (client) => {
    const wire = wires[client % wires.length]!;
    return Promise.resolve(async (topic, events) => {
      await Promise.all(events.map(({ id, body }) => wire.publishWithId(topic, id, body)));
    });
  };
}
