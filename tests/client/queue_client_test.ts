/** The queue's client against the real HTTP face; where its retries matter, against a server that fails. */
import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { SkeinClient, SkeinError } from "../../src/client/mod.ts";
import { delivery, TOPIC } from "../http/fake_queue.ts";
import { failure, FakeServer, json, vacantUrl } from "./fake_server.ts";
import { Served, Unanswered } from "./served.ts";

const decoder = new TextDecoder();

Deno.test("queue client: publish, singly and several, with times in milliseconds", async () => {
  await using served = await Served.start("secret");
  const { fake: { queue }, client } = served;
  const options = { id: "o-1", key: "k", priority: 3, delayMs: 1_500, ttlMs: 60_000 };
  deepEqual(await client.queue.publish("orders", { n: [1, "ä"] }, options), {
    id: "o-1",
    duplicate: false,
  });
  queue.publishWith = () =>
    Promise.resolve([
      { ok: true, id: "a", duplicate: true },
      { ok: true, id: "skein-1-0-2", duplicate: false },
    ]);
  const items = [{ data: "first", ...options, id: "a" }, { data: null }];
  deepEqual(await client.queue.publishBatch("orders", items), [
    { id: "a", duplicate: true },
    { id: "skein-1-0-2", duplicate: false },
  ]);
  const seen = queue.publishes.flatMap(({ items }) =>
    items.map(({ data, ...rest }) => ({ ...rest, text: decoder.decode(data) }))
  );
  deepEqual(seen, [
    { ...options, text: '{"n":[1,"ä"]}' },
    { ...options, id: "a", text: '"first"' },
    { id: null, key: null, priority: 0, delayMs: 0, ttlMs: null, text: "null" },
  ]);
  deepEqual(queue.publishes.map(({ request }) => request?.kind), ["session", "session"]);
});

Deno.test("queue client: consume gives deliveries with data as the value that it is", async () => {
  await using served = await Served.start();
  const { fake: { queue }, client } = served;
  deepEqual(await client.queue.consume("orders"), []);
  queue.consumeWith = () =>
    Promise.resolve([
      delivery('{"n": 1}', { key: "k", attempts: 2, priority: 9 }),
      delivery('"ä"', { id: "o-2" }),
    ]);
  const options = { consumer: "w", max: 10, waitMs: 2_000, visibilityMs: 500 };
  const [first, second] = await client.queue.consume("orders", options);
  deepEqual(first, {
    id: "skein-3-0-17",
    data: { n: 1 },
    receipt: "3-0-17-21",
    attempts: 2,
    priority: 9,
    key: "k",
    publishedAt: "2026-01-01T00:00:00.000Z",
    visibleUntil: "2026-01-01T00:00:30.000Z",
  });
  deepEqual([second!.id, second!.data], ["o-2", "ä"]);
  const [usual, asked] = queue.consumes as [typeof queue.consumes[0], typeof queue.consumes[0]];
  deepEqual([usual.consumer, usual.max, usual.waitMs, usual.visibilityMs], ["me", 1, 0, null]);
  deepEqual([asked.consumer, asked.max, asked.visibilityMs], ["w", 10, 500]);
  ok(asked.waitMs > 1_900 && asked.waitMs <= 2_000, `waits ${asked.waitMs} ms`);
});

Deno.test("queue client: who gives up waiting cancels the consume", async () => {
  await using served = await Served.start();
  const unanswered = new Unanswered();
  served.fake.queue.consumeWith = unanswered.answer;
  const stopping = new AbortController();
  const { signal } = stopping;
  const waiting = served.client.queue.consume("orders", { waitMs: 60_000, signal });
  await unanswered.asked;
  stopping.abort(new Error("enough"));
  await rejects(waiting, /enough/);
  await unanswered.cancelled;
});

Deno.test("queue client: ack, nack and extend, with a result each", async () => {
  await using served = await Served.start();
  const { fake: { queue }, client } = served;
  queue.settleWith = () =>
    Promise.resolve([{ ok: true }, { ok: false, code: "STALE_RECEIPT" }, {
      ok: false,
      code: "NOT_FOUND",
    }]);
  const taken = { id: "a", receipt: "r", data: 1, attempts: 1 };
  const names = [taken, { id: "b" }, { receipt: "s" }];
  const results = [{ ok: true }, { ok: false, code: "STALE_RECEIPT" }, {
    ok: false,
    code: "NOT_FOUND",
  }];
  deepEqual(await client.queue.ack("orders", names), results);
  deepEqual(await client.queue.nack("orders", names, { delayMs: 250, reason: "no" }), results);
  deepEqual(await client.queue.nack("orders", names), results);
  deepEqual(await client.queue.extend("orders", names, { visibilityMs: 90_000 }), results);
  deepEqual(await client.queue.extend("orders", names), results);
  const deliveries = [{ id: "a", receipt: "r" }, { id: "b", receipt: null }, {
    id: null,
    receipt: "s",
  }];
  deepEqual(
    queue.others.map(([method, { request: _request, topic: _topic, ...asked }]) => [method, asked]),
    [
      ["acknowledge", { deliveries }],
      ["refuse", { deliveries, delayMs: 250, reason: "no" }],
      ["refuse", { deliveries, delayMs: null, reason: null }],
      ["extend", { deliveries, visibilityMs: 90_000 }],
      ["extend", { deliveries, visibilityMs: null }],
    ],
  );
  await rejects(client.queue.ack("orders", []), { code: "INVALID" });
});

Deno.test("queue client: topics, and their options", async () => {
  await using served = await Served.start();
  const { fake: { queue }, client } = served;
  deepEqual(await client.queue.stats("a/b?c&d", { stale: true }), TOPIC);
  deepEqual(await client.queue.topics(), [TOPIC]);
  const { lanes, visibilityMs, maxAttempts, dedupWindowMs, backoffMs, paused } = TOPIC;
  const options = { lanes, visibilityMs, maxAttempts, dedupWindowMs, backoffMs, paused };
  deepEqual(await client.queue.configure("orders", options), TOPIC);
  await client.queue.configure("orders", { paused: true });
  const seen = queue.others.map(([method, { request: _request, ...asked }]) => [method, asked]);
  const unchanged = Object.fromEntries(Object.keys(options).map((name) => [name, null]));
  deepEqual(seen, [
    ["stats", { topic: "a/b?c&d", stale: true }],
    ["topics", { stale: false }],
    ["configure", { topic: "orders", options }],
    ["configure", { topic: "orders", options: { ...unchanged, paused: true } }],
  ]);
  queue.view = () => Promise.reject(new SkeinError("CONFLICT", "orders has 4 lanes", { lanes: 4 }));
  await rejects(client.queue.configure("orders", { lanes: 5 }), (error) => {
    ok(error instanceof SkeinError && error.code === "CONFLICT");
    deepEqual(error.details, { lanes: 4 });
    return true;
  });
});

Deno.test("queue client: dead letters, and purging", async () => {
  await using served = await Served.start();
  const { fake: { queue }, client } = served;
  queue.letters = [{
    id: "l1",
    data: new TextEncoder().encode("[1]"),
    attempts: 16,
    reason: "max_attempts",
    priority: 2,
    publishedAt: "2026-01-01T00:00:00.000Z",
    deadAt: "2026-01-01T00:10:00.000Z",
  }];
  deepEqual(await client.queue.dead("orders", { max: 5, after: "l0" }), [{
    ...queue.letters[0],
    data: [1],
  }]);
  equal(await client.queue.requeue("orders", { ids: ["l1"] }), 3);
  equal(await client.queue.requeue("orders", { ratePerSecond: 100 }), 3);
  equal(await client.queue.purge("orders", "all"), 8);
  const seen = queue.others.map((
    [method, { page, which, what }],
  ) => [method, page ?? which ?? what]);
  deepEqual(seen, [
    ["dead", { max: 5, after: "l0" }],
    ["requeue", { ids: ["l1"], ratePerSecond: null }],
    ["requeue", { ids: null, ratePerSecond: 100 }],
    ["purge", "all"],
  ]);
});

Deno.test("queue client: a batch that failed in part is sent again whole, under one id", async () => {
  const results = [
    { success: true, id: "a", duplicate: false },
    { success: false, error: "NO_LEADER", message: "nobody leads" },
  ];
  const partial = json(
    { success: false, error: "PARTIAL_FAILURE", message: "1 of 2", results },
    503,
  );
  const whole = json({
    success: true,
    results: [results[0], { success: true, id: "b", duplicate: false }],
  });
  await using server = new FakeServer(partial, whole);
  const client = new SkeinClient({ urls: [server.url] });
  const items = [{ data: 1, id: "a" }, { data: 2, id: "b" }];
  const published = await client.queue.publishBatch("orders", items);
  deepEqual(published.map(({ id }) => id), ["a", "b"]);
  const [first, second] = server.received.map(({ headers, body }) => ({
    id: headers.get("skein-session"),
    body,
  }));
  deepEqual(second, first);

  await using failing = new FakeServer(partial);
  const hasty = new SkeinClient({ urls: [failing.url], retryMs: 0 });
  await rejects(hasty.queue.publishBatch("orders", items), (error) => {
    ok(error instanceof SkeinError && error.code === "PARTIAL_FAILURE");
    deepEqual(error.details, { results });
    return true;
  });
});

Deno.test("queue client: a consume that is sent again waits for what is left of its time", async () => {
  const empty = json({ success: true, message: null, messages: [] });
  await using server = new FakeServer(failure(503, "NO_LEADER", { "retry-after": "1" }), empty);
  const client = new SkeinClient({ urls: [vacantUrl(), server.url] });
  deepEqual(await client.queue.consume("orders", { waitMs: 5_000 }), []);
  const waits = server.received.map(({ body }) => Number(body["wait"]));
  equal(waits.length, 2);
  ok(waits[0]! > 4 && waits[0]! <= 5 && waits[1]! <= waits[0]! - 0.9, `waits were ${waits}`);
});
