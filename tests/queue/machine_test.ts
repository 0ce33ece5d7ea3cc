import assert from "node:assert/strict";
import { SETTLED } from "../../src/queue/answers.ts";
import { byId, GROUP, JOBS, refusal, TopicTable } from "./topic_table.ts";
import { QueueMachine } from "../../src/queue/machine.ts";
import { ratesOf } from "../../src/queue/recent_counts.ts";
import { DEFAULT_TOPIC_OPTIONS } from "../../src/queue/topic_options.ts";

const { ok, notFound, staleReceipt } = SETTLED;

Deno.test("highest priority first, then the order of publication", () => {
  const table = new TopicTable();
  table.publish(["low-1", "low-2"]);
  table.publish(["high"], { priority: 9 });
  table.publish(["middle"], { priority: 5 });
  table.publish(["low-3"]);
  assert.deepEqual(table.ids(), ["high", "middle", "low-1", "low-2", "low-3"]);
});

Deno.test("a publish or a consume makes the topic; anything else needs it", () => {
  const table = new TopicTable();
  assert.deepEqual(table.consume(), []);
  assert.deepEqual(table.view().settings, { options: DEFAULT_TOPIC_OPTIONS, revision: 0 });
  const elsewhere = { topic: "mail", lane: 0 };
  const deliveries = [byId("a")];
  const commands = [
    { kind: "acknowledge", ...elsewhere, deliveries },
    { kind: "handBack", ...elsewhere, deliveries },
    { kind: "refuse", ...elsewhere, deliveries, delayMs: null, reason: null },
    { kind: "extend", ...elsewhere, deliveries, visibilityMs: null },
    { kind: "requeue", ...elsewhere, ids: null, max: 1 },
    { kind: "purge", ...elsewhere, what: "all", max: 1 },
  ] as const;
  for (const command of commands) assert.equal(refusal(table.apply(command)), "NOT_FOUND");
  assert.equal(table.machine.lane(elsewhere), undefined);
});

Deno.test("not acknowledged in 30 s: delivered again in its place, counted, and told of", () => {
  const table = new TopicTable();
  table.publish(["a", "b", "c"]);
  assert.deepEqual(table.consume(2).map(({ visibleUntilMs }) => visibleUntilMs), [40_000, 40_000]);
  assert.equal(table.group.nextDeadlineMs(), 40_000);
  assert.deepEqual(table.pass(29_999), []);
  const messages = [{ id: "a", attempts: 1 }, { id: "b", attempts: 1 }];
  assert.deepEqual(table.pass(1), [
    { kind: "redelivery", topic: "jobs", lane: 0, count: 2, messages },
    { kind: "ready", topic: "jobs", lane: 0 },
  ]);
  assert.equal(table.view().totals.redelivered, 2);
  const again = table.consume(3);
  assert.deepEqual(again.map(({ id, attempts }) => [id, attempts]), [["a", 2], ["b", 2], ["c", 1]]);
  assert.equal(table.view().totals.delivered, 5);
});

Deno.test("a receipt settles its own delivery, once", () => {
  const table = new TopicTable();
  table.publish(["a"]);
  const [first] = table.consume();
  table.pass(30_000);
  assert.deepEqual(table.acknowledge(first!.ref), [staleReceipt], "it is ready again");
  const [second] = table.consume();
  assert.notDeepEqual(second!.ref, first!.ref);
  for (const settle of [table.acknowledge, table.refuse, table.extend]) {
    assert.deepEqual(settle.call(table, first!.ref), [staleReceipt]);
  }
  assert.deepEqual(table.acknowledge(second!.ref, second!.ref), [ok, notFound]);
  assert.deepEqual(table.acknowledge(second!.ref, byId("a")), [notFound, notFound]);
  assert.equal(table.values.held, 0);
});

Deno.test("an id alone means the current delivery; with a receipt both must fit", () => {
  const table = new TopicTable();
  table.publish(["a", "b", null]);
  assert.deepEqual(table.acknowledge(byId("a")), [staleReceipt], "it was not delivered");
  const [a, b, given] = table.consume(3);
  const receiptOfB = b!.ref.receipt;
  assert.deepEqual(table.acknowledge({ id: "a", receipt: receiptOfB }), [staleReceipt]);
  assert.deepEqual(table.acknowledge({ id: "x", receipt: receiptOfB }), [notFound]);
  const none = { number: 0, delivery: 0 };
  assert.deepEqual(table.acknowledge({ id: "a", receipt: none }), [staleReceipt]);
  assert.deepEqual(table.acknowledge({ id: null, receipt: none }), [notFound]);
  assert.deepEqual(table.acknowledge({ id: "a", receipt: a!.ref.receipt }), [ok]);
  assert.deepEqual(table.acknowledge(byId("b"), byId(given!.id)), [ok, ok]);
  assert.equal(table.view().totals.acknowledged, 3);
});

Deno.test("a receipt of one topic settles nothing in another", () => {
  const table = new TopicTable();
  table.publish(["a"]);
  const [a] = table.consume();
  table.publish(["a"], {}, { ...JOBS, topic: "mail" });
  const deliveries = [a!.ref];
  assert.deepEqual(table.results({ kind: "acknowledge", topic: "mail", lane: 0, deliveries }), [
    notFound,
  ]);
  assert.deepEqual(table.acknowledge(a!.ref), [ok]);
});

Deno.test("an id is a duplicate for the window, whatever became of its message", () => {
  const table = new TopicTable();
  assert.deepEqual(table.duplicates(["a", "b", "a"]), [2]);
  assert.deepEqual(table.duplicates(["a"]), [0]);
  table.acknowledge(table.consume()[0]!.ref);
  table.pass(299_999);
  assert.deepEqual(table.duplicates(["a", "c"]), [0]);
  table.pass(1);
  assert.deepEqual(table.duplicates(["a"]), []);
  assert.equal(table.view().totals.duplicates, 3);
  assert.equal(table.view().totals.published, 4);
});

Deno.test("a full window forgets its oldest ids, and counts them", () => {
  const table = new TopicTable();
  table.bounds = { ...table.bounds, dedupMax: 3 };
  assert.deepEqual(table.duplicates(["a", "b", "c", "d"]), []);
  assert.equal(table.view().totals.dedupEvicted, 1);
  assert.deepEqual(table.duplicates(["b", "c", "d"]), [0, 1, 2]);
  assert.deepEqual(table.duplicates(["a"]), []);
  assert.equal(table.view().totals.dedupEvicted, 2);
  table.pass(300_000);
  assert.deepEqual(table.duplicates(["b", "c", "d"]), []);
  assert.equal(table.view().totals.dedupEvicted, 2, "those that are over are not missed");
});

Deno.test("what was published, delivered and acknowledged lately is told, after a snapshot too", () => {
  const table = new TopicTable();
  table.timeMs = 50_000;
  table.publish(["a", "b", "c"]);
  const taken = table.consume(2);
  table.acknowledge(taken[0]!.ref);
  const restored = new QueueMachine(table.values);
  const chunks = table.machine.snapshot();
  restored.restore({ [Symbol.iterator]: () => chunks });
  for (const machine of [table.machine, restored]) {
    const { recent, totals } = machine.lane({ topic: "jobs", lane: 0 })!;
    const rates = ratesOf(recent, totals, 60_000);
    assert.deepEqual(rates, { published: 3 / 50, delivered: 2 / 50, acknowledged: 1 / 50 });
    assert.equal(ratesOf(recent, totals, 110_000).published, 0);
  }
});

Deno.test("an id of the form that the partition gives is a duplicate, or refused", () => {
  const table = new TopicTable();
  const { answer } = table.publish([null]);
  assert.ok("first" in answer);
  const next = `skein-${GROUP}-0-${answer.first + 1}`;
  assert.equal(refusal(table.publish(["x", next])), "INVALID");
  assert.equal(table.view().ready, 1, "nothing of the batch is stored");
  assert.deepEqual(table.duplicates([`skein-${GROUP}-0-${answer.first}`]), [0]);
  assert.deepEqual(table.duplicates([`skein-${GROUP}-1-999`, `skein-${GROUP}-0-0999`]), []);
});

Deno.test("a delay holds a message back, and nothing else", () => {
  const table = new TopicTable();
  table.publish(["later"], { delayMs: 1_000 });
  table.publish(["now"]);
  assert.equal(table.view().delayed, 1);
  assert.deepEqual(table.ids(), ["now"]);
  assert.deepEqual(table.pass(999), []);
  assert.deepEqual(table.pass(1), [{ kind: "ready", topic: "jobs", lane: 0 }]);
  assert.deepEqual(table.ids(), ["later"]);
});

Deno.test("what is older than its ttl is gone: ready, delayed, or handed back", () => {
  const table = new TopicTable();
  table.publish(["ready", "taken"], { ttlMs: 1_000, priority: 1 });
  table.publish(["delayed"], { ttlMs: 500, delayMs: 900 });
  table.publish(["refused"], { ttlMs: 1_000, priority: 9 });
  const [refused] = table.consume();
  table.pass(500);
  assert.equal(table.view().totals.expired, 1);
  table.publish(["first"], { priority: 2 });
  table.acknowledge(table.consume()[0]!.ref);
  const [, taken] = table.consume(2);
  assert.equal(taken!.id, "taken");
  table.pass(500);
  assert.deepEqual(table.refuse(refused!.ref), [ok]);
  assert.deepEqual(table.acknowledge(taken!.ref), [ok], "in flight it may still be acknowledged");
  const { ready, inFlight, totals } = table.view();
  assert.deepEqual([ready, inFlight, totals.expired, totals.redelivered], [0, 1, 2, 0]);
  table.pass(30_000);
  assert.equal(table.view().totals.expired, 3);
  assert.equal(table.values.held, 0);
});

Deno.test("after so many attempts a message is dead, with the reason", () => {
  const table = new TopicTable();
  table.configure({ maxAttempts: 2, visibilityMs: 1_000 });
  table.publish(["a", "b"]);
  table.consume(2);
  table.pass(1_000);
  const [a] = table.consume(2);
  const effects = table.apply({
    kind: "refuse",
    ...JOBS,
    deliveries: [a!.ref],
    delayMs: 5_000,
    reason: "no such order",
  }).effects;
  const reason = "max_attempts: no such order";
  const messages = [{ id: "a", attempts: 2, reason }];
  assert.deepEqual(effects, [{ kind: "deadLetter", topic: "jobs", lane: 0, count: 1, messages }]);
  table.pass(1_000);
  const letters = table.dead()!;
  assert.deepEqual(letters.map(({ id, reason, attempts }) => [id, reason, attempts]), [
    ["a", reason, 2],
    ["b", "max_attempts", 2],
  ]);
  assert.equal(table.group.nextDeadlineMs(), null, "a dead letter stays");
  assert.deepEqual(table.ids(), []);
  assert.deepEqual(table.duplicates(["a"]), [0]);
});

Deno.test("without a bound of attempts nothing dies", () => {
  const table = new TopicTable();
  table.configure({ maxAttempts: 0, visibilityMs: 100 });
  table.publish(["a"]);
  for (let attempt = 1; attempt <= 40; attempt++) {
    assert.equal(table.consume()[0]!.attempts, attempt);
    table.pass(100);
  }
  assert.equal(table.view().dead, 0);
});

Deno.test("dead letters are listed in pages, and put back behind what is ready", () => {
  const table = new TopicTable();
  table.configure({ maxAttempts: 1, visibilityMs: 100 });
  table.publish(["a", "b", "c", "d"]);
  table.consume(4);
  table.pass(100);
  table.publish(["e"]);
  const page = (after: string | null) => table.dead(2, after)?.map(({ id }) => id) ?? null;
  assert.deepEqual([page(null), page("b"), page("d")], [["a", "b"], ["c", "d"], []]);
  const requeue = (ids: readonly string[] | null, max: number) =>
    table.apply({ kind: "requeue", ...JOBS, ids, max });
  assert.deepEqual(requeue(["c", "e", "x", "c"], 10).answer, {
    kind: "counted",
    count: 1,
    more: false,
  });
  assert.equal(page("c"), null, "it is no dead letter any more");
  assert.deepEqual(requeue(null, 2).answer, { kind: "counted", count: 2, more: true });
  const again = requeue(null, 2);
  assert.deepEqual(again.answer, { kind: "counted", count: 1, more: false });
  assert.deepEqual(again.effects, [{ kind: "ready", topic: "jobs", lane: 0 }]);
  const taken = table.consume(5);
  assert.deepEqual(taken.map(({ id, attempts }) => [id, attempts]), [
    ["e", 1],
    ["c", 1],
    ["a", 1],
    ["b", 1],
    ["d", 1],
  ]);
  assert.equal(table.view().totals.requeued, 4);
});

Deno.test("a refusal without a delay takes the topic's back-off, whose last step repeats", () => {
  const table = new TopicTable();
  table.configure({ backoffMs: [100, 1_000] });
  table.publish(["a"]);
  for (const delayMs of [100, 1_000, 1_000]) {
    table.refuse(table.consume()[0]!.ref);
    assert.equal(table.group.nextDeadlineMs(), table.timeMs + delayMs);
    table.pass(delayMs);
  }
  table.refuse(table.consume()[0]!.ref, 0);
  assert.equal(table.view().ready, 1, "a delay of its own counts, also none");
});

Deno.test("extend begins the visibility timeout anew", () => {
  const table = new TopicTable();
  table.publish(["a"]);
  const [a] = table.consume();
  table.pass(29_000);
  assert.deepEqual(table.extend(a!.ref), [ok]);
  assert.equal(table.group.nextDeadlineMs(), table.timeMs + 30_000);
  assert.deepEqual(table.extend(a!.ref, 500), [ok]);
  table.pass(500);
  assert.equal(table.view().ready, 1);
});

Deno.test("handed back because nobody received it: the attempt does not count", () => {
  const table = new TopicTable();
  table.configure({ maxAttempts: 1 });
  table.publish(["a", "b"]);
  const [a] = table.consume();
  assert.deepEqual(table.results({ kind: "handBack", ...JOBS, deliveries: [a!.ref] }), [ok]);
  assert.deepEqual(table.acknowledge(a!.ref), [staleReceipt]);
  const { totals } = table.view();
  assert.deepEqual([totals.delivered, totals.redelivered, totals.deadLettered], [0, 0, 0]);
  assert.deepEqual(table.consume().map(({ id, attempts }) => [id, attempts]), [["a", 1]]);
});

Deno.test("a paused topic takes messages and delivers none; resumed, it says what is there", () => {
  const table = new TopicTable();
  table.configure({ paused: true });
  assert.deepEqual(table.publish(["a"]).effects, []);
  assert.deepEqual(table.ids(), []);
  assert.deepEqual(table.configure({ paused: false }).effects, [
    { kind: "ready", topic: "jobs", lane: 0 },
  ]);
  assert.deepEqual(table.ids(), ["a"]);
});

Deno.test("a full lane refuses whole batches, but not duplicates", () => {
  const table = new TopicTable();
  table.bounds = { messagesMax: 3, bytesMax: 20, dedupMax: 100 };
  table.publish(["a", "b"]);
  assert.equal(refusal(table.publish(["c", "d"])), "TOO_MANY_REQUESTS");
  assert.equal(table.view().ready, 2);
  assert.deepEqual(table.duplicates(["a", "b", "c", "c"]), [0, 1, 3]);
  assert.deepEqual(table.duplicates(["a", "b", "c"]), [0, 1, 2]);
  table.acknowledge(...table.consume(3).map(({ ref }) => ref));
  const long = new Uint8Array(19);
  assert.equal(refusal(table.publish(["dd"], { body: long })), "TOO_MANY_REQUESTS");
  assert.deepEqual(table.duplicates(["d"], { body: long }), [], "ids and bodies fill it exactly");
  assert.equal(table.view().bytes, 19);
});

Deno.test("purge takes what it is told to, in slices; ids stay known", () => {
  const table = new TopicTable();
  table.configure({ maxAttempts: 1, visibilityMs: 100 });
  table.publish(["dead"]);
  table.consume();
  table.pass(100);
  table.configure({ visibilityMs: 30_000 });
  table.publish(["taken"]);
  const [taken] = table.consume();
  table.publish(["delayed"], { delayMs: 5_000 });
  table.publish(["a", "b", "c"]);
  const purge = (what: "ready" | "dead" | "all", max: number) =>
    table.apply({ kind: "purge", ...JOBS, what, max }).answer;
  const counted = (count: number, more: boolean) => ({ kind: "counted", count, more });
  assert.deepEqual(purge("ready", 2), counted(2, true));
  assert.deepEqual(purge("ready", 2), counted(1, false));
  assert.deepEqual(purge("dead", 9), counted(1, false));
  assert.deepEqual(purge("all", 1), counted(1, true));
  assert.deepEqual(purge("all", 9), counted(1, false));
  assert.deepEqual(table.acknowledge(taken!.ref), [notFound]);
  assert.equal(table.view().totals.purged, 6);
  assert.deepEqual(table.duplicates(["a", "dead"]), [0, 1]);
  assert.equal(table.values.held, 0);
});

Deno.test("deliveries end at so many bytes, but for the first one", () => {
  const table = new TopicTable();
  table.publish(["a", "b", "c"], { body: new Uint8Array(10) });
  const deliver = (bytesMax: number) => {
    const { answer } = table.apply({
      kind: "deliver",
      ...JOBS,
      consumer: "worker",
      max: 3,
      bytesMax,
      visibilityMs: null,
    });
    return "messages" in answer ? answer.messages.length : -1;
  };
  assert.deepEqual([deliver(20), deliver(5), deliver(5)], [2, 1, 0]);
});
