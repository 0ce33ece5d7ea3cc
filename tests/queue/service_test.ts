import assert from "node:assert/strict";
import { consumeRequest, item, QueueFleet, textsOf, TOPIC, Watched } from "./queue_fleet.ts";

Deno.test("what one peer publishes another one consumes, and a third acknowledges", async () => {
  const queues = await QueueFleet.led();
  const published = await queues.publish(2, ["a", "b", "c"], { key: "k", priority: 3 });
  const ids = published.map((result) => result.ok ? result.id : "");
  const deliveries = await queues.settle(queues.consume(3, { max: 10 }));
  assert.deepEqual(textsOf(deliveries), ["a", "b", "c"]);
  assert.deepEqual(deliveries.map(({ id }) => id), ids);
  for (const { attempts, priority, key } of deliveries) {
    assert.deepEqual([attempts, priority, key], [1, 3, "k"]);
  }
  const { publishedAt, visibleUntil } = deliveries[0]!;
  const wallMs = queues.fleet.clock.wallMs();
  assert.ok(Math.abs(Date.parse(publishedAt) - wallMs) < 100, publishedAt);
  assert.ok(Math.abs(Date.parse(visibleUntil) - wallMs - 30_000) < 100, visibleUntil);
  assert.deepEqual(await queues.acknowledge(1, deliveries), [
    { ok: true },
    { ok: true },
    { ok: true },
  ]);
  assert.deepEqual(await queues.acknowledge(2, deliveries.slice(0, 1)), [
    { ok: false, code: "NOT_FOUND" },
  ]);
  assert.deepEqual(await queues.taken(1), []);
  queues.check();
});

Deno.test("a long poll is woken by what is published, through a peer without a replica too", async () => {
  const queues = await QueueFleet.led({ peers: 4, founders: 3 });
  for (const number of [1, 2, 4]) {
    const waiting = new Watched(queues.consume(number, { waitMs: 60_000 }));
    await queues.fleet.run(500);
    assert.ok(waiting.pending);
    await queues.publish(4, [`for ${number}`]);
    await queues.fleet.until("it is delivered", () => !waiting.pending, 50);
    assert.deepEqual(textsOf(waiting.result!), [`for ${number}`]);
  }
  assert.equal(queues.at(1).consumers.waiting, 0);
  queues.check();
});

Deno.test("an empty answer comes when the wait is over, and only from a leader that a majority confirms", async () => {
  const queues = await QueueFleet.led();
  const beganMs = queues.fleet.clock.monotonicMs();
  assert.deepEqual(await queues.settle(queues.consume(2, { waitMs: 25_000 }), 30_000), []);
  const tookMs = queues.fleet.clock.monotonicMs() - beganMs;
  assert.ok(tookMs >= 25_000 && tookMs < 25_100, `it took ${tookMs} ms`);
  const entries = queues.peer(1).group(1).raft.lastIndex;
  assert.deepEqual(await queues.taken(3), []);
  assert.equal(queues.peer(1).group(1).raft.lastIndex, entries, "nothing ready costs no entry");
  queues.fleet.network.isolate("p1");
  const alone = new Watched(queues.consume(1));
  await queues.fleet.until("it is refused", () => !alone.pending, 20_000);
  assert.match(String(alone.error), /SkeinError/);
  queues.check();
});

Deno.test("consumers that wait are served in turn, each with as many as it takes", async () => {
  const queues = await QueueFleet.led();
  const first = new Watched(queues.consume(2, { waitMs: 60_000, max: 2 }));
  await queues.fleet.run(20);
  const second = new Watched(queues.consume(3, { waitMs: 60_000, max: 2 }));
  await queues.fleet.run(20);
  const third = new Watched(queues.consume(1, { waitMs: 60_000, max: 2 }));
  await queues.fleet.run(20);
  await queues.publish(1, ["a", "b", "c"]);
  await queues.fleet.until("two have theirs", () => !first.pending && !second.pending, 100);
  assert.deepEqual([textsOf(first.result!), textsOf(second.result!)], [["a", "b"], ["c"]]);
  assert.ok(third.pending);
  await queues.publish(1, ["d"]);
  await queues.fleet.until("the third has its", () => !third.pending, 100);
  assert.deepEqual(textsOf(third.result!), ["d"]);
  queues.check();
});

Deno.test("who waits over several rounds keeps the place", async () => {
  const queues = await QueueFleet.led();
  const first = new Watched(queues.consume(2, { waitMs: 60_000 }));
  await queues.fleet.run(9_000);
  const second = new Watched(queues.consume(3, { waitMs: 60_000 }));
  await queues.fleet.run(3_000);
  await queues.publish(1, ["a"]);
  await queues.fleet.until("the first has it", () => !first.pending, 100);
  assert.ok(second.pending);
  queues.check();
});

Deno.test("two consumers that work at once get equal parts", async () => {
  const queues = await QueueFleet.led();
  const got = { 2: 0, 3: 0 };
  const work = async (number: 2 | 3) => {
    for (;;) {
      const deliveries = await queues.consume(number, { waitMs: 300, max: 5 });
      if (deliveries.length === 0) return;
      got[number] += deliveries.length;
    }
  };
  const working = Promise.all([work(2), work(3)]);
  await queues.publish(1, Array.from({ length: 400 }, (_, number) => `${number}`));
  await queues.settle(working);
  assert.deepEqual(got, { 2: 200, 3: 200 });
  queues.check();
});

Deno.test("a client that goes away costs its messages no attempt", async () => {
  const queues = await QueueFleet.led();
  const gone = new AbortController();
  const waiting = new Watched(queues.consume(2, { waitMs: 60_000, signal: gone.signal }));
  await queues.fleet.run(20);
  assert.equal(queues.at(1).consumers.waiting, 1);
  gone.abort(new Error("gone"));
  await queues.fleet.until("it is over", () => !waiting.pending, 10);
  assert.equal(String(waiting.error), "Error: gone");
  await queues.fleet.until("the leader knows", () => queues.at(1).consumers.waiting === 0, 20);

  // Just as the message is on its way.
  const late = new AbortController();
  const lost = new Watched(queues.consume(2, { waitMs: 60_000, signal: late.signal }));
  await queues.fleet.run(20);
  const publishing = queues.at(1).publish({ topic: TOPIC, items: [item("a")], request: null });
  const { clock } = queues.fleet;
  clock.timer(2, () => late.abort(new Error("gone")));
  await queues.settle(publishing);
  await queues.fleet.until("it is over", () => !lost.pending, 100);
  await queues.fleet.run(100);

  // After its answer was given, while it is being written.
  const unread = new AbortController();
  const asked = consumeRequest({ signal: unread.signal });
  const [delivery] = await queues.settle(queues.at(3).consume(asked));
  assert.equal(delivery?.attempts, 1);
  unread.abort(new Error("gone"));
  await queues.fleet.run(100);
  const [again] = await queues.settle(queues.consume(1));
  assert.deepEqual([again?.id, again?.attempts], [delivery?.id, 1]);
  assert.notEqual(again?.receipt, delivery?.receipt);
  queues.check();
});

Deno.test("back-pressure: a full topic refuses, and takes more once something is acknowledged", async () => {
  const queues = await QueueFleet.led({ bounds: { messagesMax: 3 } });
  await queues.publish(2, ["a", "b"]);
  await assert.rejects(queues.publish(3, ["c", "d"]), { code: "TOO_MANY_REQUESTS" });
  await queues.publish(3, ["c"]);
  await assert.rejects(queues.publish(3, ["d"]), { code: "TOO_MANY_REQUESTS" });
  await queues.acknowledge(2, await queues.settle(queues.consume(2)));
  await queues.publish(3, ["d"]);
  assert.deepEqual(await queues.taken(1), ["b", "c", "d"]);
  queues.check();
});

Deno.test("what is not acknowledged comes back, is logged, and dies in the end", async () => {
  const queues = await QueueFleet.led();
  const changes = { lanes: null, visibilityMs: 500, maxAttempts: 2, dedupWindowMs: null };
  const options = { ...changes, backoffMs: null, paused: null };
  await queues.settle(queues.at(3).configure(TOPIC, options, null));
  await queues.publish(2, ["a"], { id: "the-id" });
  const [first] = await queues.settle(queues.consume(2));
  const [second] = await queues.settle(queues.consume(3, { waitMs: 5_000 }));
  assert.deepEqual([first?.attempts, second?.attempts], [1, 2]);
  assert.deepEqual(queues.lines, [
    "info not acknowledged in time, delivered again: work: the-id (attempt 1)",
  ]);
  assert.deepEqual(await queues.acknowledge(1, [first!]), [{ ok: false, code: "STALE_RECEIPT" }]);
  await queues.fleet.run(1_000);
  assert.equal(queues.lines[1], "warn dead letters of work: the-id (max_attempts)");
  const letters = await queues.settle(
    queues.at(2).dead(TOPIC, { max: 10, after: null }, { stale: false }),
  );
  assert.deepEqual(letters.map(({ id, attempts, reason }) => [id, attempts, reason]), [
    ["the-id", 2, "max_attempts"],
  ]);
  assert.equal(new TextDecoder().decode(letters[0]!.data), '"a"');
  const { counters } = queues.at(1);
  assert.deepEqual([counters.redelivered, counters.deadLettered], [1, 1]);
  assert.deepEqual([queues.at(2).counters.redelivered, queues.at(3).counters.deadLettered], [0, 0]);
  const which = { ids: null, ratePerSecond: null };
  assert.equal(await queues.settle(queues.at(3).requeue(TOPIC, which, null, null)), 1);
  const [third] = await queues.settle(queues.consume(1));
  assert.deepEqual([third?.id, third?.attempts], ["the-id", 1]);
  queues.check();
});

Deno.test("a consume that comes again under its caller's id gets the same deliveries", async () => {
  const queues = await QueueFleet.led();
  await queues.publish(1, ["a", "b"]);
  const request = { kind: "caller", principal: "me", id: "r1" } as const;
  const [first] = await queues.settle(queues.consume(2, { request }));
  const [again] = await queues.settle(queues.consume(3, { request, waitMs: 5_000 }));
  assert.deepEqual(again, first);
  await queues.acknowledge(2, [first!]);
  const [other] = await queues.settle(queues.consume(3, { request }));
  assert.deepEqual(textsOf([other!]), ["b"]);
  const repeated = new Watched(queues.consume(1, { request, waitMs: 5_000 }));
  await queues.fleet.until("it comes at once, though nothing is ready", () => {
    return !repeated.pending;
  }, 100);
  assert.deepEqual(repeated.result, [other]);
  queues.check();
});

Deno.test("a paused topic takes messages and delivers none until it is resumed", async () => {
  const queues = await QueueFleet.led();
  const none = { lanes: null, visibilityMs: null, maxAttempts: null, dedupWindowMs: null };
  const pause = (paused: boolean) => {
    const options = { ...none, backoffMs: null, paused };
    return queues.settle(queues.at(2).configure(TOPIC, options, null));
  };
  assert.equal((await pause(true)).paused, true);
  await queues.publish(1, ["a"]);
  assert.deepEqual(await queues.taken(3), []);
  const waiting = new Watched(queues.consume(3, { waitMs: 60_000 }));
  await queues.fleet.run(1_000);
  assert.ok(waiting.pending);
  await pause(false);
  await queues.fleet.until("it is delivered", () => !waiting.pending, 50);
  assert.deepEqual(textsOf(waiting.result!), ["a"]);
  queues.check();
});

Deno.test("only publishing and consuming make a topic; other operations do not know it", async () => {
  const queues = await QueueFleet.led();
  const unknown = { code: "NOT_FOUND" };
  const { settle } = queues;
  const run = settle.bind(queues) as typeof settle;
  const service = queues.at(2);
  const names = { topic: "none", deliveries: [{ id: "a", receipt: null }], request: null };
  await assert.rejects(run(service.stats("none", { stale: false })), unknown);
  await assert.rejects(run(service.acknowledge(names)), unknown);
  await assert.rejects(run(service.purge("none", "all", null)), unknown);
  await assert.rejects(
    run(service.dead("none", { max: 1, after: null }, { stale: false })),
    unknown,
  );
  const which = { ids: null, ratePerSecond: null };
  await assert.rejects(run(service.requeue("none", which, null, null)), unknown);
  assert.deepEqual(await run(service.topics({ stale: false })), []);
  assert.deepEqual(await queues.taken(2, 1, "made"), []);
  const view = await run(service.stats("made", { stale: false }));
  assert.deepEqual([view.topic, view.lanes, view.ready], ["made", 1, 0]);
  queues.check();
});

Deno.test("publishes and acknowledgements of many callers share entries, and each gets its own answer", async () => {
  const queues = await QueueFleet.led({ bounds: { messagesMax: 40 } });
  const lastIndex = () => queues.peer(1).group(1).raft.lastIndex;
  const before = lastIndex();
  const asked = Array.from({ length: 20 }, (_, number) => {
    const id = number % 4 === 3 ? `id ${number - 1}` : `id ${number}`;
    const items = [item(`${number}`, { id }), item(`${number}+`)];
    return queues.at(3).publish({ topic: TOPIC, items, request: null });
  });
  const answers = await queues.settle(Promise.all(asked));
  assert.ok(lastIndex() - before <= 4, `${lastIndex() - before} entries`);
  for (const [number, [first, second]] of answers.entries()) {
    assert.ok(first?.ok && second?.ok);
    assert.equal(first.duplicate, number % 4 === 3);
    assert.equal(second.duplicate, false);
  }
  const deliveries = await queues.settle(queues.consume(2, { max: 100 }));
  assert.equal(deliveries.length, 35);
  const ids = answers.flat().filter((result) => result.ok && !result.duplicate)
    .map((result) => result.ok ? result.id : "");
  assert.deepEqual(deliveries.map(({ id }) => id), ids);
  const published = lastIndex();
  const wrong = { id: "unknown", receipt: null };
  const settled = await queues.settle(Promise.all(deliveries.map(({ receipt }, place) => {
    const names = place === 20 ? [wrong, { id: null, receipt }] : [{ id: null, receipt }];
    return queues.at(2).acknowledge({ topic: TOPIC, deliveries: names, request: null });
  })));
  assert.ok(lastIndex() - published <= 4, `${lastIndex() - published} entries`);
  for (const [place, results] of settled.entries()) {
    const expected = place === 20
      ? [{ ok: false, code: "NOT_FOUND" }, { ok: true }]
      : [{ ok: true }];
    assert.deepEqual(results, expected);
  }

  // There is room for some only: whoever fits is not refused for the others' sake.
  const filling = await queues.settle(Promise.allSettled(
    Array.from({ length: 30 }, (_, number) => {
      const items = Array.from({ length: number === 5 ? 45 : 2 }, () => item("x"));
      return queues.at(3).publish({ topic: TOPIC, items, request: null });
    }),
  ));
  const stored = filling.filter(({ status }) => status === "fulfilled");
  assert.equal(stored.length, 20);
  assert.equal(filling[5]!.status, "rejected");
  const view = await queues.settle(queues.at(1).stats(TOPIC, { stale: false }));
  assert.equal(view.ready, 40);
  queues.check();
});
