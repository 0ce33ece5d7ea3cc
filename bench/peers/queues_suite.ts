/**
 * The queue beside NATS JetStream, beanstalkd, BullMQ on Redis, and etcd's puts: 100-byte messages, acknowledged
 * once they are durable, as far as each system knows how to.
 */
import { startBeanstalkd } from "./beanstalkd.ts";
import { startBullMq } from "./bullmq.ts";
import { startEtcdPuts } from "./etcd.ts";
import { startNats } from "./nats.ts";
import { consuming, endToEnd, onNewTopic, publishing, publishingBatches } from "./queue_loads.ts";
import type { QueueSystem } from "./queue_system.ts";
import { startSkeinQueue } from "./skein_queue.ts";
import type { Load, Place, Suite } from "./suite.ts";

const SINGLE = "publish";
const BATCHES = "publish, 100 a request";
const CONSUME = "consume + ack, one by one";
const CONSUME_BATCHES = "consume + ack, 100 a request";
const ARRIVAL = "publish → arrival";

const LOADS: readonly Load<QueueSystem>[] = [
  { name: SINGLE, clients: 1, run: onNewTopic(publishing(1)) },
  { name: SINGLE, clients: 64, run: onNewTopic(publishing(64)) },
  { name: SINGLE, clients: 256, run: onNewTopic(publishing(256)) },
  { name: BATCHES, clients: 8, run: onNewTopic(publishingBatches(8)) },
  { name: CONSUME, clients: 64, run: onNewTopic(consuming(64, 1, 50_000)) },
  { name: CONSUME_BATCHES, clients: 8, run: onNewTopic(consuming(8, 100, 200_000)) },
  { name: ARRIVAL, clients: 1, run: onNewTopic(endToEnd(1)) },
  { name: ARRIVAL, clients: 16, run: onNewTopic(endToEnd(16)) },
];

const place = (system: string, load: string, clients: number): Place => ({ system, load, clients });

export const QUEUES: Suite<QueueSystem> = {
  name: "queues",
  title: "The queue beside other queues",
  starts: [
    { name: "skein", start: () => startSkeinQueue() },
    { name: "nats", start: () => startNats("socket") },
    { name: "nats.js", start: () => startNats("client") },
    { name: "etcd", start: startEtcdPuts },
    { name: "beanstalkd", start: startBeanstalkd },
    { name: "bullmq", start: startBullMq },
  ],
  loads: LOADS,
  aims: [
    ...(["nats", "nats.js"].flatMap((nats) => [
      {
        what: `publishing in batches, over single publishes of ${nats} at 64 clients`,
        of: place("skein", BATCHES, 8),
        over: place(nats, SINGLE, 64),
        atLeast: 4,
      },
      {
        what: `single publishes at 64 clients, over those of ${nats}`,
        of: place("skein", SINGLE, 64),
        over: place(nats, SINGLE, 64),
        atLeast: 0.5,
      },
    ])),
    {
      what: "single publishes at 64 clients, over etcd's puts",
      of: place("skein", SINGLE, 64),
      over: place("etcd", SINGLE, 64),
      atLeast: 2.5,
    },
    {
      what: "consuming in batches, over bullmq's processing",
      of: place("skein", CONSUME_BATCHES, 8),
      over: place("bullmq", CONSUME_BATCHES, 8),
      atLeast: 1,
    },
  ],
};
