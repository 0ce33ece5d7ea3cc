/** Skein's queue over plain HTTP: clients spread over all three peers, whichever of them leads the topic. */
import assert from "node:assert/strict";
import { HttpSocket } from "./load.ts";
import type { Consumers, QueueSystem, Told, Topic } from "./queue_system.ts";
import { type SkeinSystem, startSkein } from "./skein.ts";

const WAIT_SECONDS = 1;

/** @param more flags of each peer */
export async function startSkeinQueue(
  more: readonly string[] = [],
): Promise<QueueSystem & SkeinSystem> {
  const system = await startSkein(more);
  return {
    ...system,
    notes: [
      "skein: three peers, publishes and acknowledgements fsynced on a majority before they are answered. " +
      "One request a connection at a time; a client of its own connection each.",
    ],
    open: (topic) => Promise.resolve(openTopic(system, topic)),
  };
}

export function openTopic({ addressOf }: SkeinSystem, topic: string): Topic {
  const sockets: HttpSocket[] = [];
  const connect = async (client: number) => {
    const socket = await HttpSocket.connect(addressOf(client));
    sockets.push(socket);
    return socket;
  };
  return {
    async publisher(client) {
      const socket = await connect(client);
      return async (data) => {
        await post(socket, "/queue/publish", { topic, data });
      };
    },
    async batchPublisher(client) {
      const socket = await connect(client);
      return async (bodies) => {
        const messages = bodies.map((data) => ({ data }));
        await post(socket, "/queue/publish", { topic, messages });
      };
    },
    async consume(clients, max, told) {
      const running = await Promise.all(Array.from({ length: clients }, async (_, client) => {
        return consumeTopic(await connect(client), topic, max, told);
      }));
      return {
        async stop() {
          await Promise.all(running.map((each) => each.stop()));
        },
      };
    },
    async close() {
      const socket = await connect(0);
      await post(socket, "/queue/purge", { topic, what: "all" });
      for (const each of sockets) each.close();
    },
  };
}

interface Delivered {
  readonly data: string;
  readonly receipt: string;
}

function consumeTopic(socket: HttpSocket, topic: string, max: number, told: Told): Consumers {
  let stopped = false;
  const asked = { topic, max, wait: WAIT_SECONDS };
  const running = (async () => {
    while (!stopped) {
      const answer = await post(socket, "/queue/consume", asked);
      const { messages }: { messages: readonly Delivered[] } = JSON.parse(answer);
      if (messages.length === 0) continue;
      for (const { data } of messages) told.arrived(data);
      const deliveries = messages.map(({ receipt }) => ({ receipt }));
      const [first] = deliveries;
      const body = max === 1 ? { topic, ...first } : { topic, deliveries };
      const settled = await post(socket, "/queue/ack", body);
      assert(!settled.includes('"success":false'), settled);
      told.acknowledged(messages.length);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await running;
    },
  };
}

async function post(socket: HttpSocket, path: string, body: unknown): Promise<string> {
  const { status, body: answer } = await socket.post(path, body);
  assert.equal(status, 200, `${path}: ${answer}`);
  return answer;
}
