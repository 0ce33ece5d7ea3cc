import { deepEqual, equal, match } from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import type { PublishItem } from "../../src/queue/queue.ts";
import { Fixture } from "./fake_peer.ts";

const decoder = new TextDecoder();

function texts(items: readonly PublishItem[]): string[] {
  return items.map(({ data }) => decoder.decode(data));
}

Deno.test("publish: one message, with all that may be said about it", async () => {
  const fixture = new Fixture();
  const body = '{"topic":"orders","data": {"n": 12345678901234567890} ,"id":"o-1","key":"k",' +
    '"priority":9,"delay":1.5,"ttl":60,"else":1}';
  const { status, json } = await fixture.post("/queue/publish", body, { "x-request-id": "r1" });
  deepEqual([status, json], [200, { success: true, id: "o-1", duplicate: false }]);
  const [{ topic, items, request }] = fixture.fake.queue.publishes as [
    typeof fixture.fake.queue.publishes[0],
  ];
  deepEqual([topic, request], ["orders", { kind: "caller", principal: "local", id: "r1" }]);
  const [{ data, ...rest }] = items as [PublishItem];
  equal(decoder.decode(data), '{"n": 12345678901234567890}');
  deepEqual(rest, { id: "o-1", key: "k", priority: 9, delayMs: 1_500, ttlMs: 60_000 });
});

Deno.test("publish: the least that may be said; null is as absent", async () => {
  const fixture = new Fixture();
  const usual = { id: null, key: null, priority: 0, delayMs: 0, ttlMs: null };
  const bodies = [
    { topic: "orders", data: null },
    { topic: "orders", data: null, id: null, key: null, priority: null, delay: null, ttl: null },
  ];
  for (const body of bodies) {
    const { json } = await fixture.post("/queue/publish", body);
    deepEqual(json, { success: true, id: "skein-3-0-0", duplicate: false });
  }
  for (const { items, request } of fixture.fake.queue.publishes) {
    const [{ data, ...rest }] = items as [PublishItem];
    deepEqual([decoder.decode(data), rest, request], ["null", usual, null]);
  }
});

Deno.test("publish: data, payload and message are one field, singly and in a batch", async () => {
  const fixture = new Fixture();
  for (const name of ["data", "payload", "message"]) {
    await fixture.post("/queue/publish", { topic: "orders", [name]: [1, "ä"] });
    await fixture.post("/queue/publish", {
      topic: "orders",
      messages: [{ [name]: "a", id: "x" }, { [name]: { b: 1 } }],
    });
  }
  deepEqual(
    fixture.fake.queue.publishes.map(({ items }) => texts(items)),
    Array(3).fill([['[1,"ä"]'], ['"a"', '{"b":1}']]).flat(),
  );
});

Deno.test("publish: a batch has a result for each", async () => {
  const fixture = new Fixture();
  fixture.fake.queue.publishWith = () =>
    Promise.resolve([
      { ok: true, id: "a", duplicate: true },
      { ok: true, id: "b", duplicate: false },
    ]);
  const messages = [{ id: "a", data: 1 }, { id: "b", data: 2, priority: 3, delay: 0.1, ttl: 0.1 }];
  const { status, json } = await fixture.post("/queue/publish", { topic: "orders", messages });
  deepEqual([status, json], [200, {
    success: true,
    results: [
      { success: true, id: "a", duplicate: true },
      { success: true, id: "b", duplicate: false },
    ],
  }]);
  const { priority, delayMs, ttlMs } = fixture.fake.queue.publishes[0]!.items[1]!;
  deepEqual([priority, delayMs, ttlMs], [3, 100, 100]);
});

Deno.test("publish: a batch that fails in part is a 503 that says what became of each", async () => {
  const fixture = new Fixture();
  fixture.fake.queue.publishWith = () =>
    Promise.resolve([
      { ok: true, id: "a", duplicate: false },
      { ok: false, code: "NO_LEADER", message: "nobody leads" },
    ]);
  const body = { topic: "orders", messages: [{ data: 1 }, { data: 2 }] };
  const { status, headers, json } = await fixture.post("/queue/publish", body);
  deepEqual([status, headers.get("retry-after"), json.error], [503, "1", "PARTIAL_FAILURE"]);
  match(json.message, /1 of 2 messages.*nobody leads/);
  deepEqual(json.results, [
    { success: true, id: "a", duplicate: false },
    { success: false, error: "NO_LEADER", message: "nobody leads" },
  ]);
});

Deno.test("publish: where all of a batch fails alike, that is the answer", async () => {
  const fixture = new Fixture();
  const full = { ok: false, code: "TOO_MANY_REQUESTS", message: "orders is full" } as const;
  fixture.fake.queue.publishWith = ({ items }) => Promise.resolve(items.map(() => full));
  const messages = [{ data: 1 }, { data: 2 }];
  const batch = await fixture.post("/queue/publish", { topic: "orders", messages });
  deepEqual([batch.status, batch.headers.get("retry-after")], [429, "1"]);
  deepEqual([batch.json.error, batch.json.results.length], ["TOO_MANY_REQUESTS", 2]);
  const one = await fixture.post("/queue/publish", { topic: "orders", data: 1 });
  deepEqual([one.status, one.json.error, one.json.message], [429, full.code, full.message]);
  const strange = { ok: false, code: "NEVER_HEARD_OF", message: "?" } as const;
  fixture.fake.queue.publishWith = () => Promise.resolve([strange]);
  equal((await fixture.post("/queue/publish", { topic: "orders", data: 1 })).status, 500);
});

Deno.test("publish: what the cluster refuses, and a leader elsewhere", async () => {
  const fixture = new Fixture();
  fixture.fake.queue.publishWith = () =>
    Promise.reject(new SkeinError("TOO_MANY_REQUESTS", "orders is full", { topic: "orders" }));
  const { status, headers, json } = await fixture.post("/queue/publish", {
    topic: "orders",
    data: 1,
  });
  deepEqual([status, headers.get("retry-after"), json.topic], [429, "1", "orders"]);
});
