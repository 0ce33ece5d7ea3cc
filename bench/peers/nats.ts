/**
 * NATS JetStream: three servers on this machine, a stream of three replicas in file storage, a work queue.
 * Publishing clients share one connection to each server, as NATS' clients are meant to, with as many publishes
 * under way as there are clients.
 */
import {
  AckPolicy,
  type Consumer,
  type ConsumerMessages,
  jetstream,
  type JetStreamClient,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { NatsWire } from "./nats_wire.ts";
import {
  eventually,
  freePort,
  isInstalled,
  type Processes,
  startWith,
  withDeadline,
} from "./processes.ts";
import type { Consumers, QueueSystem, Told, Topic } from "./queue_system.ts";

const REPLICAS = 3;
const DURABLE_NAME = "workers";
/** Messages that the client asks for ahead of time where it may take many. */
const PREFETCHED = 500;

/** @returns null, with the reason on the console, where nats-server is not installed */
export async function startNats(): Promise<QueueSystem | null> {
  if (!await isInstalled("nats-server", "nats-server")) return null;
  return await startWith(startServers);
}

async function startServers(processes: Processes): Promise<QueueSystem> {
  const servers = Array.from({ length: REPLICAS }, (_, place) => {
    return { name: `n${place}`, client: freePort(), route: freePort() };
  });
  const routes = servers.map(({ route }) => `nats://127.0.0.1:${route}`).join(",");
  for (const { name, client, route } of servers) {
    // deno-fmt-ignore
    processes.start("nats-server", [
      "--name", name, "--addr", "127.0.0.1", "--port", String(client),
      "--jetstream", "--store_dir", `${processes.directory}/${name}`,
      "--cluster_name", "bench", "--cluster", `nats://127.0.0.1:${route}`, "--routes", routes,
    ], name);
  }
  const connections = await Promise.all(servers.map(({ client }) => {
    return eventually("a NATS server", 20_000, () => {
      return connect({ servers: `127.0.0.1:${client}`, reconnect: false });
    });
  }));
  const wires = await Promise.all(
    servers.map(({ name, client }) => NatsWire.connect(client, name)),
  );
  const manager = await eventually("JetStream with a leader", 30_000, async () => {
    const found = await jetstreamManager(connections[0]!, { timeout: 1_000 });
    await found.streams.list().next();
    return found;
  });
  const consuming = connections.map((connection) => jetstream(connection));
  return {
    name: "nats",
    processes,
    async stop() {
      for (const wire of wires) wire.close();
      await Promise.all(connections.map((connection) => connection.close()));
      await processes.stop();
    },
    notes: [
      "NATS: three servers, file store, R3. It does not fsync before it acknowledges (every 2 minutes by " +
      "default), and consumers do not wait for the answer to an acknowledgement.",
    ],
    open: (topic) => openStream(manager, consuming, wires, topic),
  };
}

async function openStream(
  manager: JetStreamManager,
  consuming: readonly JetStreamClient[],
  wires: readonly NatsWire[],
  topic: string,
): Promise<Topic> {
  await eventually("a stream", 30_000, () => {
    return manager.streams.add({
      name: topic,
      subjects: [topic],
      storage: StorageType.File,
      num_replicas: REPLICAS,
      retention: RetentionPolicy.Workqueue,
    });
  });
  // A server that has not heard of the stream yet drops what is published to it.
  await Promise.all(wires.map((wire) => {
    return eventually("a stream that every server knows", 30_000, () => {
      return withDeadline(wire.publish(topic, "ready"), 500);
    });
  }));
  await manager.streams.purge(topic);
  const wireOf = (client: number) => wires[client % wires.length]!;
  return {
    publisher(client) {
      const wire = wireOf(client);
      return Promise.resolve((body) => wire.publish(topic, body));
    },
    batchPublisher(client) {
      const wire = wireOf(client);
      return Promise.resolve(async (bodies) => {
        await Promise.all(bodies.map((body) => wire.publish(topic, body)));
      });
    },
    async consume(consumers, max, told) {
      await manager.consumers.add(topic, {
        durable_name: DURABLE_NAME,
        ack_policy: AckPolicy.Explicit,
        max_ack_pending: 100_000,
      });
      const running = await Promise.all(Array.from({ length: consumers }, async (_, place) => {
        const consumer = await consuming[place % consuming.length]!.consumers.get(
          topic,
          DURABLE_NAME,
        );
        return max === 1 ? consumeOneByOne(consumer, told) : await consumeAhead(consumer, told);
      }));
      return {
        async stop() {
          await Promise.all(running.map((each) => each.stop()));
        },
      };
    },
    async close() {
      await manager.streams.delete(topic);
    },
  };
}

/** The way that the client's documentation shows for throughput: it asks ahead, and acknowledges without waiting. */
async function consumeAhead(
  consumer: Consumer,
  told: Told,
): Promise<Consumers> {
  const messages: ConsumerMessages = await consumer.consume({
    max_messages: PREFETCHED,
    callback: (message) => {
      told.arrived(message.string());
      message.ack();
      told.acknowledged(1);
    },
  });
  return {
    async stop() {
      await messages.close();
    },
  };
}

/** One message a request, and the next only when the server has confirmed its acknowledgement. */
function consumeOneByOne(consumer: Consumer, told: Told): Consumers {
  let stopped = false;
  const running = (async () => {
    while (!stopped) {
      const message = await consumer.next({ expires: 1_000 });
      if (message === null) continue;
      told.arrived(message.string());
      await message.ackAck();
      told.acknowledged(1);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await running;
    },
  };
}
