/**
 * A real cluster, and requests of the queue that are wrong: each is answered with what is wrong and changes nothing, the
 * process lives, and an honest client is served meanwhile.
 */
import assert from "node:assert/strict";
import { SkeinClient } from "../../src/client/mod.ts";
import { SkeinCluster, type SkeinProcess } from "./skein_process.ts";

const BATCH_MAX = 1_000;

interface WrongRequest {
  readonly what: string;
  readonly path: string;
  /** Sent as it is where it is a text; null: a GET. */
  readonly body: unknown;
  readonly status: number;
  readonly error: string;
}

const publish = (what: string, fields: object, status = 422, error = "INVALID"): WrongRequest => ({
  what,
  path: "/queue/publish",
  body: { topic: "t", data: 1, ...fields },
  status,
  error,
});
const invalid = (what: string, path: string, body: unknown): WrongRequest => ({
  what,
  path,
  body,
  status: 422,
  error: "INVALID",
});
const notFound = (what: string, path: string, body: unknown): WrongRequest => ({
  what,
  path,
  body,
  status: 404,
  error: "NOT_FOUND",
});
const malformed = (what: string, path: string, body: unknown): WrongRequest => ({
  what,
  path,
  body,
  status: 400,
  error: "BAD_REQUEST",
});

const message = { data: 1 };

const WRONG: readonly WrongRequest[] = [
  notFound("stats of an unknown topic", "/queue/stats?topic=nothing", null),
  notFound("dead letters of an unknown topic", "/queue/dead?topic=nothing", null),
  notFound("an ack in an unknown topic", "/queue/ack", { topic: "nothing", id: "1" }),
  notFound("a purge of an unknown topic", "/queue/purge", { topic: "nothing", what: "all" }),
  notFound("a requeue in an unknown topic", "/queue/requeue", { topic: "nothing", all: true }),
  notFound("an ack of an unknown id", "/queue/ack", { topic: "t", message_id: "nobody" }),
  notFound("an ack of an unknown receipt", "/queue/ack", { topic: "t", receipt: "no-receipt" }),
  notFound("an extension of an unknown id", "/queue/extend", { topic: "t", id: "nobody" }),
  invalid("stats of nothing", "/queue/stats", null),
  invalid("an ack of nothing", "/queue/ack", { topic: "t" }),
  invalid("an empty batch", "/queue/publish", { topic: "t", messages: [] }),
  invalid("a batch over the bound", "/queue/publish", {
    topic: "t",
    messages: Array(BATCH_MAX + 1).fill(message),
  }),
  invalid("a batch with one wrong message", "/queue/publish", {
    topic: "t",
    messages: [message, { data: 1, priority: 10 }],
  }),
  invalid("a batch of acks over the bound", "/queue/ack", {
    topic: "t",
    deliveries: Array(BATCH_MAX + 1).fill({ id: "1" }),
  }),
  publish("priority 10", { priority: 10 }),
  publish("priority -1", { priority: -1 }),
  publish("priority 1.5", { priority: 1.5 }),
  publish("a negative delay", { delay: -1 }),
  publish("a delay of a thousand years", { delay: 3e10 }),
  publish("a ttl of nothing", { ttl: 0 }),
  publish("an empty id", { id: "" }),
  publish("an id of 1 KiB", { id: "x".repeat(1024) }),
  publish("an empty topic", { topic: "" }),
  publish("a topic of 1 KiB", { topic: "x".repeat(1024) }),
  publish("a topic with control characters", { topic: "a\u0000b" }),
  publish("a topic with a line break", { topic: "a\nb" }),
  publish("a topic named as dead letters are", { topic: "t.dead" }),
  publish("no topic", { topic: undefined }),
  publish("no data", { data: undefined }),
  publish("data under two names", { payload: 2 }, 400, "BAD_REQUEST"),
  publish("a payload of 2 MiB", { data: "x".repeat(2 * 1024 * 1024) }, 413, "PAYLOAD_TOO_LARGE"),
  invalid("a consume of no messages", "/queue/consume", { topic: "t", max: 0 }),
  invalid("a consume of too many", "/queue/consume", { topic: "t", max: BATCH_MAX + 1 }),
  invalid("a negative wait", "/queue/consume", { topic: "t", wait: -1 }),
  invalid("a visibility of a day", "/queue/consume", { topic: "t", visibility: 86_400 }),
  invalid("257 lanes", "/queue/topics", { topic: "t", lanes: 257 }),
  invalid("half a lane", "/queue/topics", { topic: "t", lanes: 0.5 }),
  invalid("a purge of something else", "/queue/purge", { topic: "t", what: "everything" }),
  malformed("half an object", "/queue/publish", '{"topic":"t","data":'),
  malformed("a list", "/queue/publish", "[1]"),
  malformed("data that is no JSON", "/queue/publish", '{"topic":"t","data":NaN}'),
  malformed(
    "data that is nested too deep",
    "/queue/publish",
    `{"topic":"t","data":${"[".repeat(500) + "]".repeat(500)}}`,
  ),
  malformed("brackets without end", "/queue/publish", `{"topic":"t","data":${"[".repeat(100_000)}`),
  {
    what: "other lanes than the topic has",
    path: "/queue/topics",
    body: { topic: "t", lanes: 2 },
    status: 409,
    error: "CONFLICT",
  },
];

function send(peer: SkeinProcess, { path, body }: WrongRequest): Promise<Response> {
  const signal = AbortSignal.timeout(10_000);
  if (body === null) return fetch(peer.url + path, { signal });
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return fetch(peer.url + path, { method: "POST", body: text, signal });
}

Deno.test("wrong requests of the queue are answered with what is wrong, and change nothing", async (test) => {
  await SkeinCluster.with({ flags: ["--log-level", "warn"] }, async ({ peers }) => {
    const { queue } = new SkeinClient({ urls: peers.map(({ url }) => url) });
    const { id } = await queue.publish("t", "honest");
    for (const [place, wrong] of WRONG.entries()) {
      await test.step(wrong.what, async () => {
        const response = await send(peers[place % peers.length]!, wrong);
        const answer = await response.json();
        const shown = JSON.stringify(answer);
        const { success, error, message } = answer;
        assert.deepEqual(
          [response.status, success, error],
          [wrong.status, false, wrong.error],
          shown,
        );
        assert.ok(typeof message === "string" && message.length > 0, shown);
      });
    }
    const { ready, totals } = await queue.stats("t");
    assert.deepEqual([ready, totals.published, totals.delivered], [1, 1, 0]);
    const topics = await queue.topics();
    assert.deepEqual(topics.map(({ topic }) => topic), ["t"], "none came to be");
    const [delivery] = await queue.consume("t");
    assert.deepEqual([delivery?.id, delivery?.data], [id, "honest"]);
    assert.deepEqual(await queue.ack("t", [delivery!]), [{ ok: true }]);
    assert.ok(peers.every(({ up }) => up));
  });
});

Deno.test("what is unusual and right is taken: names, data and nesting", async () => {
  await SkeinCluster.with({ peers: 1, flags: ["--log-level", "warn"] }, async ({ peers }) => {
    const [peer] = peers as [SkeinProcess];
    const { queue } = new SkeinClient({ urls: [peer.url] });
    const topics = ["x".repeat(512), "Grüße, 世界 🎉", "a b/c?d=e&f#g", "__proto__", "dead", "."];
    const nested: unknown = JSON.parse("[".repeat(60) + "]".repeat(60));
    const values = [null, false, 0, "", "\u0000\u2028", [], {}, { toString: 1 }, nested, 1e308];
    for (const topic of topics) {
      for (const data of values) await queue.publish(topic, data, { id: `${topic.slice(0, 9)} 1` });
      await queue.publishBatch(topic, values.map((data) => ({ data })));
      const [first, ...rest] = await queue.consume(topic, { max: BATCH_MAX });
      assert.deepEqual([first?.id, first?.data], [`${topic.slice(0, 9)} 1`, null]);
      assert.deepEqual(rest.map(({ data }) => data), values, topic);
    }
    const shown = (await queue.topics()).map(({ topic }) => topic);
    assert.deepEqual(shown.toSorted(), topics.toSorted());
    // A number that no float holds comes out as it went in.
    const text = '{"topic":"numbers","data":{"n":12345678901234567890.5e3}}';
    await fetch(`${peer.url}/queue/publish`, { method: "POST", body: text });
    const taken = await fetch(`${peer.url}/queue/consume`, {
      method: "POST",
      body: '{"topic":"numbers"}',
    });
    assert.ok((await taken.text()).includes('"data":{"n":12345678901234567890.5e3}'));
  });
});
