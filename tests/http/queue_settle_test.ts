import { deepEqual, equal, match } from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import { Fixture } from "./fake_peer.ts";

const NAMED = { topic: "orders", id: "o-1", receipt: "3-0-17-21" };

Deno.test("settle: ack by id, by message_id, with a receipt or without, or by receipt alone", async () => {
  const fixture = new Fixture();
  const ways = [
    { id: "o-1" },
    { message_id: "o-1" },
    { id: "o-1", receipt: "3-0-17-21" },
    { message_id: "o-1", receipt: "3-0-17-21" },
    { receipt: "3-0-17-21" },
    { id: null, message_id: "o-1", receipt: null },
  ];
  for (const way of ways) {
    const { status, json } = await fixture.post("/queue/ack", { topic: "orders", ...way });
    deepEqual([status, json.success, json.topic], [200, true, "orders"]);
  }
  const both = { id: "o-1", receipt: "3-0-17-21" };
  const byId = { id: "o-1", receipt: null };
  deepEqual(
    fixture.fake.queue.others.map(([method, { deliveries }]) => [method, deliveries]),
    [byId, byId, both, both, { id: null, receipt: both.receipt }, byId]
      .map((name) => ["acknowledge", [name]]),
  );
});

Deno.test("settle: nack and extend, with times in seconds", async () => {
  const fixture = new Fixture();
  await fixture.post("/queue/nack", { ...NAMED, delay: 0, reason: "no paper" });
  await fixture.post("/queue/nack", { ...NAMED, consumer: "c" });
  await fixture.post("/queue/extend", { ...NAMED, visibility: 43_200 });
  await fixture.post("/queue/extend", NAMED, { "x-request-id": "r1" });
  const { topic, ...name } = NAMED;
  const asked = { topic, deliveries: [name], request: null };
  deepEqual(fixture.fake.queue.others, [
    ["refuse", { ...asked, delayMs: 0, reason: "no paper" }],
    ["refuse", { ...asked, delayMs: null, reason: null }],
    ["extend", { ...asked, visibilityMs: 43_200_000 }],
    ["extend", {
      ...asked,
      visibilityMs: null,
      request: { kind: "caller", principal: "local", id: "r1" },
    }],
  ]);
});

Deno.test("settle: an unknown message is a 404, a stale receipt a 409", async () => {
  const fixture = new Fixture();
  for (const path of ["/queue/ack", "/queue/nack", "/queue/extend"]) {
    fixture.fake.queue.settleWith = () => Promise.resolve([{ ok: false, code: "NOT_FOUND" }]);
    const unknown = await fixture.post(path, NAMED);
    deepEqual([unknown.status, unknown.json.error, unknown.json.id], [404, "NOT_FOUND", "o-1"]);
    match(unknown.json.message, /no such message/);
    fixture.fake.queue.settleWith = () => Promise.resolve([{ ok: false, code: "STALE_RECEIPT" }]);
    const stale = await fixture.post(path, NAMED);
    deepEqual([stale.status, stale.json.error], [409, "STALE_RECEIPT"]);
    equal(stale.json.receipt, NAMED.receipt);
    fixture.fake.queue.settleWith = () =>
      Promise.reject(new SkeinError("NOT_FOUND", "there is no topic orders"));
    const topic = await fixture.post(path, NAMED);
    deepEqual([topic.status, topic.json.message], [404, "there is no topic orders"]);
  }
});

Deno.test("settle: several, under either name, with a result each", async () => {
  const fixture = new Fixture();
  fixture.fake.queue.settleWith = () =>
    Promise.resolve([
      { ok: true },
      { ok: false, code: "STALE_RECEIPT" },
      { ok: false, code: "NOT_FOUND" },
    ]);
  const list = [{ id: "a" }, { message_id: "b", receipt: "r" }, { receipt: "s" }];
  for (const field of ["deliveries", "messages"]) {
    const { status, json } = await fixture.post("/queue/ack", { topic: "orders", [field]: list });
    equal(status, 200);
    equal(json.success, true);
    deepEqual(
      json.results.map(({ success, error }: Record<string, unknown>) => [success, error]),
      [[true, undefined], [false, "STALE_RECEIPT"], [false, "NOT_FOUND"]],
    );
  }
  for (const [, { deliveries }] of fixture.fake.queue.others) {
    deepEqual(deliveries, [
      { id: "a", receipt: null },
      { id: "b", receipt: "r" },
      { id: null, receipt: "s" },
    ]);
  }
});
