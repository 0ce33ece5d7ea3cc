import assert from "node:assert/strict";
import { SkeinError } from "../../src/errors.ts";
import { RAFT_TOPIC } from "../../src/groups/outbox.ts";
import { item, QueueFleet, textsOf, TOPIC, Watched } from "./queue_fleet.ts";
import { NO_CHANGES } from "./queue_commands.ts";

const FRESH = { stale: false } as const;

/** A topic of four lanes over three partitions, configured through the second peer. */
async function laned(changes: Partial<typeof NO_CHANGES> = {}): Promise<QueueFleet> {
  const queues = await QueueFleet.led({ partitions: 3 });
  await configure(queues, { lanes: 4, ...changes });
  return queues;
}

function configure(queues: QueueFleet, changes: Partial<typeof NO_CHANGES>) {
  return queues.settle(queues.at(2).configure(TOPIC, { ...NO_CHANGES, ...changes }, null));
}

/** Nothing is committed in this group any more. */
function silence(queues: QueueFleet, group: number): void {
  queues.fleet.network.drops = ({ topic, body }) => {
    return topic === RAFT_TOPIC && (body as readonly [readonly unknown[]])[0][0] === group;
  };
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, number) => `${number}`);
}

Deno.test("a peer that knows nothing of a topic learns its lanes from the home's refusal", async () => {
  const queues = await laned();
  const published = await queues.publish(3, numbered(40));
  assert.ok(published.every(({ ok }) => ok));
  const view = await queues.settle(queues.at(1).stats(TOPIC, FRESH));
  assert.deepEqual([view.lanes, view.ready, view.totals.published], [4, 40, 40]);
  const lanes = published.map((result) => result.ok ? result.id.split("-")[2] : "");
  assert.deepEqual([...new Set(lanes)].sort(), ["0", "1", "2", "3"]);
  const all: string[] = [];
  for (let round = 0; round < 20 && all.length < 40; round++) {
    all.push(...await queues.taken(1, 100));
  }
  assert.deepEqual(all.sort(), numbered(40).sort());
  assert.deepEqual(await queues.taken(1, 100), []);
  await assert.rejects(configure(queues, { lanes: 2 }), { code: "CONFLICT" });
  queues.check();
});

Deno.test("messages of one key keep their order, and any name of a delivery finds its lane", async () => {
  const queues = await laned();
  for (const number of [1, 2, 3]) {
    const items = numbered(9).map((text, place) => {
      return item(`${number}${text}`, { key: `key ${place % 3}`, id: `id ${number} ${place}` });
    });
    await queues.settle(queues.at(number).publish({ topic: TOPIC, items, request: null }));
  }
  const seen = new Map<string, string[]>();
  for (let round = 0; round < 12; round++) {
    const deliveries = await queues.settle(queues.consume(1 + round % 3, { max: 4 }));
    for (const [place, { id, key, receipt }] of deliveries.entries()) {
      const text = textsOf([deliveries[place]!])[0]!;
      seen.set(key!, [...seen.get(key!) ?? [], text]);
      const name = place % 2 === 0 ? { id, receipt: null } : { id, receipt };
      const asked = { topic: TOPIC, deliveries: [name], request: null };
      const settled = await queues.settle(queues.at(2 + round % 2).acknowledge(asked));
      assert.deepEqual(settled, [{ ok: true }], id);
    }
  }
  assert.equal([...seen.values()].flat().length, 27);
  for (const texts of seen.values()) assert.deepEqual(texts, texts.toSorted());
  const unknown = { topic: TOPIC, deliveries: [{ id: "id 1 0", receipt: null }], request: null };
  assert.deepEqual(await queues.settle(queues.at(3).acknowledge(unknown)), [
    { ok: false, code: "NOT_FOUND" },
  ]);
  const wrong = [{ id: null, receipt: "no receipt" }, { id: null, receipt: "2-9-5-6" }];
  assert.deepEqual(
    await queues.settle(
      queues.at(3).acknowledge({ topic: TOPIC, deliveries: wrong, request: null }),
    ),
    [{ ok: false, code: "NOT_FOUND" }, { ok: false, code: "NOT_FOUND" }],
  );
  queues.check();
});

Deno.test("a consumer waits for all lanes at once, and takes from one", async () => {
  const queues = await laned();
  const [one, other] = [2, 3].map((number) => {
    return new Watched(queues.consume(number, { waitMs: 60_000, max: 10 }));
  });
  await queues.fleet.run(100);
  assert.equal(queues.at(1).consumers.waiting, 8);
  await queues.publish(1, ["a"], { key: "k" });
  await queues.publish(1, ["b"], { key: "l" });
  await queues.fleet.until("both have one", () => !one!.pending && !other!.pending, 200);
  assert.deepEqual([...textsOf(one!.result!), ...textsOf(other!.result!)].sort(), ["a", "b"]);
  await queues.fleet.until("nobody waits", () => queues.at(1).consumers.waiting === 0, 100);
  await queues.fleet.run(100);
  const view = await queues.settle(queues.at(3).stats(TOPIC, FRESH));
  assert.deepEqual([view.ready, view.inFlight, view.totals.delivered], [0, 2, 2]);
  queues.check();
});

Deno.test("a batch over several partitions, one of which is down: one result an item", async () => {
  const queues = await laned();
  await queues.publish(1, numbered(20));
  const missing = queues.groupOf(TOPIC, 1);
  silence(queues, missing);
  const groups = [1, 2, 3].filter((group) => group !== missing);
  const failing = queues.at(2).publish({
    topic: TOPIC,
    items: numbered(12).map((text) => item(text)),
    request: null,
  });
  const results = await queues.settle(failing, 30_000);
  const failed = results.filter(({ ok }) => !ok);
  assert.equal(failed.length, 3, JSON.stringify(results));
  for (const result of results) {
    if (result.ok) assert.ok(groups.includes(Number(result.id.split("-")[1])), result.id);
    else assert.match(result.code, /OUTCOME_UNKNOWN|NO_LEADER/);
  }
  await assert.rejects(queues.settle(queues.at(2).topics(FRESH), 30_000), { name: "SkeinError" });
  queues.fleet.network.drops = () => false;
  queues.check();
});

Deno.test("options reach all lanes, dead letters of all are listed, put back and purged", async () => {
  const queues = await laned({ visibilityMs: 200, maxAttempts: 1 });
  await queues.publish(1, numbered(30));
  for (let taken = 0; taken < 30;) {
    taken += (await queues.settle(queues.consume(2, { max: 10 }))).length;
  }
  await queues.fleet.run(600);
  const listed: string[] = [];
  for (let after: string | null = null;;) {
    const page: readonly { readonly id: string }[] = await queues.settle(
      queues.at(3).dead(TOPIC, { max: 7, after }, FRESH),
    );
    if (page.length === 0) break;
    listed.push(...page.map(({ id }) => id));
    after = page.at(-1)!.id;
  }
  assert.equal(new Set(listed).size, 30);
  const some = { ids: [listed[0]!, listed[29]!, "unknown"], ratePerSecond: null };
  assert.equal(await queues.settle(queues.at(3).requeue(TOPIC, some, null, null)), 2);
  await assert.rejects(
    queues.settle(queues.at(3).dead(TOPIC, { max: 7, after: listed[0]! }, FRESH)),
    { code: "CONFLICT" },
  );
  const rate = { ids: null, ratePerSecond: 10 };
  const beganMs = queues.fleet.clock.monotonicMs();
  assert.equal(await queues.settle(queues.at(3).requeue(TOPIC, rate, null, null)), 28);
  const tookMs = queues.fleet.clock.monotonicMs() - beganMs;
  assert.ok(tookMs >= 2_700 && tookMs < 3_500, `28 messages at 10 a second took ${tookMs} ms`);
  const view = await queues.settle(queues.at(1).stats(TOPIC, FRESH));
  assert.deepEqual([view.dead, view.ready, view.totals.requeued], [0, 30, 30]);
  assert.equal(await queues.settle(queues.at(1).purge(TOPIC, "dead", null)), 0);
  assert.equal(await queues.settle(queues.at(1).purge(TOPIC, "all", null)), 30);
  // Followers know what is committed by the next heartbeat at the latest.
  await queues.fleet.run(300);
  const emptied = await queues.settle(queues.at(2).stats(TOPIC, { stale: true }));
  assert.deepEqual([emptied.ready, emptied.bytes, emptied.totals.purged], [0, 0, 30]);
  queues.check();
});

Deno.test("putting back at a rate ends with its caller, or when its peer is about to stop", async () => {
  const queues = await laned({ visibilityMs: 200, maxAttempts: 1 });
  await queues.publish(1, numbered(30));
  for (let taken = 0; taken < 30;) {
    taken += (await queues.settle(queues.consume(2, { max: 10 }))).length;
  }
  await queues.fleet.run(600);
  const slowly = { ids: null, ratePerSecond: 1 };
  const gone = new AbortController();
  const one = new Watched(queues.at(3).requeue(TOPIC, slowly, null, gone.signal));
  await queues.fleet.run(2_500);
  gone.abort(new Error("gone"));
  await queues.fleet.until("it is over", () => !one.pending, 50);
  assert.equal(String(one.error), "Error: gone");
  const other = new Watched(queues.at(3).requeue(TOPIC, slowly, null, null));
  await queues.fleet.run(500);
  await queues.settle(queues.at(3).drain());
  await queues.fleet.until("it is over", () => !other.pending, 50);
  assert.match(String(other.error), /about to stop/);
  const view = await queues.settle(queues.at(1).stats(TOPIC, FRESH));
  assert.ok(view.totals.requeued >= 3 && view.totals.requeued <= 5, `${view.totals.requeued}`);
  queues.check();
});

Deno.test("many topics are listed in order, over all partitions and pages", async () => {
  const queues = await QueueFleet.led({ partitions: 3 });
  const names = Array.from({ length: 40 }, (_, number) => `topic ${100 + number}`);
  await queues.settle(Promise.all(names.map((topic, place) => {
    const items = [item("x")];
    return queues.at(1 + place % 3).publish({ topic, items, request: null });
  })));
  const views = await queues.settle(queues.at(2).topics(FRESH));
  assert.deepEqual(views.map(({ topic }) => topic), names);
  assert.ok(views.every(({ ready }) => ready === 1));
  queues.check();
});

Deno.test("a purge and a requeue that come again answer as they did, and do nothing more", async () => {
  const queues = await laned({ visibilityMs: 200, maxAttempts: 1 });
  await queues.publish(1, numbered(20));
  for (let taken = 0; taken < 20;) {
    taken += (await queues.settle(queues.consume(2, { max: 10 }))).length;
  }
  await queues.fleet.run(600);
  const session = { kind: "session", session: "s", bootId: "b", lowestOpen: 1 } as const;
  const caller = { kind: "caller", principal: "p", id: "r" } as const;
  const which = { ids: null, ratePerSecond: 100 };
  for (const number of [2, 3]) {
    const request = { ...session, sequence: 1 };
    const work = queues.at(number).requeue(TOPIC, which, request, null);
    assert.equal(await queues.settle(work), 20);
  }
  for (const number of [1, 3]) {
    assert.equal(await queues.settle(queues.at(number).purge(TOPIC, "ready", caller)), 20);
    await queues.publish(1, ["stays"], { key: "k" });
  }
  const { ready, totals } = await queues.settle(queues.at(1).stats(TOPIC, FRESH));
  assert.deepEqual([ready, totals.purged, totals.requeued], [2, 20, 20]);
  queues.check();
});

Deno.test("a lane that cannot be told of new options is said so, and is told by the same request", async () => {
  const queues = await laned();
  await queues.publish(1, numbered(12));
  silence(queues, queues.groupOf(TOPIC, 2));
  const pausing = queues.at(3).configure(TOPIC, { ...NO_CHANGES, paused: true }, null);
  await assert.rejects(queues.settle(pausing, 30_000), (error) => {
    assert.ok(error instanceof SkeinError);
    assert.match(error.message, /^work is configured, but its lane 2 could not be told: /);
    assert.equal(error.details["lane"], 2);
    return true;
  });
  queues.fleet.network.drops = () => false;
  await queues.fleet.until("the lane has a leader again", () => {
    return queues.fleet.leader(queues.groupOf(TOPIC, 2)) !== null;
  }, 10_000);
  assert.equal((await configure(queues, { paused: true })).paused, true);
  assert.deepEqual(await queues.taken(1, 100), []);
  await configure(queues, { paused: false });
  assert.notDeepEqual(await queues.taken(1, 100), []);
  queues.check();
});
