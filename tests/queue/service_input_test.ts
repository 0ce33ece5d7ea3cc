/** What callers may not ask of the service, and what other peers may not. */
import assert from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import { LIMITS } from "../../src/limits.ts";
import type { ConsumeRequest, PublishItem } from "../../src/queue/queue.ts";
import { NO_CHANGES } from "./queue_commands.ts";
import { consumeRequest, item, QueueFleet, TOPIC, Watched } from "./queue_fleet.ts";

const FRESH = { stale: false } as const;

/** Refused at once with INVALID, which names the field. */
async function refused(field: string, work: Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof SkeinError, String(error));
    assert.equal(error.code, "INVALID", error.message);
    assert.equal(error.details["field"], field, error.message);
    assert.ok(error.message.startsWith(`${field}: `), error.message);
    return true;
  });
}

Deno.test("what is out of its bounds is refused with the field's name, and proposes nothing", async () => {
  const queues = await QueueFleet.led();
  const service = queues.at(2);
  const lastIndex = queues.peer(1).group(1).raft.lastIndex;
  const publish = (each: Partial<PublishItem>, topic = TOPIC) => {
    return service.publish({ topic, items: [item("x", each)], request: null });
  };
  const consume = (asked: Partial<ConsumeRequest>) => service.consume(consumeRequest(asked));
  const settle = (deliveries: { id: string | null; receipt: string | null }[]) => {
    return service.acknowledge({ topic: TOPIC, deliveries, request: null });
  };
  for (const name of ["", "x".repeat(513), "é".repeat(257), "a\nb", "\u0085", "\ud800"]) {
    await refused("topic", publish({}, name));
    await refused("id", publish({ id: name }));
    await refused("key", publish({ key: name }));
    await refused("topic", consume({ topic: name }));
    await refused("consumer", consume({ consumer: name }));
    await refused("topic", service.stats(name, FRESH));
    await refused("id", settle([{ id: name, receipt: null }]));
  }
  for (const priority of [-1, 10, 1.5, NaN]) await refused("priority", publish({ priority }));
  for (const delayMs of [-1, LIMITS.queueDelayMaxMs + 1, NaN, Infinity]) {
    await refused("delay", publish({ delayMs }));
  }
  for (const ttlMs of [0, 99, LIMITS.queueTtlMaxMs + 1]) await refused("ttl", publish({ ttlMs }));
  await refused("messages", service.publish({ topic: TOPIC, items: [], request: null }));
  const many = Array.from({ length: 1_001 }, () => item("x"));
  await refused("messages", service.publish({ topic: TOPIC, items: many, request: null }));
  for (const max of [0, 1_001, 1.5]) await refused("max", consume({ max }));
  for (const waitMs of [-1, LIMITS.queueWaitMaxMs + 1]) await refused("wait", consume({ waitMs }));
  for (const visibilityMs of [0, 99, LIMITS.queueVisibilityMaxMs + 1]) {
    await refused("visibility", consume({ visibilityMs }));
  }
  await refused("deliveries", settle([]));
  await refused("id", settle([{ id: null, receipt: null }]));
  const refusal = { topic: TOPIC, deliveries: [{ id: "a", receipt: null }], request: null };
  await refused("delay", service.refuse({ ...refusal, delayMs: -1, reason: null }));
  await refused("reason", service.refuse({ ...refusal, delayMs: 0, reason: "x".repeat(513) }));
  await refused("visibility", service.extend({ ...refusal, visibilityMs: 1 }));
  await refused("lanes", service.configure(TOPIC, { ...NO_CHANGES, lanes: 0 }, null));
  await refused("backoffMs", service.configure(TOPIC, { ...NO_CHANGES, backoffMs: [-1] }, null));
  await refused("max", service.dead(TOPIC, { max: 0, after: null }, FRESH));
  for (const ratePerSecond of [0, -1, NaN, Infinity]) {
    await refused("rate", service.requeue(TOPIC, { ids: null, ratePerSecond }, null, null));
  }
  await refused("ids", service.requeue(TOPIC, { ids: [], ratePerSecond: null }, null, null));
  await queues.fleet.run(50);
  assert.equal(queues.peer(1).group(1).raft.lastIndex, lastIndex);
  queues.check();
});

Deno.test("a fraction of a millisecond is rounded", async () => {
  const queues = await QueueFleet.led();
  await queues.publish(1, ["a"], { delayMs: 100.00000000000001, ttlMs: 60_000.4 });
  const [delivery] = await queues.settle(
    queues.consume(2, { waitMs: 1_000.6, visibilityMs: 1_100.0000000000002 }),
  );
  assert.equal(delivery?.attempts, 1);
  const deliveries = [{ id: null, receipt: delivery.receipt }];
  const extending = { topic: TOPIC, deliveries, request: null, visibilityMs: 2_200.0000000000005 };
  assert.deepEqual(await queues.settle(queues.at(3).extend(extending)), [{ ok: true }]);
  const refusing = { topic: TOPIC, deliveries, request: null, delayMs: 0.4, reason: null };
  assert.deepEqual(await queues.settle(queues.at(3).refuse(refusing)), [{ ok: true }]);
  queues.check();
});

Deno.test("questions of other peers without their form are refused, and change nothing", async () => {
  const queues = await QueueFleet.led();
  await queues.publish(1, ["a"]);
  const groups = queues.peer(2).service;
  const good = ["w", ["work", 0, 1, null], null, 1, null, 0, 0, true, null];
  const bodies: unknown[] = [null, 7, "x", [], {}];
  const wrongs: readonly (readonly [number, unknown])[] = [
    [0, 7],
    [1, null],
    [1, ["work", 1, 1, null]],
    [1, ["", 0, 1, 0]],
    [2, ""],
    [3, 0],
    [3, 1_001],
    [4, -1],
    [5, -1],
    [6, 0.5],
    [7, 1],
    ...[7, ["a"], ["a", 7], ["a", "b", -1, 0], ["a", "b", 1]].map((each) => [8, each] as const),
  ];
  for (const [place, wrong] of wrongs) {
    bodies.push(good.map((field, at) => at === place ? wrong : field));
  }
  for (const body of bodies) {
    const asking = queues.settle(groups.ask(1, "queue.consume", body, 1_000));
    await assert.rejects(asking, { code: "BAD_REQUEST" }, JSON.stringify(body));
  }
  const readings: readonly (readonly [string, unknown])[] = [
    ...["queue.lane", "queue.lanes", "queue.dead"].flatMap((method) => {
      return [null, [], ["work"], [-1, false], ["work", 999, 1, null, true]].map((body) => {
        return [method, body] as const;
      });
    }),
    ["queue.dead", ["work", 0, 0, null, true]],
    ["queue.dead", ["work", 0, 1, 7, true]],
  ];
  for (const [method, body] of readings) {
    const asking = queues.settle(groups.ask(1, method, body, 1_000));
    await assert.rejects(asking, { code: "BAD_REQUEST" }, `${method} ${JSON.stringify(body)}`);
  }
  assert.equal(await queues.settle(groups.ask(1, "queue.cancel", { no: "name" }, 1_000)), null);
  assert.deepEqual(await queues.taken(3), ["a"]);
  queues.check();
});

Deno.test("so many may wait for a lane; the next one is told that they are too many", async () => {
  const queues = await QueueFleet.led();
  const waiting = Array.from({ length: LIMITS.queueWaitersMax }, () => {
    return new Watched(queues.consume(1, { waitMs: 500 }));
  });
  await queues.fleet.until("they wait", () => {
    return queues.at(1).consumers.waiting === LIMITS.queueWaitersMax;
  }, 100);
  await assert.rejects(queues.settle(queues.consume(2, { waitMs: 500 })), {
    code: "TOO_MANY_REQUESTS",
  });
  await queues.publish(2, Array.from({ length: 1_000 }, () => "x"));
  await queues.fleet.until("some are served", () => {
    return waiting.slice(0, 1_000).every(({ pending }) => !pending);
  }, 300);
  assert.ok(waiting[1_000]!.pending);
  await queues.fleet.until("the others' wait is over", () => {
    return waiting.every(({ pending }) => !pending);
  }, 1_000);
  assert.equal(waiting.filter(({ result }) => result?.length === 1).length, 1_000);
  assert.equal(waiting.filter(({ result }) => result?.length === 0).length, 9_000);
  queues.check();
});
