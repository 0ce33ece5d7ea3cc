/**
 * The event log beside NATS JetStream with deduplication by message id: 100-byte events, each with an id of its own, in
 * batches of 100, acknowledged once they are durable, as far as each system knows how to.
 */
import assert from "node:assert/strict";
import { HttpSocket, runLoad } from "./load.ts";
import { startNatsEvents } from "./nats_events.ts";
import { BATCH_SIZE, bodyOf } from "./queue_loads.ts";
import { startSkein } from "./skein.ts";
import type { Load, Suite, SystemUnderTest } from "./suite.ts";

const NAME = "publish, 100 a request";
const WARM_UP_MS = 2_000;
/** So that several partitions, and leaders, take part. */
const TOPICS = 12;
const DUPLICATES = 0.2;

export interface EventToSend {
  readonly id: string;
  readonly body: string;
}

export interface EventSystem extends SystemUnderTest {
  /**
   * @param topics are opened first
   * @returns what a client publishes a batch to one topic with; resolves when the system acknowledges it
   */
  open(topics: readonly string[]): Promise<EventPublishers>;
}

export type EventPublishers = (
  client: number,
) => Promise<(topic: string, events: readonly EventToSend[]) => Promise<void>>;

/** @param share of the events that was sent before, by the same client */
function publishing(clients: number, topics: number, share: number): Load<EventSystem>["run"] {
  return async (system, durationMs) => {
    const run = crypto.randomUUID().slice(0, 8);
    const names = Array.from({ length: topics }, (_, place) => `events-${run}-${place}`);
    const open = await system.open(names);
    const repeated = Math.round(BATCH_SIZE * share);
    return await runLoad(clients, durationMs, WARM_UP_MS, async (client) => {
      const publish = await open(client);
      const topic = names[client % names.length]!;
      return async (round) => {
        const first = round * BATCH_SIZE;
        const events = Array.from({ length: BATCH_SIZE }, (_, place) => {
          const number = place < repeated ? Math.max(0, first - 1 - place) : first + place;
          return { id: `${client}-${number}`, body: bodyOf(client, number) };
        });
        await publish(topic, events);
        return null;
      };
    }, BATCH_SIZE);
  };
}

const DUPLICATED = `${NAME}, a fifth of them known`;

const LOADS: readonly Load<EventSystem>[] = [
  { name: `${NAME}, one topic`, clients: 8, run: publishing(8, 1, 0) },
  { name: NAME, clients: 8, run: publishing(8, TOPICS, 0) },
  { name: NAME, clients: 24, run: publishing(24, TOPICS, 0) },
  { name: DUPLICATED, clients: 24, run: publishing(24, TOPICS, DUPLICATES) },
];

async function startSkeinEvents(): Promise<EventSystem> {
  const system = await startSkein();
  const { addressOf } = system;
  return {
    ...system,
    notes: [
      "skein: three peers, each event's id remembered for ever, fsynced on a majority before it is answered. " +
      "One request a connection at a time; a client of its own connection each.",
    ],
    open: () =>
      Promise.resolve(async (client) => {
        const socket = await HttpSocket.connect(addressOf(client));
        return async (topic, events) => {
          const batch = events.map(({ id, body }) => ({ topic, event_id: id, payload: body }));
          const { status, body } = await socket.post("/publish", batch);
          assert.equal(status, 200, body);
        };
      }),
  };
}

const place = (system: string, load: string, clients: number) => ({ system, load, clients });

export const EVENTS: Suite<EventSystem> = {
  name: "events",
  title: "The event log beside NATS JetStream with message ids",
  starts: [
    { name: "skein", start: startSkeinEvents },
    { name: "nats", start: startNatsEvents },
  ],
  loads: LOADS,
  aims: [
    {
      what: "events in batches of 100, 24 clients",
      of: place("skein", NAME, 24),
      over: null,
      atLeast: 80_000,
    },
    ...[8, 24].map((clients) => ({
      what: `events in batches of 100, ${clients} clients, over nats with message ids`,
      of: place("skein", NAME, clients),
      over: place("nats", NAME, clients),
      atLeast: 1,
    })),
  ],
};
