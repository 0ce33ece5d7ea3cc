import { deepEqual, equal, ok } from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import { partitionOf } from "../../src/ring/partition_of.ts";
import { type Answered, Fixture, OTHER_ID } from "./fake_peer.ts";

function check(answered: Answered, status: number, error: string): void {
  deepEqual([answered.status, answered.json.success, answered.json.error], [status, false, error]);
  ok(answered.json.message.length > 0);
}

function messages(count: number): unknown[] {
  return Array.from({ length: count }, (_, place) => ({ data: place }));
}

Deno.test("queue bad input: names that are none are a 422 on every route", async () => {
  const fixture = new Fixture();
  const names = [
    "",
    "x".repeat(1_024),
    "x".repeat(513),
    "ä".repeat(257),
    "a\nb",
    "a\u0000",
    "\ud800",
  ];
  const bodies: Readonly<Record<string, Record<string, unknown>>> = {
    "/queue/publish": { data: 1 },
    "/queue/consume": {},
    "/queue/ack": { id: "a" },
    "/queue/nack": { id: "a" },
    "/queue/extend": { id: "a" },
    "/queue/topics": {},
    "/queue/requeue": { all: true },
    "/queue/purge": {},
  };
  for (const [path, body] of Object.entries(bodies)) {
    equal((await fixture.post(path, { ...body, topic: "x".repeat(512) })).status, 200);
    for (const topic of names) {
      const answered = await fixture.post(path, { ...body, topic });
      check(answered, 422, "INVALID");
      equal(answered.json.field, "topic");
    }
  }
  for (const path of ["/queue/stats", "/queue/dead"]) {
    for (const topic of names.slice(0, -1)) {
      check(await fixture.get(`${path}?${new URLSearchParams({ topic })}`), 422, "INVALID");
    }
    check(await fixture.get(path), 422, "INVALID");
  }
});

Deno.test("queue bad input: dead letters' names are refused where they can not be meant", async () => {
  const fixture = new Fixture();
  const long = `${"x".repeat(512)}.dead`;
  for (const topic of ["orders.dead", ".dead", "orders.dead.dead"]) {
    check(await fixture.post("/queue/publish", { topic, data: 1 }), 422, "INVALID");
    check(await fixture.post("/queue/consume", { topic }), 422, "INVALID");
    check(await fixture.post("/queue/topics", { topic }), 422, "INVALID");
    check(await fixture.post("/queue/ack", { topic, id: "a" }), 422, "INVALID");
  }
  for (const topic of [".dead", "orders.dead.dead", `x${long}`]) {
    check(await fixture.get(`/queue/stats?topic=${topic}`), 422, "INVALID");
    check(await fixture.get(`/queue/dead?topic=${topic}`), 422, "INVALID");
    check(await fixture.post("/queue/purge", { topic }), 422, "INVALID");
  }
  equal((await fixture.get(`/queue/stats?topic=${long}`)).status, 200);
  const purge = await fixture.post("/queue/purge", { topic: "orders.dead", what: "all" });
  check(purge, 400, "BAD_REQUEST");
});

Deno.test("queue bad input: a batch has one message at least, and so many at most", async () => {
  const fixture = new Fixture();
  const topic = "orders";
  for (
    const [path, field] of [["publish", "messages"], ["ack", "deliveries"], ["nack", "messages"]]
  ) {
    const list = (count: number) =>
      path === "publish" ? messages(count) : Array(count).fill({ id: "a" });
    const post = (value: unknown) => fixture.post(`/queue/${path}`, { topic, [field!]: value });
    equal((await post(list(1_000))).json.results.length, 1_000);
    check(await post([]), 422, "INVALID");
    check(await post(list(1_001)), 422, "INVALID");
    check(await post("a"), 422, "INVALID");
  }
});

Deno.test("queue bad input: one wrong message refuses its batch, and is named", async () => {
  const fixture = new Fixture();
  const wrong = [{ data: 1, priority: 10 }, { data: 1, delay: -1 }, { data: 1, id: "" }, {}, 7];
  const fields = ["priority", "delay", "id", "data", ""];
  for (const [place, message] of wrong.entries()) {
    const body = { topic: "orders", messages: [{ data: 0 }, message, { data: 2 }] };
    const answered = await fixture.post("/queue/publish", body);
    check(answered, 422, "INVALID");
    equal(
      answered.json.field,
      ["messages.1", fields[place]].filter((part) => part !== "").join("."),
    );
  }
  deepEqual(fixture.fake.queue.publishes, []);
});

Deno.test("queue bad input: one thing under two names is a 400", async () => {
  const fixture = new Fixture();
  const bodies: readonly (readonly [string, Record<string, unknown>])[] = [
    ["publish", { data: 1, payload: 1 }],
    ["publish", { message: 1, payload: 1 }],
    ["publish", { data: 1, messages: [{ data: 1 }] }],
    ["publish", { messages: [{ data: 1, message: 1 }] }],
    ["ack", { id: "a", message_id: "a" }],
    ["ack", { deliveries: [{ id: "a", message_id: "b" }] }],
    ["nack", { deliveries: [{ id: "a" }], messages: [{ id: "a" }] }],
    ["extend", { id: "a", deliveries: [{ id: "a" }] }],
    ["requeue", { ids: ["a"], all: true }],
  ];
  for (const [route, body] of bodies) {
    check(await fixture.post(`/queue/${route}`, { topic: "orders", ...body }), 400, "BAD_REQUEST");
  }
});

Deno.test("queue bad input: 2 MiB are a 413", async () => {
  const fixture = new Fixture();
  const body = JSON.stringify({ topic: "orders", data: "x".repeat(2 * 1024 * 1024) });
  const headers = { "content-length": String(body.length) };
  check(await fixture.post("/queue/publish", body, headers), 413, "PAYLOAD_TOO_LARGE");
  deepEqual(fixture.fake.queue.publishes, []);
});

Deno.test("queue bad input: queries", async () => {
  const fixture = new Fixture();
  for (const query of ["limit=0", "limit=1001", "limit=-1", "limit=x", "limit=1.5", "after="]) {
    check(await fixture.get(`/queue/dead?topic=orders&${query}`), 422, "INVALID");
  }
  check(await fixture.get("/queue/topics?stale=maybe"), 422, "INVALID");
  check(await fixture.get("/queue/publish"), 405, "METHOD_NOT_ALLOWED");
});

Deno.test("queue: a peer whose partitions are not there yet says so", async () => {
  const fixture = new Fixture();
  fixture.fake.unavailable = new SkeinError("UNAVAILABLE", "not formed yet");
  check(await fixture.post("/queue/publish", { topic: "orders", data: 1 }), 503, "UNAVAILABLE");
  check(await fixture.post("/queue/consume", { topic: "orders" }), 503, "UNAVAILABLE");
  check(await fixture.get("/queue/topics"), 503, "UNAVAILABLE");
});

Deno.test("queue: who declines forwarding is told who leads the topic's partition", async () => {
  const fixture = new Fixture();
  const group = partitionOf("queue", "orders", 16);
  fixture.fake.groups.leaders.set(group, OTHER_ID);
  const topic = "orders";
  const bodies: Readonly<Record<string, Record<string, unknown>>> = {
    publish: { data: 1 },
    consume: {},
    ack: { id: "a" },
    topics: {},
    requeue: { all: true },
    purge: {},
  };
  for (const [route, body] of Object.entries(bodies)) {
    const answered = await fixture.post(`/queue/${route}?forward=false`, { topic, ...body });
    check(answered, 503, "NOT_LEADER");
    deepEqual([answered.json.leader, answered.json.leader_url], ["two", "http://127.0.0.1:8002"]);
    const off = { "skein-forward": "no" };
    check(await fixture.post(`/queue/${route}`, { topic, ...body }, off), 503, "NOT_LEADER");
  }
  for (const route of ["stats", "dead"]) {
    check(await fixture.get(`/queue/${route}?topic=orders.dead&forward=false`), 503, "NOT_LEADER");
  }
  deepEqual([fixture.fake.queue.publishes, fixture.fake.queue.others], [[], []]);
  fixture.fake.groups.leaders.delete(group);
  equal((await fixture.post("/queue/publish?forward=false", { topic, data: 1 })).status, 200);
});

Deno.test("queue: the token is asked for", async () => {
  const fixture = new Fixture({ token: "secret" });
  check(await fixture.post("/queue/publish", { topic: "orders", data: 1 }), 401, "UNAUTHORIZED");
  check(await fixture.get("/queue/topics"), 401, "UNAUTHORIZED");
});
