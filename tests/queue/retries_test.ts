import assert from "node:assert/strict";
import { packItems } from "../../src/queue/published_items.ts";
import { JOBS, refusal, TopicTable } from "./topic_table.ts";

Deno.test("a consume that comes again gets its deliveries, as far as they are current", () => {
  const table = new TopicTable();
  const request = { kind: "caller", principal: "", id: "r" } as const;
  assert.deepEqual(table.consume(2, null, request), [], "nothing is there");
  table.publish(["a", "b", "c"]);
  const first = table.consume(2, null, request);
  assert.deepEqual(table.consume(2, null, request), first);
  assert.equal(table.view().totals.delivered, 2);
  table.acknowledge(first[0]!.ref);
  assert.deepEqual(table.consume(2, null, request), [first[1]]);
  table.refuse(first[1]!.ref);
  const again = table.consume(2, null, request);
  assert.deepEqual(again.map(({ id, attempts }) => [id, attempts]), [["b", 2], ["c", 1]]);
  assert.deepEqual(table.consume(2, null, request), again);
});

Deno.test("a consume that comes again gets nothing that was delivered to another one since", () => {
  const table = new TopicTable();
  const request = { kind: "caller", principal: "", id: "r" } as const;
  table.publish(["a", "b"]);
  table.consume(1, null, request);
  table.pass(30_000);
  const [other] = table.consume();
  assert.equal(other!.id, "a");
  const again = table.consume(1, null, request);
  assert.deepEqual(again.map(({ id }) => id), ["b"]);
  assert.deepEqual(table.acknowledge(other!.ref), [0]);
});

Deno.test("a publish that comes again is stored once; another body is another request", () => {
  const table = new TopicTable();
  const request = { kind: "caller", principal: "", id: "r" } as const;
  const publish = (text: string, dedupMax: number, id: string | null = null) => {
    const body = new TextEncoder().encode(text);
    const items = packItems([{ id, body, priority: 0, delayMs: 0, ttlMs: null }]);
    const bounds = { ...table.bounds, dedupMax };
    return table.apply({ kind: "publish", ...JOBS, bounds, items }, request);
  };
  const { answer } = publish("one", 10);
  assert.deepEqual(publish("one", 20).answer, answer, "through a peer with other bounds");
  assert.equal(refusal(publish("two", 10)), "REQUEST_ID_REUSED");
  assert.equal(refusal(publish("one", 10, "a")), "REQUEST_ID_REUSED");
  assert.equal(table.view().ready, 1);
});

Deno.test("an acknowledgement that comes again is answered as it was", () => {
  const table = new TopicTable();
  const request = { kind: "caller", principal: "", id: "r" } as const;
  table.publish(["a"]);
  const deliveries = table.consume().map(({ ref }) => ref);
  const acknowledge = () => table.apply({ kind: "acknowledge", ...JOBS, deliveries }, request);
  assert.deepEqual(acknowledge().answer, { kind: "settled", results: [0] });
  assert.deepEqual(acknowledge().answer, { kind: "settled", results: [0] });
  assert.equal(table.view().totals.acknowledged, 1);
});
