/** Many messages: mass expiry in one entry, snapshots over many pages, memory that is given back. */
import assert from "node:assert/strict";
import { QueueMachine } from "../../src/queue/machine.ts";
import { MESSAGES_SHOWN_MAX } from "../../src/queue/answers.ts";
import { HeldValues } from "../groups/held_values.ts";
import { TopicTable } from "./topic_table.ts";

const MESSAGES = 12_000;

function flooded(rest = {}): TopicTable {
  const table = new TopicTable();
  table.bounds = { ...table.bounds, dedupMax: MESSAGES };
  for (let at = 0; at < MESSAGES; at += 1_000) {
    const ids = Array.from(
      { length: 1_000 },
      (_, place) => place % 2 === 0 ? `id-${at + place}` : null,
    );
    table.publish(ids, rest);
  }
  return table;
}

Deno.test("all that is due comes back in one entry, in its place, with one effect", () => {
  const table = flooded();
  const order = Array.from({ length: MESSAGES / 1_000 }, () => table.ids()).flat();
  assert.equal(order.length, MESSAGES);
  assert.equal(table.view().inFlight, MESSAGES);
  const effects = table.pass(30_000);
  table.group.checkInvariants();
  assert.deepEqual(effects.map(({ kind }) => kind), ["redelivery", "ready"]);
  const [returned] = effects;
  assert.ok(returned?.kind === "redelivery");
  assert.equal(returned.count, MESSAGES);
  assert.deepEqual(
    returned.messages,
    order.slice(0, MESSAGES_SHOWN_MAX).map((id) => ({ id, attempts: 1 })),
  );
  const again = Array.from({ length: MESSAGES / 1_000 }, () => table.ids()).flat();
  assert.deepEqual(again, order);
});

Deno.test("a flood of dead letters is put back in the order in which they died", () => {
  const table = flooded({ priority: 4 });
  table.configure({ maxAttempts: 1, visibilityMs: 100 });
  const order = Array.from({ length: MESSAGES / 1_000 }, () => table.ids()).flat();
  table.pass(100);
  assert.equal(table.view().dead, MESSAGES);
  const requeue = () =>
    table.apply({ kind: "requeue", topic: "jobs", lane: 0, ids: null, max: 10_000 }).answer;
  assert.deepEqual(requeue(), { kind: "counted", count: 10_000, more: true });
  assert.deepEqual(requeue(), { kind: "counted", count: 2_000, more: false });
  table.group.checkInvariants();
  table.configure({ visibilityMs: 30_000 });
  assert.deepEqual(Array.from({ length: MESSAGES / 1_000 }, () => table.ids()).flat(), order);
});

Deno.test("a snapshot of many pages, pulled while they are consumed, is of its moment", () => {
  const table = flooded({ ttlMs: 90_000 });
  const taken = table.consume(700, 60_000);
  const snapshot = table.machine.snapshot();
  const chunks: Uint8Array[] = [];
  for (let step = snapshot.next(); step.done !== true; step = snapshot.next()) {
    chunks.push(step.value);
    table.acknowledge(...table.consume(900).map(({ ref }) => ref));
    table.publish([null, null]);
  }
  assert.ok(chunks.length > 5, `${chunks.length} chunks were pulled`);
  const values = new HeldValues();
  const copy = new QueueMachine(values);
  copy.restore(chunks);
  copy.checkInvariants();
  const view = copy.lane({ topic: "jobs", lane: 0 })!;
  assert.deepEqual([view.ready, view.inFlight], [MESSAGES - 700, 700]);
  assert.equal(copy.nextDeadlineMs(), taken[0]!.visibleUntilMs);
  const context = { group: 4, index: 9, term: 1, timeMs: 10_000 };
  const deliver = { topic: "jobs", lane: 0, lanes: 1, settings: null, consumer: null };
  const { answer } = copy.apply(
    { kind: "deliver", ...deliver, max: 1_000, bytesMax: 1e6, visibilityMs: null },
    context,
  );
  assert.ok("messages" in answer);
  assert.equal(answer.messages[0]![1], "id-700");
  assert.equal(copy.expire({ ...context, timeMs: 200_000 }).length, 0, "their ttl is over");
  copy.checkInvariants();
  assert.equal(copy.count, 0);
  assert.equal(values.held, 0);
});
