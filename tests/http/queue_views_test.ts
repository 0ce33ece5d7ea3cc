import { deepEqual, equal } from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import { Fixture } from "./fake_peer.ts";

const TOPIC_JSON = {
  topic: "orders",
  lanes: 4,
  visibility: 30,
  max_attempts: 16,
  dedup_window: 300,
  backoff: [0.1, 2.5],
  paused: false,
  ready: 5,
  in_flight: 2,
  delayed: 1,
  dead: 3,
  bytes: 1_234,
  oldest_age: 1.5,
  totals: {
    published: 20,
    duplicates: 1,
    delivered: 12,
    redelivered: 4,
    acknowledged: 9,
    dead_lettered: 3,
    expired: 2,
    purged: 6,
    requeued: 7,
    dedup_evicted: 8,
  },
  rates: { published: 1.5, delivered: 2, acknowledged: 0 },
};

Deno.test("queue views: stats of a topic, also by the name of its dead letters", async () => {
  const fixture = new Fixture();
  for (const name of ["orders", "orders.dead"]) {
    const { status, json } = await fixture.get(`/queue/stats?topic=${name}`);
    deepEqual([status, json], [200, { success: true, ...TOPIC_JSON }]);
  }
  await fixture.get("/queue/stats?topic=a%2Fb%26c&stale");
  deepEqual(fixture.fake.queue.others.map(([, asked]) => asked), [
    { topic: "orders", stale: false },
    { topic: "orders", stale: false },
    { topic: "a/b&c", stale: true },
  ]);
});

Deno.test("queue views: stats of an unknown topic are a 404", async () => {
  const fixture = new Fixture();
  fixture.fake.queue.view = () =>
    Promise.reject(new SkeinError("NOT_FOUND", "there is no topic orders"));
  const { status, json } = await fixture.get("/queue/stats?topic=orders");
  deepEqual([status, json.success, json.error], [404, false, "NOT_FOUND"]);
});

Deno.test("queue views: all topics", async () => {
  const fixture = new Fixture();
  const { status, json } = await fixture.get("/queue/topics?stale=true");
  deepEqual([status, json], [200, { success: true, topics: [TOPIC_JSON] }]);
  deepEqual(fixture.fake.queue.others, [["topics", { stale: true }]]);
});

Deno.test("queue topics: options that are named change, the others do not", async () => {
  const fixture = new Fixture();
  const unchanged = {
    lanes: null,
    visibilityMs: null,
    maxAttempts: null,
    dedupWindowMs: null,
    backoffMs: null,
    paused: null,
  };
  const all = {
    lanes: 256,
    visibility: 0.1,
    max_attempts: 0,
    dedup_window: 86_400,
    backoff: [0, 0.25, 2_592_000],
    paused: true,
  };
  const { status, json } = await fixture.post("/queue/topics", { topic: "orders", ...all });
  deepEqual([status, json], [200, { success: true, ...TOPIC_JSON }]);
  await fixture.post("/queue/topics", { topic: "orders" });
  await fixture.post("/queue/topics", { topic: "orders", paused: false, lanes: null });
  deepEqual(fixture.fake.queue.others.map(([, { options }]) => options), [
    {
      lanes: 256,
      visibilityMs: 100,
      maxAttempts: 0,
      dedupWindowMs: 86_400_000,
      backoffMs: [0, 250, 2_592_000_000],
      paused: true,
    },
    unchanged,
    { ...unchanged, paused: false },
  ]);
});

Deno.test("dead letters: a page, and the way to the next", async () => {
  const fixture = new Fixture();
  const letter = {
    id: 'l"1',
    data: new TextEncoder().encode('{"n": 1.0}'),
    attempts: 16,
    reason: "max_attempts",
    priority: 3,
    publishedAt: "2026-01-01T00:00:00.000Z",
    deadAt: "2026-01-01T00:10:00.000Z",
  };
  fixture.fake.queue.letters = [letter, { ...letter, id: "l2", reason: 'no "paper" ä' }];
  const shown = {
    id: 'l"1',
    data: { n: 1 },
    attempts: 16,
    reason: "max_attempts",
    priority: 3,
    published_at: "2026-01-01T00:00:00.000Z",
    dead_at: "2026-01-01T00:10:00.000Z",
  };
  const { status, json, text } = await fixture.get(
    "/queue/dead?topic=orders.dead&limit=2&after=l0",
  );
  equal(status, 200);
  equal(text.split('{"n": 1.0}').length, 3);
  deepEqual(json, {
    success: true,
    topic: "orders",
    name: "orders.dead",
    messages: [shown, { ...shown, id: "l2", reason: 'no "paper" ä' }],
    next: "l2",
  });
  fixture.fake.queue.letters = [];
  const last = await fixture.get("/queue/dead?topic=orders&stale");
  deepEqual([last.json.messages, last.json.next], [[], null]);
  deepEqual(fixture.fake.queue.others.map(([, asked]) => asked), [
    { topic: "orders", page: { max: 2, after: "l0" }, stale: false },
    { topic: "orders", page: { max: 100, after: null }, stale: true },
  ]);
});

Deno.test("dead letters: put back by id, or all, at a rate", async () => {
  const fixture = new Fixture();
  const bodies = [
    { topic: "orders", ids: ["a", "b"] },
    { topic: "orders.dead", all: true, rate: 0.5 },
  ];
  for (const body of bodies) {
    const { status, json } = await fixture.post("/queue/requeue", body);
    deepEqual([status, json], [200, { success: true, topic: "orders", requeued: 3 }]);
  }
  const asked = { topic: "orders", request: null, hasSignal: true };
  deepEqual(fixture.fake.queue.others.map(([, request]) => request), [
    { ...asked, which: { ids: ["a", "b"], ratePerSecond: null } },
    { ...asked, which: { ids: null, ratePerSecond: 0.5 } },
  ]);
});

Deno.test("purge: what is ready, dead letters, or all", async () => {
  const fixture = new Fixture();
  const bodies = [
    { topic: "orders" },
    { topic: "orders", what: "all" },
    { topic: "orders", what: "dead" },
    { topic: "orders.dead" },
    { topic: "orders.dead", what: "dead" },
  ];
  for (const body of bodies) {
    const { status, json } = await fixture.post("/queue/purge", body);
    deepEqual([status, json], [200, { success: true, topic: "orders", purged: 8 }]);
  }
  deepEqual(
    fixture.fake.queue.others.map(([, { what }]) => what),
    ["ready", "all", "dead", "dead", "dead"],
  );
});
