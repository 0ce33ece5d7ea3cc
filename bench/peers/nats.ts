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
import { connect, type NatsConnection } from "@nats-io/transport-node";
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

/** How clients publish: over a plain socket, or as most programs do, with NATS' own client for JavaScript. */
export type NatsPublisher = "socket" | "client";

type Publish = (topic: string, body: string) => Promise<unknown>;

const NOTE =
  "nats: three servers, file store, R3. It does not fsync before it acknowledges (every 2 minutes " +
  "by default), and consumers do not wait for the answer to an acknowledgement but where they take one by one. " +
  "Its clients publish over plain sockets, as lean as Skein's here.";
const CLIENT_NOTE = "nats.js: the same servers; its clients publish with @nats-io/jetstream.";

/** @returns null, with the reason on the console, where nats-server is not installed */
export async function startNats(publisher: NatsPublisher): Promise<QueueSystem | null> {
  if (!await isInstalled("nats-server", "nats-server")) return null;
  return await startWith((processes) => startServers(processes, publisher));
}

async function startServers(
  processes: Processes,
  publisher: NatsPublisher,
): Promise<QueueSystem> {
  const cluster = await startCluster(processes);
  const { connections, wires, close } = cluster;
  const clients = connections.map((connection) => jetstream(connection));
  const publishers = publisher === "socket"
    ? wires.map((wire): Publish => (topic, body) => wire.publish(topic, body))
    : clients.map((client): Publish => (topic, body) => client.publish(topic, body));
  return {
    name: publisher === "socket" ? "nats" : "nats.js",
    processes,
    stop: close,
    notes: [publisher === "socket" ? NOTE : CLIENT_NOTE],
    async open(topic) {
      const stream = await openStream(cluster, clients, publishers, topic);
      // Consumers are the same either way.
      return publisher === "socket" ? stream : { ...stream, consume: null };
    },
  };
}

export interface NatsCluster {
  readonly connections: readonly NatsConnection[];
  /** A plain socket to each server. */
  readonly wires: readonly NatsWire[];
  readonly manager: JetStreamManager;
  close(): Promise<void>;
}

/** Three servers with a leader of JetStream. */
export async function startCluster(processes: Processes): Promise<NatsCluster> {
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
  return {
    connections,
    wires,
    manager,
    async close() {
      for (const wire of wires) wire.close();
      await Promise.all(connections.map((connection) => connection.close()));
      await processes.stop();
    },
  };
}

/** Adds a stream of this name, with a subject of the same name, and waits until every server has heard of it. */
export async function addStream(
  { manager, wires }: NatsCluster,
  topic: string,
  retention: RetentionPolicy,
): Promise<void> {
  await eventually("a stream", 30_000, () => {
    return manager.streams.add({
      name: topic,
      subjects: [topic],
      storage: StorageType.File,
      num_replicas: REPLICAS,
      retention,
    });
  });
  // A server that has not heard of the stream yet drops what is published to it.
  await Promise.all(wires.map((wire) => {
    return eventually("a stream that every server knows", 30_000, () => {
      return withDeadline(wire.publish(topic, "ready"), 500);
    });
  }));
}

async function openStream(
  cluster: NatsCluster,
  clients: readonly JetStreamClient[],
  publishers: readonly Publish[],
  topic: string,
): Promise<Topic> {
  const { manager } = cluster;
  await addStream(cluster, topic, RetentionPolicy.Workqueue);
  await manager.streams.purge(topic);
  const publisherOf = (client: number) => publishers[client % publishers.length]!;
  return {
    publisher(client) {
      const publish = publisherOf(client);
      return Promise.resolve(async (body) => {
        await publish(topic, body);
      });
    },
    batchPublisher(client) {
      const publish = publisherOf(client);
      return Promise.resolve(async (bodies) => {
        await Promise.all(bodies.map((body) => publish(topic, body)));
      });
    },
    async consume(consumers, max, told) {
      await manager.consumers.add(topic, {
        durable_name: DURABLE_NAME,
        ack_policy: AckPolicy.Explicit,
        max_ack_pending: 100_000,
      });
      const running = await Promise.all(Array.from({ length: consumers }, async (_, place) => {
        const consumer = await clients[place % clients.length]!.consumers.get(
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
