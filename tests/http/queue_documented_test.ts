/** Requests are documented by one schema and validated by others where a field has several names: the same? */
import { deepEqual, equal, ok } from "node:assert/strict";
import type { z } from "@hono/zod-openapi";
import { createSite } from "../../src/http/app.ts";
import type { Endpoint, Site } from "../../src/http/endpoint.ts";
import { queueConsumeEndpoints } from "../../src/http/queue_consume.ts";
import { queueDeadEndpoints } from "../../src/http/queue_dead.ts";
import { queuePublishEndpoints } from "../../src/http/queue_publish.ts";
import { queueSettleEndpoints } from "../../src/http/queue_settle.ts";
import { queueTopicEndpoints } from "../../src/http/queue_topics.ts";
import { Random } from "../../src/random.ts";
import { FakePeer, Fixture, httpOptions } from "./fake_peer.ts";

const NAMES = [
  "a",
  "orders",
  "orders.dead",
  "",
  "x".repeat(512),
  "ä".repeat(257),
  "a\u0007",
  "\ud800",
  5,
];
const SECONDS = [
  0,
  0.05,
  0.1,
  1.5,
  3_600,
  3_601,
  43_200,
  43_201,
  2_592_000,
  2_592_001,
  -1,
  "1",
  true,
];
const DATA = [0, "text", true, { a: [1] }, []];

/** What each field may be in a random body; also null, and absent. */
const VALUES: Readonly<Record<string, readonly unknown[]>> = {
  topic: NAMES,
  id: NAMES,
  message_id: NAMES,
  key: NAMES,
  consumer: NAMES,
  receipt: NAMES,
  reason: ["", "x".repeat(512), "x".repeat(513), 7],
  data: DATA,
  payload: DATA,
  message: DATA,
  priority: [0, 9, 10, -1, 1.5, "1"],
  max: [1, 1_000, 1_001, 0, 1.5, "1"],
  wait: SECONDS,
  visibility: SECONDS,
  delay: SECONDS,
  ttl: SECONDS,
  dedup_window: SECONDS,
  lanes: [1, 256, 257, 0, 1.5, "1"],
  max_attempts: [0, 16, 1_000_000, 1_000_001, -1, 1.5],
  backoff: [[], [1], [0, 1.5], [-1], Array(64).fill(1), Array(65).fill(1), 5, ["1"]],
  paused: [true, false, 0, "true"],
  ids: [["a"], ["a", "b"], [], [""], ["a", 5], Array(1_000).fill("a"), Array(1_001).fill("a"), "a"],
  all: [true, false, "true"],
  rate: [0.1, 1_000_000, 0, -1, 1_000_001, "1"],
  what: ["ready", "dead", "all", "else"],
};

/** The fields of each route; of those in the first list every body has nearly always one. */
const FIELDS: Readonly<Record<string, readonly [readonly string[], readonly string[]]>> = {
  "/queue/publish": [["data", "payload", "message"], ["id", "key", "priority", "delay", "ttl"]],
  "/queue/consume": [["topic"], ["consumer", "max", "wait", "visibility"]],
  "/queue/ack": [["id", "message_id", "receipt"], ["receipt"]],
  "/queue/nack": [["id", "message_id", "receipt"], ["receipt", "delay", "reason"]],
  "/queue/extend": [["id", "message_id", "receipt"], ["receipt", "visibility"]],
  "/queue/topics": [
    ["topic"],
    ["lanes", "visibility", "max_attempts", "dedup_window", "backoff", "paused"],
  ],
  "/queue/requeue": [["ids", "all"], ["rate"]],
  "/queue/purge": [["topic"], ["what"]],
};

/** Fields that list what else the body itself would say. */
const LISTS: Readonly<Record<string, readonly string[]>> = {
  "/queue/publish": ["messages"],
  "/queue/ack": ["deliveries", "messages"],
  "/queue/nack": ["deliveries", "messages"],
  "/queue/extend": ["deliveries", "messages"],
};

/** Right in most fields, so that many bodies are right as a whole. */
function randomFields(random: Random, path: string): Record<string, unknown> {
  const [one, others] = FIELDS[path]!;
  const fields: Record<string, unknown> = {};
  const give = (name: string) => {
    const values = VALUES[name]!;
    if (random.chance(0.05)) fields[name] = null;
    else fields[name] = random.chance(0.85) ? values[0] : random.pick(values);
  };
  if (random.chance(0.95)) give(random.pick(one));
  if (random.chance(0.05)) give(random.pick(one));
  for (const name of others) if (random.chance(0.3)) give(name);
  return fields;
}

function randomBody(random: Random, path: string): Record<string, unknown> {
  const topic = random.chance(0.9) ? "orders" : random.pick([...NAMES, null, undefined]);
  const list = LISTS[path];
  if (list === undefined || random.chance(0.5)) return { topic, ...randomFields(random, path) };
  const count = random.chance(0.02) ? 1_001 : random.integer(0, 3);
  const each = () => random.chance(0.97) ? randomFields(random, path) : random.pick([7, null, []]);
  const listed = random.chance(0.95)
    ? Array.from({ length: count }, each)
    : random.pick([7, null, {}]);
  return {
    topic,
    ...(random.chance(0.05) ? randomFields(random, path) : {}),
    [random.pick(list)]: listed,
    ...(random.chance(0.03) ? { [random.pick(list)]: [] } : {}),
  };
}

function postEndpoints(site: Site): readonly Endpoint[] {
  return [
    ...queuePublishEndpoints(site),
    ...queueConsumeEndpoints(site),
    ...queueSettleEndpoints(site),
    ...queueTopicEndpoints(site),
    ...queueDeadEndpoints(site),
  ].filter(({ route }) => route.method === "post");
}

function schemaOf({ route }: Endpoint): z.ZodType {
  const media = route.request!.body!.content["application/json"]!;
  if (!("schema" in media)) throw new Error(`${route.path} documents no body`);
  return media.schema as z.ZodType;
}

const endpoints = postEndpoints(createSite(new FakePeer().asPeer(), httpOptions()));

Deno.test("queue documents: every route that takes a body is looked at here", () => {
  deepEqual(endpoints.map(({ route }) => route.path).sort(), Object.keys(FIELDS).sort());
});

for (const endpoint of endpoints) {
  const { path } = endpoint.route;
  Deno.test(`queue documents: ${path} takes what is documented, and nothing else`, async () => {
    const random = new Random(path.length, 4);
    const fixture = new Fixture();
    const schema = schemaOf(endpoint);
    const seen = new Map<number, number>();
    for (let round = 0; round < 1_500; round++) {
      const text = JSON.stringify(randomBody(random, path));
      const isDocumented = schema.safeParse(JSON.parse(text)).success;
      const { status, json } = await fixture.post(path, text);
      ok([200, 400, 422].includes(status), `${status}: ${text}`);
      equal(json.success, status === 200);
      // One field under two names fits a schema, and is refused all the same.
      if (status !== 400) equal(status === 200, isDocumented, `${json.message}: ${text}`);
      seen.set(status, (seen.get(status) ?? 0) + 1);
    }
    ok(seen.get(200)! > 200 && seen.get(422)! > 200, JSON.stringify([...seen]));
  });
}
