import assert from "node:assert/strict";
import { RAFT_TOPIC } from "../../src/groups/outbox.ts";
import { StorageCorruptError } from "../../src/storage/storage.ts";
import { consumeRequest, item, QueueFleet, textsOf, TOPIC, Watched } from "./queue_fleet.ts";

Deno.test("a long poll goes on at the next leader", async () => {
  const queues = await QueueFleet.led({ peers: 4, founders: 3 });
  const waiting = [1, 2, 3, 4].map((number) => {
    return new Watched(queues.consume(number, { waitMs: 60_000 }));
  });
  await queues.fleet.run(200);
  await queues.lead(2);
  await queues.fleet.run(1_000);
  assert.equal(queues.at(2).consumers.waiting, 4);
  assert.equal(queues.at(1).consumers.waiting, 0);
  await queues.publish(3, ["a", "b", "c", "d"]);
  await queues.fleet.until("all have one", () => waiting.every((one) => !one.pending), 500);
  const texts = waiting.flatMap(({ result }) => textsOf(result!));
  assert.deepEqual(texts.sort(), ["a", "b", "c", "d"]);
  queues.check();
});

Deno.test("a leader that dies under a long poll, a publish and an acknowledgement", async () => {
  const queues = await QueueFleet.led();
  await queues.publish(2, ["a"]);
  const taken = await queues.settle(queues.consume(2));
  const waiting = new Watched(queues.consume(3, { waitMs: 60_000 }));
  await queues.fleet.run(100);
  const publishing = queues.at(2).publish({ topic: TOPIC, items: [item("b")], request: null });
  const deliveries = taken.map(({ receipt }) => ({ id: null, receipt }));
  const settling = queues.at(3).acknowledge({ topic: TOPIC, deliveries, request: null });
  queues.peer(1).crash();
  assert.deepEqual((await queues.settle(publishing)).map(({ ok }) => ok), [true]);
  assert.deepEqual(await queues.settle(settling), [{ ok: true }]);
  await queues.fleet.until("it is delivered", () => !waiting.pending, 2_000);
  assert.deepEqual(textsOf(waiting.result!), ["b"]);
  const view = await queues.settle(queues.at(2).stats(TOPIC, { stale: false }));
  assert.deepEqual([view.totals.published, view.totals.acknowledged, view.inFlight], [2, 1, 1]);
  await queues.peer(1).start();
  await queues.fleet.run(500);
  queues.check();
});

Deno.test("deliveries whose answer was lost come back when their visibility timeout is over", async () => {
  const queues = await QueueFleet.led();
  await queues.publish(2, ["a"]);
  const asked = queues.consume(2, { waitMs: 20_000, visibilityMs: 2_000 });
  const waiting = new Watched(asked);
  // The question is there, and the third peer is enough to commit.
  await queues.fleet.run(2);
  queues.fleet.network.cut("p1", "p2");
  await queues.fleet.run(300);
  queues.fleet.network.heal();
  const { inFlight } = await queues.settle(queues.at(3).stats(TOPIC, { stale: false }));
  assert.equal(inFlight, 1);
  assert.ok(waiting.pending, "the answer was lost");
  await queues.fleet.until("it comes again", () => !waiting.pending, 30_000);
  const [delivery] = waiting.result!;
  assert.deepEqual([textsOf([delivery!])[0], delivery!.attempts], ["a", 2]);
  queues.check();
});

Deno.test("a leader that is cut off says to nobody that there is nothing", async () => {
  const queues = await QueueFleet.led({ peers: 4, founders: 3 });
  queues.fleet.network.cut("p1", "p2");
  queues.fleet.network.cut("p1", "p3");
  queues.fleet.network.cut("p2", "p1");
  queues.fleet.network.cut("p3", "p1");
  const asked = [0, 0, 0, 3_000].map((waitMs) => new Watched(queues.consume(4, { waitMs })));
  await queues.publish(2, ["a", "b", "c", "d"]);
  await queues.fleet.until("all know", () => asked.every((one) => !one.pending), 20_000);
  for (const { result, error } of asked) {
    assert.notDeepEqual(result, []);
    if (result === undefined) assert.match(String(error), /SkeinError/);
  }
  queues.check();
});

Deno.test("a leader that is cut off tells nobody how a topic stands, until another one does", async () => {
  const queues = await QueueFleet.led({ peers: 4, founders: 3 });
  await queues.publish(4, ["a"]);
  for (const other of ["p2", "p3"]) {
    queues.fleet.network.cut("p1", other);
    queues.fleet.network.cut(other, "p1");
  }
  const options = { stale: false };
  const stats = new Watched(queues.at(4).stats(TOPIC, options));
  const topics = new Watched(queues.at(4).topics(options));
  await queues.fleet.run(100);
  assert.ok(stats.pending && topics.pending, "who was asked cannot know");
  await queues.publish(2, ["b"]);
  await queues.fleet.until("both end", () => !stats.pending && !topics.pending, 20_000);
  const { totals } = await queues.settle(queues.at(4).stats(TOPIC, options));
  assert.equal(totals.published, 2);
  queues.check();
});

Deno.test("a delivery that was carried to a newer leader has its bodies all the same", async () => {
  const queues = await QueueFleet.led();
  await queues.publish(1, ["a", "b"]);
  // The new leader hears the proposal, while the former one does not hear of the entry for a while.
  await queues.lead(2);
  queues.fleet.network.drops = ({ from, to, topic }) => {
    return topic === RAFT_TOPIC && from === "p2" && to === "p1";
  };
  const waiting = new Watched(queues.consume(1, { max: 2, waitMs: 5_000 }));
  await queues.fleet.run(100);
  queues.fleet.network.drops = () => false;
  await queues.fleet.until("it is delivered", () => !waiting.pending, 5_000);
  assert.deepEqual(textsOf(waiting.result!), ["a", "b"]);
  queues.check();
});

Deno.test("who asks a leader that has just started is woken by what it applies again", async () => {
  for (const peers of [1, 3]) {
    const queues = await QueueFleet.led({ peers });
    assert.deepEqual(await queues.taken(1), [], "the lane is there");
    for (const { service } of queues.fleet.peers) await queues.settle(service.takeSnapshot(1));
    await queues.publish(1, ["a"]);
    for (const peer of queues.fleet.peers) peer.crash();
    // The log is read slowly, so that the leader is asked before it has applied what it holds.
    for (const peer of queues.fleet.peers) peer.readMs = 200;
    for (const peer of queues.fleet.peers) await peer.start();
    const asked = new Watched(queues.consume(1, { waitMs: 60_000 }));
    await queues.fleet.until("it is delivered", () => !asked.pending, 6_000);
    assert.deepEqual(textsOf(asked.result!), ["a"]);
    queues.check();
  }
});

Deno.test("bodies that cannot be read cost nobody an answer, also who was dealt what another had asked for", async () => {
  const queues = await QueueFleet.led();
  await queues.publish(1, ["a"]);
  const { values } = queues.peer(1).group(1);
  const read = values.read.bind(values);
  let failures = 0;
  values.read = (references) => {
    if (failures++ > 0) return read(references);
    return Promise.reject(new StorageCorruptError("the value is damaged", "value", 0));
  };
  const gone = new AbortController();
  const asked = { waitMs: 5_000, visibilityMs: 1_000 };
  const leaving = new Watched(queues.consume(1, { ...asked, signal: gone.signal }));
  const staying = new Watched(queues.consume(1, asked));
  await queues.fleet.until("both wait", () => queues.at(1).consumers.waiting === 2, 50);
  gone.abort();
  await queues.fleet.until("it comes again", () => !staying.pending, 3_000);
  assert.equal(failures, 2);
  const [delivery] = staying.result!;
  assert.deepEqual([textsOf([delivery!])[0], delivery!.attempts], ["a", 2]);
  assert.ok(!leaving.pending);
  assert.equal(queues.at(1).consumers.waiting, 0);
  queues.check();
});

Deno.test("bodies are found again when their values were moved", async () => {
  const queues = await QueueFleet.led({ valueFileBytesMax: 2_000 });
  const filler = "x".repeat(400);
  for (let number = 0; number < 30; number++) await queues.publish(2, [`${number} ${filler}`]);
  // Of each file little stays, which is then rewritten.
  const taken = await queues.settle(queues.consume(2, { max: 30, visibilityMs: 3_000 }));
  await queues.acknowledge(3, taken.filter((_, place) => place % 4 !== 0));
  await queues.fleet.run(3_500);
  const again = new Watched(queues.consume(3, { max: 30, waitMs: 5_000 }));
  await queues.fleet.until("they come", () => !again.pending, 6_000);
  const numbers = textsOf(again.result!).map((text) => Number(text.split(" ")[0]));
  assert.deepEqual(numbers, [0, 4, 8, 12, 16, 20, 24, 28]);
  queues.check();
});

Deno.test("a peer that is about to stop sends its consumers elsewhere, and takes nothing along", async () => {
  const queues = await QueueFleet.led();
  const waiting = [2, 2, 3].map((number) => {
    return new Watched(queues.consume(number, { waitMs: 60_000 }));
  });
  await queues.fleet.run(100);
  const tookMs = await queues.fleet.until("it has drained", drained(queues, 2), 400);
  assert.ok(tookMs < 100, `${tookMs} ms`);
  const [one, other, third] = waiting;
  for (const gone of [one!, other!]) {
    assert.equal((gone.error as { code: string }).code, "SHUTTING_DOWN");
  }
  await queues.publish(2, ["a", "b"]);
  await queues.fleet.until("the other peer's has one", () => !third!.pending, 100);
  assert.deepEqual(await queues.taken(2), ["b"], "what is there is still delivered");
  const [{ attempts }] = third!.result as unknown as [{ attempts: number }];
  assert.equal(attempts, 1);
  const late = queues.settle(queues.consume(2, { waitMs: 10_000 }));
  await assert.rejects(late, { code: "SHUTTING_DOWN" });
  assert.deepEqual(await queues.taken(2), [], "who does not wait is told as ever");
  queues.check();
});

function drained(queues: QueueFleet, number: number): () => boolean {
  let done = false;
  queues.at(number).drain().then(() => void (done = true));
  return () => done;
}

Deno.test("a peer that has ended tells everybody so", async () => {
  const queues = await QueueFleet.led();
  const own = new Watched(queues.consume(1, { waitMs: 60_000 }));
  await queues.fleet.run(100);
  const { SkeinError } = await import("../../src/errors.ts");
  queues.at(1).close(new SkeinError("STORAGE_FAILED", "the disk is gone"));
  await queues.fleet.until("it knows", () => !own.pending, 100);
  assert.equal((own.error as { code: string }).code, "STORAGE_FAILED");
  queues.check();
});

Deno.test("many consumers of many peers, leaders that change: every message once", async () => {
  const queues = await QueueFleet.led({ peers: 4, founders: 3, partitions: 2 });
  const seen: string[] = [];
  const failures: unknown[] = [];
  let stop = false;
  const consumer = async (number: number) => {
    while (!stop) {
      const asked = consumeRequest({ max: 3, waitMs: 500 });
      const deliveries = await queues.at(number).consume(asked).catch((error) => {
        failures.push(error);
        return [];
      });
      if (deliveries.length === 0) continue;
      seen.push(...textsOf(deliveries));
      const names = deliveries.map(({ receipt }) => ({ id: null, receipt }));
      const asking = { topic: TOPIC, deliveries: names, request: null };
      const results = await queues.at(number).acknowledge(asking);
      assert.ok(results.every(({ ok }) => ok), JSON.stringify(results));
    }
  };
  const working = [1, 2, 3, 4, 1, 2, 3, 4].map(consumer);
  for (let round = 0; round < 12; round++) {
    const texts = Array.from({ length: 10 }, (_, place) => `${round}.${place}`);
    await queues.publish(1 + round % 4, texts);
    if (round % 3 === 2) await queues.lead(1 + round % 2, queues.groupOf(TOPIC));
  }
  await queues.fleet.until("all are seen", () => seen.length >= 120, 20_000);
  stop = true;
  await queues.settle(Promise.all(working));
  assert.deepEqual(failures, []);
  assert.equal(new Set(seen).size, 120);
  assert.equal(seen.length, 120, "and none twice");
  queues.check();
});
