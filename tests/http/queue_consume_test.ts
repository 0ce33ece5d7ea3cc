import { deepEqual, equal } from "node:assert/strict";
import type { ConsumeRequest, Delivery } from "../../src/queue/queue.ts";
import { Fixture } from "./fake_peer.ts";
import { delivery } from "./fake_queue.ts";

const SHOWN = {
  id: "skein-3-0-17",
  data: { n: 1 },
  receipt: "3-0-17-21",
  attempts: 1,
  priority: 0,
  key: null,
  published_at: "2026-01-01T00:00:00.000Z",
  visible_until: "2026-01-01T00:00:30.000Z",
};

function delivers(...deliveries: readonly Delivery[]): Fixture {
  const fixture = new Fixture();
  fixture.fake.queue.consumeWith = () => Promise.resolve(deliveries);
  return fixture;
}

Deno.test("consume: a topic alone gives a message", async () => {
  const fixture = delivers(delivery('{"n":1}'));
  const { status, headers, json } = await fixture.post("/queue/consume", { topic: "orders" });
  equal(status, 200);
  equal(headers.get("content-type"), "application/json");
  deepEqual(json, { success: true, message: SHOWN });
  const [{ signal, ...asked }] = fixture.fake.queue.consumes as [ConsumeRequest];
  equal(signal!.aborted, false);
  deepEqual(asked, {
    topic: "orders",
    consumer: null,
    max: 1,
    waitMs: 0,
    visibilityMs: null,
    request: null,
  });
});

Deno.test("consume: or none", async () => {
  const fixture = delivers();
  deepEqual((await fixture.post("/queue/consume", { topic: "orders", consumer: "c" })).json, {
    success: true,
    message: null,
  });
  deepEqual((await fixture.post("/queue/consume", { topic: "orders", max: 10 })).json, {
    success: true,
    message: null,
    messages: [],
  });
});

Deno.test("consume: several, with all that may be asked for", async () => {
  const second = delivery('"ä€𝄞"', { id: 'q"\\ä', key: "ключ", attempts: 2, priority: 9 });
  const fixture = delivers(delivery('{"n":1}'), second);
  const { json } = await fixture.post("/queue/consume", {
    topic: "orders",
    consumer: "worker-1",
    max: 1_000,
    wait: 2.5,
    visibility: 0.1,
  }, { "x-request-id": "r1" });
  const other = { ...SHOWN, id: 'q"\\ä', data: "ä€𝄞", key: "ключ", attempts: 2, priority: 9 };
  deepEqual(json, { success: true, message: SHOWN, messages: [SHOWN, other] });
  const [{ signal: _signal, ...asked }] = fixture.fake.queue.consumes as [ConsumeRequest];
  deepEqual(asked, {
    topic: "orders",
    consumer: "worker-1",
    max: 1_000,
    waitMs: 2_500,
    visibilityMs: 100,
    request: { kind: "caller", principal: "local", id: "r1" },
  });
});

Deno.test("consume: data comes as the text that was published", async () => {
  const text = '{"n": 12345678901234567890,\n "x":1.0}';
  const answered = await delivers(delivery(text)).post("/queue/consume", { topic: "t", max: 1 });
  equal(answered.text.split(text).length, 3, "once in message and once in messages");
});

Deno.test("consume: null is as absent", async () => {
  const fixture = delivers(delivery("1"));
  const body = { topic: "t", consumer: null, max: null, wait: null, visibility: null };
  const { json } = await fixture.post("/queue/consume", body);
  deepEqual(Object.keys(json), ["success", "message"]);
});

Deno.test("consume: a caller who goes away while it waits is told of to the queue", async () => {
  const fixture = new Fixture();
  const asked = Promise.withResolvers<AbortSignal>();
  fixture.fake.queue.consumeWith = ({ signal }) => {
    asked.resolve(signal!);
    return new Promise((_resolve, reject) =>
      signal!.addEventListener("abort", () => reject(signal!.reason))
    );
  };
  const leaving = new AbortController();
  const answering = fixture.request("/queue/consume", {
    method: "POST",
    body: '{"topic":"t","wait":60}',
    signal: leaving.signal,
  });
  const signal = await asked.promise;
  leaving.abort(new Error("gone"));
  equal((await answering).status, 499);
  equal(signal.aborted, true);
});
